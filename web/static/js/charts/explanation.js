// Why the rule did, or did not, trade on one bar.
import { sendJson } from "../requests.js";
import { text } from "./library.js";

const MET = new Map([[true, "✓"], [false, "✗"], [null, "—"]]);

export async function explain(panel, bar) {
  const { body: said } = await sendJson(`${panel.dataset.url}?bar=${bar}`, null, { method: "GET" });
  panel.hidden = false;
  panel.querySelector("h3").textContent = said.date ?? "Why";
  panel.querySelector("p").textContent = said.sentence || said.note || said.error;
  panel.querySelector("ul").replaceChildren(...(said.conditions ?? []).map(condition));
}

function condition({ side, words, met }) {
  const item = text("li", `${MET.get(met)} ${side}: ${words}`);
  item.dataset.met = met;
  return item;
}
