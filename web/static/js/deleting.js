// Buttons that delete a run, a plan or a price series, after a confirmation that counts what goes.
import { announce } from "./announce.js";
import { sendJson } from "./requests.js";
import { visit } from "./swap.js";

// Asks whether to delete; returns { isConfirmed }, or { fault } when something needs it.
export async function confirmDeletion(name, url, values, method) {
  const { ok, body } = await sendJson(`${url}?dry_run=true`, values, { method });
  if (!ok) return { fault: body.error };
  if (body.refusals.length) return { fault: `Nothing was deleted: ${body.refusals.join("; ")}.` };
  const counts = Object.entries(body.deleted).map(
    ([kinds, count]) => `${count.toLocaleString("en")} ${count === 1 ? kinds.replace(/s$/, "") : kinds}`,
  );
  return { isConfirmed: window.confirm(`Delete ${name} for good? These go: ${counts.join(", ")}.`) };
}

async function onClick({ target }) {
  const button = target.closest("button[data-delete]");
  if (!button) return;
  const { delete: url, name, then } = button.dataset;
  button.disabled = true;
  const { isConfirmed, fault } = await confirmDeletion(name, url, null, "DELETE");
  const answer = isConfirmed ? await sendJson(url, null, { method: "DELETE" }) : { body: { error: fault } };
  button.disabled = false;
  const place = document.getElementById("action-fault");
  place.textContent = answer.body.error ?? "";
  place.hidden = !place.textContent;
  if (!answer.ok) return;
  announce("Deleted");
  await visit(then);
}

document.addEventListener("click", onClick);
