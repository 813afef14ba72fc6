// The form that reserves the end of a ticker's prices, or releases it.
import { sendJson } from "../requests.js";

async function reserve(url, day) {
  const values = { from_date: day };
  const plan = await sendJson(`${url}?dry_run=true`, values, { method: "PUT" });
  if (!plan.ok) return plan;
  const lost = plan.body.deleted;
  const words = lost ? ` Equity, trades, signals and charts of ${lost} runs and plans are deleted.` : "";
  return window.confirm(`Reserve all bars from ${day} on?${words}`)
    ? sendJson(url, values, { method: "PUT" })
    : undefined;
}

export function startVaultForm(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const day = form.elements.from_date?.value;
    const url = form.dataset.vault;
    if (!day && !window.confirm("Release the reserved bars for everybody?")) return;
    const answer = await (day ? reserve(url, day) : sendJson(url, null, { method: "DELETE" }));
    if (answer?.ok) location.reload();
    else if (answer) form.querySelector(".fault").textContent = answer.body.errors?.from_date ?? answer.body.error;
  });
}
