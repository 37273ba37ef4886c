/* A page opened from a folder may not start web workers, and the search of the theme needs one. There, and only there,
   this offers a worker that is a hidden frame: the script runs in it and messages pass through events. */
(function () {
  "use strict";
  if (location.protocol !== "file:") return;

  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      this.url = new URL(url, document.baseURI).href;
      this.onmessage = null;
      this.onerror = null;
      const frame = (this.frame = document.createElement("iframe"));
      frame.hidden = true;
      frame.title = "search";
      frame.setAttribute("aria-hidden", "true");
      frame.tabIndex = -1;
      this.ready = new Promise((resolve, reject) => {
        frame.addEventListener("load", () => this.start(resolve, reject), { once: true });
      });
      this.ready.catch((error) => {
        console.error(error);
        this.tell(new ErrorEvent("error", { message: error.message, error }));
      });
      frame.srcdoc = "<!doctype html><title>search</title>";
      const attach = () => document.body.append(frame);
      if (document.body) attach();
      else document.addEventListener("DOMContentLoaded", attach, { once: true });
    }

    start(resolve, reject) {
      const inside = this.frame.contentWindow;
      const load = (source) =>
        new Promise((done, failed) => {
          const script = inside.document.createElement("script");
          script.src = new URL(source, this.url).href;
          script.onload = done;
          script.onerror = () => failed(new Error("cannot load " + script.src));
          inside.document.body.append(script);
        });
      inside.postMessage = (data) => this.tell(new MessageEvent("message", { data }));
      inside.importScripts = (...sources) => sources.reduce((before, one) => before.then(() => load(one)), Promise.resolve());
      load(this.url).then(resolve, reject);
    }

    tell(event) {
      const handler = event.type === "error" ? this.onerror : this.onmessage;
      if (typeof handler === "function") handler.call(this, event);
      this.dispatchEvent(event);
    }

    postMessage(data) {
      this.ready.then(() => {
        const inside = this.frame.contentWindow;
        const event = new inside.MessageEvent("message", { data });
        if (typeof inside.onmessage === "function") inside.onmessage(event);
        inside.dispatchEvent(event);
      }, () => {});
    }

    terminate() {
      this.frame.remove();
    }
  }

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
})();
