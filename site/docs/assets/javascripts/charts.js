/*
 * Draws the Vega-Lite charts of a page when they come near the screen, with no server and no other host.
 *
 * A chart is <figure class="ecco-chart" data-chart="x.js">: x.js calls eccoChart("id", {...}), so that it loads from a
 * folder on disk too, where fetch and modules are forbidden. The library lies beside this script and is loaded once,
 * by the first chart that is seen. Until a chart is drawn, and wherever it cannot be, its static picture stands there.
 */
(function () {
  "use strict";
  if (window.eccoChart) return;

  const here = document.currentScript.src;
  const specs = new Map();
  const views = new Map();
  const scripts = new Map();

  window.eccoChart = function (id, spec) {
    specs.set(id, spec);
  };

  function load(url) {
    if (!scripts.has(url)) {
      scripts.set(url, new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        script.src = url;
        script.onload = resolve;
        script.onerror = function () {
          scripts.delete(url);
          reject(new Error("the file " + url.replace(/^.*\//, "") + " cannot be loaded"));
        };
        document.head.appendChild(script);
      }));
    }
    return scripts.get(url);
  }

  async function draw(figure) {
    const place = figure.querySelector(".ecco-chart__view");
    figure.dataset.state = "loading";
    try {
      await Promise.all([
        load(new URL("vega-embed.js", here).href),
        load(new URL(figure.dataset.chart, document.baseURI).href),
      ]);
      const controls = figure.querySelector(".ecco-chart__controls");
      if (controls) controls.textContent = "";
      const spec = specs.get(figure.id);
      const inked = figure.dataset.renderer === "canvas" ? ink(spec, getComputedStyle(figure).color) : spec;
      const result = await window.vegaEmbed(place, inked, {
        mode: "vega-lite",
        renderer: figure.dataset.renderer,
        actions: false,
        ast: true,
        bind: controls || undefined,
        defaultStyle: false,
        tooltip: { theme: "ecco", disableDefaultStyle: true },
      });
      views.set(figure, result);
      figure.dataset.state = "ready";
      offerSaving(figure, result.view);
      keepRows(figure.querySelector(".ecco-chart__box"), place);
    } catch (error) {
      figure.dataset.state = "error";
      place.textContent = "";
      explain(figure, error);
    }
  }

  /* A canvas does not know the page's ink: name it, in everything but data and labels. */
  function ink(part, colour) {
    if (part === "currentColor") return colour;
    if (Array.isArray(part)) return part.map(function (item) { return ink(item, colour); });
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(Object.entries(part).map(function ([key, value]) {
      return [key, key === "datasets" || key === "params" ? value : ink(value, colour)];
    }));
  }

  function explain(figure, error) {
    const note = document.createElement("p");
    note.className = "ecco-chart__error";
    note.setAttribute("role", "status");
    note.textContent = "The interactive chart cannot be drawn here (" + error.message + "). The picture shows it at rest.";
    figure.insertBefore(note, figure.firstChild);
  }

  /* While a wide grid is scrolled, a copy of the names of its rows stays at the left. */
  function keepRows(box, place) {
    const names = Array.from(place.querySelectorAll(".role-axis-label text")).filter(function (name) {
      return name.getAttribute("text-anchor") === "end" && !/rotate/.test(name.getAttribute("transform") || "");
    });
    if (!box || !names.length) return;
    const copy = document.createElement("div");
    copy.className = "ecco-chart__rows";
    copy.setAttribute("aria-hidden", "true");
    copy.hidden = true;
    const corner = place.getBoundingClientRect();
    for (const name of names) {
      const where = name.getBoundingClientRect();
      const row = document.createElement("span");
      row.textContent = name.textContent;
      row.style.top = where.top - corner.top + "px";
      row.style.height = row.style.lineHeight = where.height + "px";
      copy.appendChild(row);
    }
    place.insertBefore(copy, place.firstChild);
    box.addEventListener("scroll", function () { copy.hidden = box.scrollLeft < 8; }, { passive: true });
  }

  function offerSaving(figure, view) {
    for (const button of figure.querySelectorAll("button[data-save]")) {
      button.hidden = false;
      button.onclick = async function () {
        const kind = button.dataset.save;
        const url = kind === "svg"
          ? URL.createObjectURL(new Blob([await view.toSVG()], { type: "image/svg+xml" }))
          : onPaper(await view.toCanvas(2), figure).toDataURL("image/png");
        const link = document.createElement("a");
        link.href = url;
        link.download = figure.id + "." + kind;
        link.click();
        if (kind === "svg") setTimeout(function () { URL.revokeObjectURL(url); }, 1000);
      };
    }
  }

  function onPaper(canvas, figure) {
    const sheet = document.createElement("canvas");
    sheet.width = canvas.width;
    sheet.height = canvas.height;
    const context = sheet.getContext("2d");
    const dark = figure.dataset.renderer === "canvas" && getComputedStyle(document.body).backgroundColor;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, sheet.width, sheet.height);
    if (dark) context.fillStyle = dark;
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(canvas, 0, 0);
    return sheet;
  }

  const near = new IntersectionObserver(function (entries) {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "400px" });

  function start() {
    for (const [figure, result] of views) {
      if (document.contains(figure)) continue;
      result.finalize();
      views.delete(figure);
    }
    for (const figure of document.querySelectorAll(".ecco-chart:not([data-state])")) {
      figure.dataset.state = "waiting";
      near.observe(figure);
    }
  }

  /* SVG follows the page's ink by itself; a canvas has to be drawn again. */
  function repaint() {
    for (const [figure, result] of Array.from(views)) {
      if (figure.dataset.renderer !== "canvas") continue;
      result.finalize();
      views.delete(figure);
      draw(figure);
    }
  }

  function begin() {
    start();
    /* Where light and dark are said: Material, and MkDocs' own theme. */
    new MutationObserver(repaint).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    if (window.document$) window.document$.subscribe(start);
  }

  window.addEventListener("beforeprint", function () {
    for (const picture of document.querySelectorAll(".ecco-chart__static")) picture.loading = "eager";
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
