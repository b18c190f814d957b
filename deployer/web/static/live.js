// Keeps a page live. Without it the page shows how things were when it was loaded.
//
// Parts marked with data-live are taken over from a fresh copy of the page whenever the engine made a step. A log that
// goes on is followed from data-seen, which says how far the page shows it.
"use strict";
(() => {
  const LINES_MAX = 5000; // in the page; older ones are behind a link
  const CLOSED_RETRY_MS = 5000;
  const OLD_RETRY_MS = 1000;
  const AGO_EVERY_MS = 20000;
  const base = document.body.dataset.base;
  const log = document.getElementById("log");
  const lost = document.getElementById("lost");
  let step = document.body.dataset.step;
  let source = null;
  let retry = 0;

  // The page's other parts.

  let refreshing = false;
  let again = false;
  async function refresh() {
    again = refreshing;
    if (refreshing) return;
    refreshing = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-without-log": "1" }, cache: "no-store" });
      if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // Not connected: the next event comes when it is.
    }
    refreshing = false;
    if (again) refresh();
  }

  function take(page) {
    for (const fresh of page.querySelectorAll("[data-live]")) {
      const old = document.querySelector(`[data-live="${CSS.escape(fresh.dataset.live)}"]`);
      if (!old || old.outerHTML === fresh.outerHTML) continue;
      for (const details of old.querySelectorAll("details[id]")) {
        const its = fresh.querySelector(`#${CSS.escape(details.id)}`);
        if (its) its.open = details.open;
      }
      old.replaceWith(document.adoptNode(fresh));
    }
    document.title = page.title;
    step = page.body.dataset.step;
    lookAgain();
    const itsLog = page.getElementById("log");
    if (log && itsLog && "follow" in itsLog.dataset && !("follow" in log.dataset)) {
      log.dataset.follow = "";
      connect();
    }
  }

  // A picture that is being made.
  function lookAgain() {
    if (document.querySelector("[data-old]")) setTimeout(refresh, OLD_RETRY_MS);
  }

  // The log: lines that are done are added, the window of those that may change is replaced.

  const done = document.getElementById("done");
  const open = document.getElementById("window");
  let added = "";
  let leaving = 0; // lines that left the window since it was shown
  let shown = null;
  let drawing = 0;
  function draw() {
    drawing = 0;
    const page = document.scrollingElement;
    const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
    if (added) done.insertAdjacentHTML("beforeend", added);
    added = "";
    if (shown !== null) open.innerHTML = shown;
    shown = null;
    for (; leaving > 0 && open.firstElementChild; leaving--) open.firstElementChild.remove();
    leaving = 0;
    const extra = done.childElementCount - LINES_MAX;
    if (extra > 0) {
      const range = document.createRange();
      range.setStartBefore(done.firstElementChild);
      range.setEndAfter(done.children[extra - 1]);
      range.deleteContents();
      const first = Number(done.querySelector("a.n").dataset.n);
      const earlier = document.getElementById("earlier");
      earlier.hidden = false;
      earlier.firstElementChild.href = `?line=${first - 1}#L${first - 1}`;
    }
    if (atEnd) page.scrollTop = page.scrollHeight;
  }
  function drawSoon() {
    if (!drawing) drawing = requestAnimationFrame(draw);
  }

  // One connection: browsers allow few.

  function connect() {
    clearTimeout(retry);
    source?.close();
    source = null;
    if (document.hidden) return;
    const following = log && "follow" in log.dataset;
    source = new EventSource(
      following
        ? `${log.dataset.events}?from=${encodeURIComponent(log.dataset.seen)}`
        : `${base}/events?step=${encodeURIComponent(step)}`,
    );
    source.onopen = () => (lost.hidden = true);
    source.onerror = () => {
      lost.hidden = false;
      // A refusal is not tried again by the browser.
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(connect, CLOSED_RETRY_MS);
    };
    source.addEventListener("step", refresh);
    if (!following) return;
    source.addEventListener("log", (event) => {
      log.dataset.seen = event.lastEventId;
      added += event.data;
      leaving += event.data.split('<div class="line">').length - 1;
      drawSoon();
    });
    source.addEventListener("window", (event) => {
      shown = event.data;
      leaving = 0;
      drawSoon();
    });
    source.addEventListener("end", () => {
      delete log.dataset.follow;
      document.getElementById("following")?.remove();
      connect();
      refresh();
    });
    // What happened while nobody listened.
    refresh();
  }
  document.addEventListener("visibilitychange", connect);

  // Times, and links to lines that are not on this page.

  function ago(time) {
    const s = Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (s < -1) return `in ${-s} s`;
    if (s < 5) return "just now";
    if (s < 60) return `${s} s ago`;
    if (s < 3600) return `${Math.floor(s / 60)} min ago`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
    return `${Math.floor(s / 86400)} d ago`;
  }
  setInterval(() => {
    for (const time of document.querySelectorAll("time")) time.textContent = ago(time);
  }, AGO_EVERY_MS);

  function toLine() {
    const line = /^#L(\d+)$/.exec(location.hash)?.[1];
    if (log && line && !document.getElementById(`L${line}`) && !location.search.includes("line=")) {
      location.replace(`?line=${line}#L${line}`);
    }
  }
  addEventListener("hashchange", toLine);
  toLine();
  lookAgain();
  connect();
})();
