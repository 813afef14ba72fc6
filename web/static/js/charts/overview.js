// A chart of curves from one response; `read` converts it into data, panes, and the ratio of largest to smallest value.
import { sendJson } from "../requests.js";
import { Frame } from "./frame.js";
import { loadLibrary } from "./library.js";
import { drawRanges, firstOf } from "./ranges.js";

export class Overview {
  constructor(element, address, read) {
    Object.assign(this, { element, address, read });
  }

  async start() {
    const [library, { ok, body }] = await Promise.all([loadLibrary(this.element), sendJson(this.address)]);
    if (!ok) this.element.querySelector(".chart-status").textContent = body.error;
    if (!library || !ok) return;
    const { data, panes, spread } = this.read(body);
    this.frame = new Frame(
      this.element,
      library,
      data.times.some((time) => time % 86_400),
    );
    this.frame.data = data;
    this.frame.setPanes(panes, spread);
    drawRanges(this.element, data, (days) =>
      this.frame.showPoints(days ? firstOf(data.times, days) : 0, data.total - 1),
    );
    this.frame.redraw();
    requestAnimationFrame(() => performance.mark("chart-drawn"));
  }

  remove() {
    this.frame?.remove();
  }
}
