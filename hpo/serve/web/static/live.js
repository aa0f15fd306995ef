// Keeps the page of a running search up to date: events say that something has changed, and the server renders it.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const APART = 2000; // milliseconds between two updates
  const LOOKS = 5; // at the same version, each after twice as long, until it waits for the next event
  const texts = new Map(); // of the parts, by their ids
  let due = null, last = 0, looks = 0;

  const partsOf = node => [...node.querySelectorAll("section[id]")];
  const idsOf = node => partsOf(node).map(part => part.id).join();

  // The new images are loaded before they are shown, so that nothing flickers.
  const loaded = part => Promise.allSettled([...part.querySelectorAll("img")].map(image => {
    image.loading = "eager";
    return image.decode();
  }));

  const replace = async (shown, fresh) => {
    await loaded(fresh);
    const before = shown.querySelector("[role=status]"), after = fresh.querySelector("[role=status]");
    if (before && after) { // the element that is announced has to stay
      if (before.textContent !== after.textContent) before.textContent = after.textContent;
      after.replaceWith(before);
    }
    shown.replaceWith(fresh);
  };

  const swap = async (shown, fresh) => {
    if (idsOf(shown) !== idsOf(fresh)) return replace(shown, fresh);
    let all = true;
    for (const part of partsOf(fresh)) {
      const old = document.getElementById(part.id), text = part.outerHTML;
      if (texts.get(part.id) === text) continue;
      if (old.contains(document.activeElement)) { // nobody loses the place where they are
        all = false;
        continue;
      }
      texts.set(part.id, text);
      await replace(old, part);
    }
    if (all) shown.dataset.version = fresh.dataset.version;
  };

  const update = async () => {
    try {
      const answer = await fetch(live.dataset.live, { credentials: "same-origin" });
      if (!answer.ok) return location.reload();
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("moving");
      const shown = document.getElementById("moving");
      if (fresh.dataset.state !== shown.dataset.state) return location.reload();
      const isNew = fresh.dataset.version !== shown.dataset.version;
      if (isNew) await swap(shown, fresh);
      due = null;
      last = Date.now();
      looks = isNew ? 0 : looks + 1;
      // The server may have sent what it had rendered before the last event.
      if (looks < LOOKS) setTimeout(soon, APART * 2 ** looks);
    } catch { // the server is away for a moment
      due = null;
      last = Date.now();
      soon();
    }
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
    events.addEventListener(kind, () => { looks = 0; soon(); });
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) look();
  };
})();
