// Follows what happens: when the stream ticks, the page is fetched anew and its parts with `data-live` are exchanged.
// Everything works without this file by loading the page again. No words stand here; they come with the page.
"use strict";

(() => {
  const live = () => document.querySelectorAll("[data-live][id]");
  const clock = { ahead: Number(document.documentElement.dataset.now) - Date.now() };

  // --- countdowns: <time data-until="milliseconds" data-over="text"> shows what is left of it ---
  const two = (number) => String(number).padStart(2, "0");
  const left = (until) => {
    const seconds = Math.max(0, Math.round((until - Date.now() - clock.ahead) / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  };
  const count = () => {
    for (const time of document.querySelectorAll("time[data-until]")) {
      const over = Number(time.dataset.until) <= Date.now() + clock.ahead;
      time.textContent = over ? time.dataset.over : left(Number(time.dataset.until));
      time.classList.toggle("over", over);
    }
  };
  count();
  setInterval(count, 1000);

  // --- a long menu on a phone begins at the page that is shown ---
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // --- exchange of what is live ---
  const exchange = (fresh) => {
    for (const old of live()) {
      const next = fresh.getElementById(old.id);
      if (!next || next.innerHTML === old.innerHTML) continue;
      const opened = [...old.querySelectorAll("details[id][open]")].map((one) => one.id);
      const focus = old.contains(document.activeElement) ? document.activeElement : null;
      old.replaceWith(document.adoptNode(next));
      for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
      const again = focus?.id || focus?.getAttribute("href");
      if (again) next.querySelector(`[id="${CSS.escape(again)}"], a[href="${CSS.escape(again)}"]`)?.focus();
    }
    document.title = fresh.title;
    clock.ahead = Number(fresh.documentElement.dataset.now) - Date.now();
    count();
  };
  let fetching = false;
  let again = false;
  const follow = async () => {
    again = fetching;
    if (fetching || !live().length) return;
    fetching = true;
    try {
      const response = await fetch(location.href, { headers: { "X-Live": "1" }, cache: "no-store" });
      if (response.redirected) location.reload(); // signed out meanwhile
      else if (response.ok) exchange(new DOMParser().parseFromString(await response.text(), "text/html"));
    } catch {
      // the stream says by itself that the connection is lost
    } finally {
      fetching = false;
      if (again) follow();
    }
  };

  // --- what is under way ticks by no stream: <... data-live data-poll="milliseconds"> is looked at again ---
  const poll = () => {
    const busy = document.querySelector("[data-live][data-poll]");
    if (busy) setTimeout(() => follow().then(poll), Number(busy.dataset.poll));
  };
  poll();

  const { stream } = document.body.dataset;
  if (!stream || !live().length) return;
  const offline = document.getElementById("offline");
  const quiet = 40_000; // the stream says something at least every 15 seconds
  let heard = Date.now();
  const lost = () => {
    offline.hidden = false;
  };
  const found = () => {
    heard = Date.now();
    if (offline.hidden) return;
    offline.hidden = true;
    follow();
  };
  const source = new EventSource(stream);
  source.addEventListener("open", found);
  source.addEventListener("still", found);
  source.addEventListener("tick", () => {
    found();
    follow();
  });
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  window.addEventListener("offline", lost);
  window.addEventListener("online", found);
  setInterval(() => Date.now() - heard > quiet && lost(), 5000);
})();
