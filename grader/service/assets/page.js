// What pages do better with scripts: progress as it happens, and a queue that renews itself. Everything works without.
"use strict";

// A run: follow its events, and load its page anew when its state changes.
const progress = document.querySelector("[data-events]");
if (progress) {
  const source = new EventSource(progress.dataset.events);
  let state = null;
  // The page was rendered with the events up to this one.
  const seen = Number(progress.dataset.after);
  const show = (event) => {
    if (Number(event.lastEventId) <= seen) return;
    let said = event.type;
    try {
      const data = JSON.parse(event.data);
      const values = Object.values(data).filter((value) => ["string", "number"].includes(typeof value));
      said = data.text ?? (values.length > 0 ? `${event.type}: ${values.join(" · ")}` : event.type);
    } catch {
      // A kind alone says something, too.
    }
    const line = document.createElement("li");
    const time = document.createElement("time");
    time.className = "figure";
    time.textContent = new Date().toISOString().slice(11, 19);
    line.append(time, " ", String(said));
    progress.append(line);
  };
  for (const kind of progress.dataset.kinds.split(" ")) source.addEventListener(kind, show);
  source.addEventListener("state", (event) => {
    const next = JSON.parse(event.data).state;
    if (state !== null && next !== state) {
      source.close();
      location.reload();
    }
    state = next;
  });
}

// The queue: fetch the same page again and take over what changed, as long as nobody is working in it.
const renewed = document.querySelector("[data-refresh]");
if (renewed) {
  const renew = async () => {
    try {
      if (!document.hidden && !renewed.contains(document.activeElement)) {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.ok && !answer.redirected) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const fresh = page.querySelector("[data-refresh]");
          if (fresh) {
            renewed.replaceChildren(...fresh.childNodes);
            renewed.dataset.refresh = fresh.dataset.refresh;
          }
        }
      }
    } catch {
      // The service restarts, or the network is away; the next turn asks again.
    }
    setTimeout(renew, Number(renewed.dataset.refresh) * 1000);
  };
  setTimeout(renew, Number(renewed.dataset.refresh) * 1000);
}
