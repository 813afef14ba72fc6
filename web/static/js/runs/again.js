// Runs again with other params from the page of a run; the new run is compared with it.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { fieldValue } from "../inputs.js";
import { sendOnce } from "../requests.js";
import { visit } from "../swap.js";
import { showFaults } from "./faults.js";

// inputs.fast is the input `fast`; its bounds {value, min, max} are kept.
function withValue(params, path, value) {
  const [name, part] = path.split(".");
  if (!part) return { ...params, [name]: value };
  const inside = params[name] ?? {};
  const bounded = typeof inside[part] === "object" ? { ...inside[part], value } : value;
  return { ...params, [name]: { ...inside, [part]: bounded } };
}

async function runAgain(form) {
  const request = JSON.parse(form.dataset.request);
  const fields = [...form.querySelectorAll("[data-path]")];
  const params = fields.reduce((all, field) => withValue(all, field.dataset.path, fieldValue(field)), request.params);
  const button = form.querySelector("button");
  button.disabled = true;
  const { ok, body } = await sendOnce(at("/run_backtest"), { ...request, params });
  button.disabled = false;
  for (const line of form.querySelectorAll(".fault")) line.textContent = "";
  if (ok) {
    announce("The run was accepted");
    return visit(`${body.result_url}?beside=${form.dataset.run}`, { Prefer: "wait" });
  }
  const left = showFaults(form, body.errors ?? {});
  form.querySelector('[data-fault=""]').textContent = body.errors ? left.join(" · ") : body.error;
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "again-form") return;
  event.preventDefault();
  runAgain(event.target);
});
