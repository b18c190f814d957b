// Keeps a page live. Without it the page shows how things were when it was loaded.
//
// Parts marked with data-live are taken over from a fresh copy of the page whenever the engine made a step. A log that
// goes on is followed from data-seen, which says how far the page shows it.
"use strict";
(() => {
  const LINES_MAX = 2000; // in the page; older ones are behind a link
  const DRAW_EVERY_MS = 100; // a log that floods in leaves time for everything else
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
      if (old) become(old, fresh);
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

  // Changes only what differs: what has the focus, is selected or being pressed stays. What has a key is only ever
  // taken for what has the same one: a button that is pressed does not become that of another job.
  const key = (node) => node?.id || node?.dataset?.key || node?.getAttribute?.("action") || "";
  function become(old, fresh) {
    if (old.nodeName !== fresh.nodeName || key(old) !== key(fresh)) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    const isPersons = (name) => name === "open" && old.nodeName === "DETAILS";
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !isPersons(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !isPersons(name)) old.setAttribute(name, value);
    }
    const kept = new Set([...fresh.children].map(key));
    let at = old.firstChild;
    const drop = () => {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    };
    for (const node of [...fresh.childNodes]) {
      while (at && key(at) && !kept.has(key(at))) drop();
      if (at && key(at) === key(node)) {
        const next = at.nextSibling;
        become(at, node);
        at = next;
      } else {
        old.insertBefore(node, at);
      }
    }
    while (at) drop();
  }

  // A picture that is being made.
  function lookAgain() {
    if (document.querySelector("[data-old]")) setTimeout(refresh, OLD_RETRY_MS);
  }

  // The log: lines that are done are added, the window of those that may change is replaced.

  const done = document.getElementById("done");
  const open = document.getElementById("window");
  let added = []; // with how many lines each has
  let addedLines = 0;
  let skipped = false; // some were not shown, so all before them go
  let leaving = 0; // lines that left the window since it was shown
  let shown = null;
  let drawing = 0;
  function draw() {
    drawing = 0;
    const page = document.scrollingElement;
    const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 80;
    if (skipped) done.textContent = "";
    skipped = false;
    if (added.length) done.insertAdjacentHTML("beforeend", added.map((some) => some.html).join(""));
    added = [];
    addedLines = 0;
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
    }
    const first = Number(done.querySelector("a.n")?.dataset.n ?? 1);
    if (first > 1) {
      const earlier = document.getElementById("earlier");
      earlier.hidden = false;
      earlier.firstElementChild.href = `?line=${first - 1}#L${first - 1}`;
    }
    if (atEnd) page.scrollTop = page.scrollHeight;
  }
  function drawSoon() {
    if (!drawing) drawing = setTimeout(() => requestAnimationFrame(draw), DRAW_EVERY_MS);
  }
  function add(html) {
    const lines = html.split('<div class="line">').length - 1;
    added.push({ html, lines });
    addedLines += lines;
    leaving += lines;
    // What would be gone at once is not shown first.
    while (addedLines - added[0].lines >= LINES_MAX) {
      addedLines -= added.shift().lines;
      skipped = true;
    }
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
      add(event.data);
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
