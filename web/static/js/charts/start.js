// Draws the charts of a part of the page, and removes those that have left it.
import { readAccount } from "./account.js";
import { readCurves } from "./curves.js";
import { Overview } from "./overview.js";
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
    const { bars, account, curves } = element.dataset;
    const overview = () => new Overview(element, account ?? curves, account ? readAccount : readCurves);
    const chart = bars ? new Workspace(element) : overview();
    drawn.set(element, chart);
    chart.start();
  }
}
