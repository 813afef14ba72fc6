// Why the rule did or did not trade, on one bar or over a period: next to the chart, or a bottom sheet when narrow.
import { make } from "../elements.js";
import { sendJson } from "../requests.js";

const MET = new Map([
  [true, "✓"],
  [false, "✗"],
  [null, "—"],
]);

export class Why {
  constructor(panel) {
    this.panel = panel;
    this.text = panel.querySelector(".explanation");
  }

  async explain(bar) {
    const { body: explanation } = await sendJson(`${this.panel.dataset.url}?bar=${bar}`);
    this.tell(explanation.date ? when(explanation.date) : "Why", explanation, [
      ...(explanation.conditions ?? []).map(condition),
      ...output(explanation),
    ]);
  }

  async explainStretch(from, to) {
    const { body: explanation } = await sendJson(`${this.panel.dataset.stretchUrl}?from=${from}&to=${to}`);
    this.tell(
      explanation.first ? `${when(explanation.first)} to ${when(explanation.last)}` : "Why",
      explanation,
      (explanation.held_back ?? []).map((words) => make("li", {}, words)),
    );
  }

  tell(heading, explanation, items) {
    this.open();
    this.text.hidden = false;
    this.text.querySelector("h3").textContent = heading;
    this.text.querySelector("p").textContent = explanation.sentence || explanation.note || explanation.error;
    this.text.querySelector("ul").replaceChildren(...items);
  }

  open() {
    this.panel.classList.add("open");
    this.panel.querySelector("[data-hint]").hidden = true;
  }

  close() {
    this.panel.classList.remove("open");
  }
}

// The same text as in the legend.
function when(stamp) {
  return stamp.slice(0, 16).replace("T", " ");
}

function condition({ side, words, met }) {
  const item = make("li", {}, `${MET.get(met)} ${side}: ${words}`);
  item.dataset.met = met;
  return item;
}

// What a strategy in Python plotted and printed on the bar.
function output({ plotted = {}, printed = "" }) {
  const items = Object.entries(plotted).map(([name, value]) =>
    make("li", {}, `${name} ${value === null ? "—" : value.toLocaleString("en", { maximumSignificantDigits: 6 })}`),
  );
  if (printed.trim()) items.push(make("li", {}, make("pre", { className: "code" }, printed.trimEnd())));
  return items;
}
