/*
 * Token strips: choose an output token, and the tokens before it take the colours of its scores.
 *
 * Pointing at an output or moving to it with the arrow keys chooses it; a click, a tap, Enter or Space pins it, the same
 * again or Escape lets it go. A pinned output is in the address (#figure-t12), so that it can be linked to. The strip
 * arrives readable and coloured for its first output; all this script needs is in its data attribute.
 */
(function () {
  "use strict";

  const RAISE = "#e66100", LOWER = "#2a7bd6", STRONGEST = 0.62, STEPS = 1000, NAMED = 4;

  function percent(share) {
    return (100 * share).toFixed(share >= 0.0995 || share === 0 ? 0 : 1) + "\u00a0%";
  }

  function amount(score, signed, isShare) {
    const size = Math.abs(score);
    const digits = isShare ? percent(size)
      : size >= 0.1 || size === 0 ? size.toFixed(2) : String(Number(size.toPrecision(2)));
    return (signed ? (score > 0 ? "+" : score < 0 ? "\u2212" : "") : "") + digits;
  }

  function isolated(label) {
    const rightToLeft = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}]/u;
    return rightToLeft.test(label) ? "\u2068" + label + "\u2069" : label;
  }

  function enhance(strip) {
    strip.dataset.ready = "";
    const data = JSON.parse(strip.dataset.strip);
    const tokens = Array.from(strip.querySelectorAll(".ecco-tok"));
    const outputs = Array.from(strip.querySelectorAll("[data-row]"));
    const says = strip.querySelector(".ecco-strip__says");
    const low = strip.querySelector("[data-low]"), high = strip.querySelector("[data-high]");
    const parts = strip.querySelectorAll("[data-part]");
    const titles = tokens.map(function (token) { return token.title; });
    let chosen = 0, pinned = null;

    function paint(row) {
      const total = row.s.reduce(function (sum, share) { return sum + Math.abs(share || 0); }, 0) || 1;
      parts.forEach(function (part, index) { part.textContent = row.q[index]; });
      tokens.forEach(function (token, index) {
        const share = row.s[index];
        token.title = titles[index];
        if (share === undefined || share === null) {
          token.removeAttribute("style");
          delete token.dataset.v;
          delete token.dataset.p;
          delete token.dataset.lowers;
          return;
        }
        const lowers = data.signed && share < 0;
        const alpha = Math.round(Math.abs(share) / STEPS * STRONGEST * 255).toString(16).padStart(2, "0");
        token.style.setProperty("--ecco-fill", (lowers ? LOWER : RAISE) + alpha);
        token.style.setProperty("--ecco-bar", Math.abs(share) / STEPS);
        token.dataset.v = amount(share / STEPS * row.m, data.signed, data.shares);
        token.title += ": " + token.dataset.v;
        if (!data.shares) {
          token.dataset.p = percent(Math.abs(share) / total);
          token.title += ", " + token.dataset.p + " of all";
        }
        token.toggleAttribute("data-lowers", lowers);
      });
      if (low) low.textContent = "\u2212" + amount(row.m, false, data.shares);
      if (high) high.textContent = amount(row.m, data.signed, data.shares);
    }

    function sentence(row) {
      const strongest = row.s.map(function (share, index) { return [share, index]; })
        .filter(function (pair) { return pair[0]; })
        .sort(function (a, b) { return Math.abs(b[0]) - Math.abs(a[0]) || a[1] - b[1]; })
        .slice(0, NAMED)
        .map(function (pair) {
          return isolated(data.labels[pair[1]]) + " " + amount(pair[0] / STEPS * row.m, data.signed, data.shares);
        });
      return isolated(row.o) + (row.d ? " (" + row.d + ")" : "") + ": " +
        (strongest.join(", ") || "nothing the model read moved it");
    }

    function choose(number) {
      if (number !== chosen) {
        chosen = number;
        paint(data.rows[number]);
        says.textContent = sentence(data.rows[number]);
      }
      for (const output of outputs) {
        const row = Number(output.dataset.row);
        output.setAttribute("aria-pressed", row === chosen);
        output.tabIndex = row === chosen ? 0 : -1;
        output.toggleAttribute("data-pinned", row === pinned);
      }
    }

    function pin(number) {
      pinned = number;
      choose(number === null ? chosen : number);
    }

    function toggle(output) {
      const number = Number(output.dataset.row);
      pin(pinned === number ? null : number);
      remember(pinned === null ? "" : "#" + output.id);
    }

    function remember(hash) {
      try {
        history.replaceState(history.state, "", hash || location.pathname + location.search);
      } catch (error) { /* a notebook's frame has no address of its own */ }
    }

    function output(event) {
      return event.target.closest("[data-row]");
    }

    strip.addEventListener("pointerover", function (event) {
      const over = output(event);
      if (over && pinned === null && event.pointerType !== "touch") choose(Number(over.dataset.row));
    });
    strip.addEventListener("focusin", function (event) {
      const over = output(event);
      if (over && pinned === null) choose(Number(over.dataset.row));
    });
    strip.addEventListener("click", function (event) {
      const over = output(event);
      const view = event.target.closest(".ecco-strip__views button");
      if (over) toggle(over);
      if (view) show(view.dataset.view);
    });
    strip.addEventListener("keydown", function (event) {
      const over = output(event);
      if (event.key === "Escape" && pinned !== null) {
        pin(null);
        remember("");
      }
      if (!over) return;
      const at = outputs.indexOf(over);
      const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: outputs.length - 1 }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        const next = outputs[Math.max(0, Math.min(outputs.length - 1, to))];
        next.tabIndex = 0;
        next.focus();
      } else if ((event.key === "Enter" || event.key === " ") && over.tagName !== "BUTTON") {
        event.preventDefault();
        toggle(over);
      }
    });

    function show(view) {
      strip.dataset.view = view;
      for (const button of strip.querySelectorAll(".ecco-strip__views button")) {
        button.setAttribute("aria-pressed", button.dataset.view === view);
      }
    }

    function follow() {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && target.dataset.row && strip.contains(target)) pin(Number(target.dataset.row));
    }

    if (data.rows.length) paint(data.rows[0]);
    strip.querySelector(".ecco-strip__views").hidden = false;
    window.addEventListener("hashchange", follow);
    follow();
  }

  function start() {
    for (const strip of document.querySelectorAll(".ecco-strip:not([data-ready])")) enhance(strip);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  if (window.document$) window.document$.subscribe(start);
})();
