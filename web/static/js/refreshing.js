// Refreshes parts of a page every data-refresh-s seconds while the tab is visible. A part that has ended has
// data-ended, which is announced.
import { announce } from "./announce.js";
import { refresh } from "./swap.js";

const timers = new Map();

async function keepFresh(id) {
  if (!document.getElementById(id)?.dataset.refreshS) return;
  if (!document.hidden) await refresh(id);
  const { ended } = document.getElementById(id)?.dataset ?? {};
  if (ended) announce(ended);
  schedule();
}

function schedule() {
  for (const part of document.querySelectorAll("[data-refresh-s]")) {
    clearTimeout(timers.get(part.id));
    timers.set(
      part.id,
      setTimeout(() => keepFresh(part.id), Number(part.dataset.refreshS) * 1000),
    );
  }
}

schedule();
document.addEventListener("swapped", schedule);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const part of document.querySelectorAll("[data-refresh-s]")) keepFresh(part.id);
});
