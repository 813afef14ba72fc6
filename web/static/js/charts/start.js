// Draws the charts of a part of the page, and forgets those that have left it.
import { Curves } from "./curves.js";
import { Workspace } from "./workspace.js";

const drawn = new Map();

export function startCharts(elements) {
  for (const [element, chart] of drawn) {
    if (element.isConnected) continue;
    chart.remove();
    drawn.delete(element);
  }
  for (const element of elements) {
    if (drawn.has(element)) continue;
    const chart = element.dataset.bars ? new Workspace(element) : new Curves(element);
    drawn.set(element, chart);
    chart.start();
  }
}
