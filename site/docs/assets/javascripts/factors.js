/*
 * Factors and text: choose a factor, and the tokens take its colour; choose a token, and see what it is made of.
 *
 * Pointing at a factor or a token, or moving to it with Tab and the arrow keys, chooses it; a click, a tap, Enter or
 * Space pins it, the same again or Escape lets it go. A pinned factor is in the address (#figure-f3). The figure arrives
 * readable, each token in the colour of its strongest factor; all this script needs is in its data attribute.
 */
(function () {
  "use strict";

  const STRONGEST = 0.62, STEPS = 100, NAMED = 6;

  function isolated(label) {
    const rightToLeft = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}]/u;
    return rightToLeft.test(label) ? "\u2068" + label + "\u2069" : label;
  }

  function enhance(figure) {
    figure.dataset.ready = "";
    const data = JSON.parse(figure.dataset.factors);
    const buttons = Array.from(figure.querySelectorAll(".ecco-factor"));
    const tokens = Array.from(figure.querySelectorAll(".ecco-tok"));
    const live = tokens.filter(function (token) { return token.getAttribute("role") === "button"; });
    const says = figure.querySelector(".ecco-factors__says");
    const all = figure.querySelector(".ecco-factors__all");
    const here = Array.from(figure.querySelectorAll(".ecco-factor__here"));
    const rest = says.textContent;
    let pinned = null;

    function fill(factor, step) {
      return data.colours[factor] + Math.round(step / STEPS * STRONGEST * 255).toString(16).padStart(2, "0");
    }

    function strongest(index) {
      let best = null;
      data.loadings.forEach(function (row, factor) {
        if (row[index] && (best === null || row[index] > data.loadings[best][index])) best = factor;
      });
      return best;
    }

    /* The whole state from what is chosen: {factor: 2}, {token: 17}, or nothing. */
    function show(chosen) {
      const factor = chosen && chosen.factor, index = chosen && chosen.token;
      tokens.forEach(function (token, number) {
        const by = factor === undefined || factor === null ? strongest(number) : factor;
        const step = by === null ? 0 : data.loadings[by][number] || 0;
        token.style.setProperty("--ecco-fill", step ? fill(by, step) : "transparent");
        if (token.hasAttribute("aria-pressed")) token.setAttribute("aria-pressed", number === index);
      });
      buttons.forEach(function (button, number) {
        button.setAttribute("aria-pressed", number === factor);
        const step = index === undefined || index === null ? null : data.loadings[number][index] || 0;
        button.style.setProperty("--ecco-level", step === null ? 0 : step / STEPS);
        button.toggleAttribute("data-faint", step === 0);
        here[number].setAttribute("x", step === null ? -2 : index - 0.1);
      });
      all.hidden = pinned === null;
      says.textContent = factor !== undefined && factor !== null ? ofFactor(factor)
        : index !== undefined && index !== null ? ofToken(index) : rest;
    }

    function listed(pairs, name) {
      return pairs.filter(function (pair) { return pair[1]; })
        .sort(function (a, b) { return b[1] - a[1] || a[0] - b[0]; })
        .slice(0, NAMED)
        .map(function (pair) { return name(pair[0]) + " at " + (pair[1] / STEPS).toFixed(2); })
        .join(", ");
    }

    function ofFactor(factor) {
      const row = data.loadings[factor].map(function (step, index) { return [index, step]; });
      return "Factor " + (factor + 1) + ": " + listed(row, function (index) {
        return isolated(data.labels[index]) + " (" + data.positions[index] + ")";
      });
    }

    function ofToken(index) {
      const column = data.loadings.map(function (row, factor) { return [factor, row[index]]; });
      const found = listed(column, function (factor) { return "factor " + (factor + 1); });
      return isolated(data.labels[index]) + " (" + data.positions[index] + "): " + (found || "in no factor");
    }

    function what(target) {
      const one = target.closest(".ecco-factor, .ecco-tok[role='button']");
      if (!one) return null;
      return one.dataset.factor === undefined ? { token: Number(one.dataset.token) } : { factor: Number(one.dataset.factor) };
    }

    function same(one, other) {
      return one !== null && other !== null && one.factor === other.factor && one.token === other.token;
    }

    function pin(chosen) {
      pinned = chosen;
      for (const one of figure.querySelectorAll("[data-pinned]")) one.removeAttribute("data-pinned");
      if (chosen !== null) {
        (chosen.token === undefined ? buttons[chosen.factor] : tokens[chosen.token]).setAttribute("data-pinned", "");
      }
      remember(chosen !== null && chosen.factor !== undefined ? "#" + buttons[chosen.factor].id : "");
      show(chosen);
    }

    function remember(hash) {
      try {
        history.replaceState(history.state, "", hash || location.pathname + location.search);
      } catch (error) { /* a notebook's frame has no address of its own */ }
    }

    figure.addEventListener("pointerover", function (event) {
      if (pinned === null && event.pointerType !== "touch") show(what(event.target));
    });
    figure.addEventListener("pointerleave", function () {
      if (pinned === null) show(null);
    });
    figure.addEventListener("focusin", function (event) {
      const chosen = what(event.target);
      if (pinned === null && chosen) show(chosen);
    });
    figure.addEventListener("click", function (event) {
      const chosen = what(event.target);
      if (chosen) pin(same(chosen, pinned) ? null : chosen);
      else if (event.target === all) pin(null);
    });

    function moved(list, event) {
      const at = list.indexOf(event.target);
      return { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
    }

    figure.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && pinned !== null) pin(null);
      const list = live.includes(event.target) ? live : buttons.includes(event.target) ? buttons : null;
      if (list === null) return;
      const to = moved(list, event);
      if (to !== undefined) {
        event.preventDefault();
        const next = list[Math.max(0, Math.min(list.length - 1, to))];
        if (list === live) {
          event.target.tabIndex = -1;
          next.tabIndex = 0;
        }
        next.focus();
      } else if (list === live && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        const chosen = what(event.target);
        pin(same(chosen, pinned) ? null : chosen);
      }
    });

    function follow() {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && target.classList.contains("ecco-factor") && figure.contains(target)) pin(what(target));
    }

    live.forEach(function (token) { token.tabIndex = token === live[0] ? 0 : -1; });
    window.addEventListener("hashchange", follow);
    follow();
  }

  function start() {
    for (const figure of document.querySelectorAll(".ecco-factors:not([data-ready])")) enhance(figure);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
  if (window.document$) window.document$.subscribe(start);
})();
