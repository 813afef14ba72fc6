// Parts of a page with data-refresh-s are swapped for their newest state so often, while the tab is visible.
import { swap } from "./swap.js";

const timers = new Map();

async function refresh(id) {
  const part = document.getElementById(id);
  if (!part?.dataset.refreshS) return;
  // not under the fingers of somebody who is choosing
  const busy = part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  if (!document.hidden && !busy) await swap(location.href, [id], { push: false, quiet: true, yields: true });
  schedule();
}

function schedule() {
  for (const part of document.querySelectorAll("[data-refresh-s]")) {
    clearTimeout(timers.get(part.id));
    timers.set(part.id, setTimeout(() => refresh(part.id), Number(part.dataset.refreshS) * 1000));
  }
}

export function startRefreshing() {
  schedule();
  document.addEventListener("swapped", schedule);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const part of document.querySelectorAll("[data-refresh-s]")) refresh(part.id);
  });
}
