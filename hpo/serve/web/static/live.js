// Keeps the page of a running search up to date: events say that something has changed, and the server renders it.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const APART = 2000; // milliseconds between two updates
  let due = null, last = 0;

  // The new images are loaded before they are shown, so that nothing flickers.
  const loaded = part => Promise.allSettled([...part.querySelectorAll("img")].map(image => {
    image.loading = "eager";
    return image.decode();
  }));

  const swap = async moved => {
    for (const part of moved.querySelectorAll("section[id]")) {
      const shown = document.getElementById(part.id);
      if (!shown) return location.reload();
      const text = part.outerHTML;
      if (shown.dataset.text === text || (shown.contains(document.activeElement) && part.id !== "progress")) continue;
      await loaded(part);
      part.dataset.text = text;
      const before = shown.querySelector("[role=status]"), after = part.querySelector("[role=status]");
      if (before && after) { // the element that is announced has to stay
        if (before.textContent !== after.textContent) before.textContent = after.textContent;
        after.replaceWith(before);
      }
      shown.replaceWith(part);
    }
  };

  const update = async () => {
    due = null;
    last = Date.now();
    try {
      const answer = await fetch(live.dataset.live, { credentials: "same-origin" });
      if (!answer.ok) return location.reload();
      const moved = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("moving");
      const shown = document.getElementById("moving");
      if (moved.dataset.state !== shown.dataset.state) return location.reload();
      if (moved.dataset.version !== shown.dataset.version) {
        shown.dataset.version = moved.dataset.version;
        await swap(moved);
      }
    } catch { soon(); } // the server is away for a moment
  };

  const soon = () => {
    if (due !== null || document.hidden) return;
    due = setTimeout(update, Math.max(0, last + APART - Date.now()));
  };

  document.addEventListener("visibilitychange", soon);
  const look = () => setInterval(soon, 3000); // where there are no events, it looks from time to time
  if (!live.dataset.events || !window.EventSource) return look();
  const events = new EventSource(live.dataset.events);
  for (const kind of ["trial", "round", "stage", "recommended", "test", "state", "progress", "reset"])
    events.addEventListener(kind, soon);
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) look();
  };
})();
