// Why the rule did, or did not, trade on one bar.
import { make } from "../elements.js";
import { sendJson } from "../requests.js";

const MET = new Map([[true, "✓"], [false, "✗"], [null, "—"]]);

export async function explain(panel, bar) {
  const { body: said } = await sendJson(`${panel.dataset.url}?bar=${bar}`);
  panel.hidden = false;
  panel.querySelector("h3").textContent = said.date ?? "Why";
  panel.querySelector("p").textContent = said.sentence || said.note || said.error;
  panel.querySelector("ul").replaceChildren(...(said.conditions ?? []).map(condition));
}

function condition({ side, words, met }) {
  const item = make("li", {}, `${MET.get(met)} ${side}: ${words}`);
  item.dataset.met = met;
  return item;
}
