// The form of a new run: what it asks for as JSON, the faults at their fields, and the way to the run's page.
import { announce } from "./announce.js";
import { startPresets } from "./presets.js";
import { showDates } from "./run_dates.js";
import { sendOnce } from "./requests.js";
import { readParams, showParams } from "./rule_params.js";
import { visit } from "./swap.js";

const CHECKS = ["fractional_shares", "charts"];
const TEXTS = ["ticker", "timeframe", "start_date", "end_date", "rule_type", "size_type", "direction", "fill"];
const NUMBERS = ["initial_capital", "position_size", "fee_rate", "slippage_bps", "risk_free_rate"];
const OPTIONAL = ["stop_loss_pct", "take_profit_pct", "trailing_stop_pct"];

export function numberOf(input) {
  if (input.validity.badInput) return "not a number";
  return input.value === "" ? null : Number(input.value);
}

export function readRequest(form) {
  const field = (name) => form.elements[name];
  const request = {};
  for (const name of TEXTS) request[name] = field(name).value;
  request.params = readParams(form.querySelector("#rule-params"));
  for (const name of NUMBERS) request[name] = numberOf(field(name));
  for (const name of OPTIONAL) if (numberOf(field(name)) !== null) request[name] = numberOf(field(name));
  for (const name of CHECKS) request[name] = field(name).checked;
  if (field("label").value.trim()) request.label = field("label").value.trim();
  return request;
}

export function fillForm(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const input = form.elements[name];
    if (!input) continue;
    if (input.type === "checkbox") input.checked = Boolean(value);
    else input.value = value ?? "";
  }
  showParams(form, values.params ?? {});
  if ("start_date" in values || !form.elements.start_date.value) showDates(form, values.start_date, values.end_date);
}

function curl(request) {
  const body = JSON.stringify(request).replaceAll("'", "'\\''");
  return `curl -X POST ${location.origin}/run_backtest \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function describe(form) {
  const request = readRequest(form);
  document.getElementById("request-json").textContent = JSON.stringify(request, null, 2);
  document.getElementById("request-curl").textContent = curl(request);
  const percent = request.size_type === "percent";
  form.querySelector('label[for="f-position_size"] .unit').textContent = percent ? "% of equity" : "money";
  const fee = request.fee_rate;
  form.querySelector('label[for="f-fee_rate"] .unit').textContent = Number.isFinite(fee) ? `= ${Number((fee * 100).toPrecision(6))} %` : "fraction";
  form.dispatchEvent(new CustomEvent("described", { detail: request }));
}

export function showFaults(form, errors, message) {
  const left = [];
  for (const [name, text] of Object.entries(errors)) {
    const line = form.querySelector(`[data-fault="${CSS.escape(name)}"]`);
    if (!line) {
      left.push(`${name}: ${text}`);
      continue;
    }
    line.textContent = text;
    inputOf(form, name)?.setAttribute("aria-invalid", "true");
  }
  const box = document.getElementById("form-fault");
  box.textContent = left.length || !Object.keys(errors).length ? [message, ...left].join(" · ") : "";
  box.hidden = !box.textContent;
  const first = form.querySelector('[aria-invalid="true"]') ?? (box.hidden ? null : box);
  first?.focus();
  announce(`${Object.keys(errors).length || 1} field needs attention: ${Object.values(errors)[0] ?? message}`);
}

function inputOf(form, name) {
  return form.elements[name] ?? form.querySelector(`[data-path="${CSS.escape(name)}"]`);
}

function clearFaults(form) {
  for (const line of form.querySelectorAll(".fault")) line.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  document.getElementById("form-fault").hidden = true;
}

async function submit(form) {
  clearFaults(form);
  const button = form.querySelector('[type="submit"]');
  button.disabled = true;
  const { ok, status, body } = await sendOnce("/run_backtest", readRequest(form));
  button.disabled = false;
  if (ok) {
    announce("The run was accepted");
    await visit(body.result_url);
  } else {
    const hint = status === 401 ? " Log in at /login." : "";
    showFaults(form, body.errors ?? {}, `${body.error}${hint}`);
  }
}

export function startRunForm(form) {
  const initial = JSON.parse(form.dataset.values);
  fillForm(form, initial);
  startPresets(form, { read: readRequest, fill: (values) => {
    fillForm(form, values);
    describe(form);
  } });
  describe(form);
  form.addEventListener("input", () => describe(form));
  form.addEventListener("change", (event) => {
    if (event.target.name === "rule_type") showParams(form, {});
    if (["ticker", "timeframe"].includes(event.target.name)) showDates(form);
    event.target.removeAttribute("aria-invalid");
    describe(form);
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("button[type='button']")) queueMicrotask(() => describe(form));
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    clearFaults(form);
    for (const input of form.elements) if (input.name) input.value = input.defaultValue ?? input.value;
    for (const select of form.querySelectorAll("select[name]")) select.value = [...select.options].find((each) => each.defaultSelected)?.value ?? select.options[0]?.value;
    for (const name of CHECKS) form.elements[name].checked = form.elements[name].defaultChecked;
    form.elements.start_date.value = "";
    fillForm(form, initial);
    describe(form);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
