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
    this.told = panel.querySelector(".explanation");
  }

  async explain(bar) {
    const { body: said } = await sendJson(`${this.panel.dataset.url}?bar=${bar}`);
    this.tell(said.date ? when(said.date) : "Why", said, (said.conditions ?? []).map(condition));
  }

  async explainStretch(from, to) {
    const { body: said } = await sendJson(`${this.panel.dataset.stretchUrl}?from=${from}&to=${to}`);
    this.tell(
      said.first ? `${when(said.first)} to ${when(said.last)}` : "Why",
      said,
      (said.held_back ?? []).map((words) => make("li", {}, words)),
    );
  }

  tell(heading, said, items) {
    this.open();
    this.told.hidden = false;
    this.told.querySelector("h3").textContent = heading;
    this.told.querySelector("p").textContent = said.sentence || said.note || said.error;
    this.told.querySelector("ul").replaceChildren(...items);
  }

  open() {
    this.panel.classList.add("open");
    this.panel.querySelector("[data-hint]").hidden = true;
  }

  close() {
    this.panel.classList.remove("open");
  }
}

// As the legend says it.
function when(stamp) {
  return stamp.slice(0, 16).replace("T", " ");
}

function condition({ side, words, met }) {
  const item = make("li", {}, `${MET.get(met)} ${side}: ${words}`);
  item.dataset.met = met;
  return item;
}
