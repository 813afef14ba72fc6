// Watches one run until it has ended: polls its status with back-off, pausing while the tab is hidden,
// and swaps the page's content when the state changes.
import { announce } from "../announce.js";
import { ask } from "../connection.js";
import { swap } from "../swap.js";

const FIRST_MS = 60; // a run without charts is done after a quarter of a second
const SLOWEST_MS = 5000;
const FACTOR = 1.3;

let watched = null;

class Watch {
  constructor(panel) {
    this.panel = panel;
    this.url = panel.dataset.statusUrl;
    this.status = panel.dataset.status;
    this.attempt = Number(panel.dataset.attempt);
    this.delay = FIRST_MS;
    this.schedule();
  }

  schedule() {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = setTimeout(() => this.poll(), this.delay);
    this.delay = Math.min(this.delay * FACTOR, SLOWEST_MS);
  }

  wake() {
    this.delay = FIRST_MS;
    this.schedule();
  }

  stop() {
    clearTimeout(this.timer);
  }

  async poll() {
    // the browser sends its ETag, and on 304 returns the cached body
    const answer = await ask(this.url, "application/json", { cache: "no-cache" }).catch(() => null);
    if (answer?.ok) await this.show(await answer.json());
    if (watched === this) this.schedule();
  }

  async show(now) {
    const queue = this.panel.dataset.queueAnswers;
    const queueChanged = queue && now.queue_answers !== null && queue !== String(now.queue_answers);
    if (now.status !== this.status || now.attempt !== this.attempt || queueChanged) {
      this.stop();
      if (!queueChanged) announce(`Run ${now.status}`);
      await swap(location.href, ["run"], { push: false, quiet: true });
      return;
    }
    const place = this.panel.querySelector("[data-position]");
    if (place && now.queue_answers)
      place.textContent = now.position === null ? "starting" : now.position === 0 ? "next" : `${now.position + 1}.`;
  }
}

function watch() {
  const panel = document.querySelector("[data-status-url]");
  if (watched && watched.panel === panel) return;
  watched?.stop();
  watched = panel ? new Watch(panel) : null;
}

watch();
document.addEventListener("swapped", watch);
document.addEventListener("visibilitychange", () => (document.hidden ? watched?.stop() : watched?.wake()));
