// The form of a new run: its request as JSON, faults at their fields, and the way to the run's page.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { startPresets } from "../presets/presets.js";
import { startChecking } from "./checking.js";
import { showDates } from "./dates.js";
import { catchFiles } from "./dropping.js";
import { bringBack, enteredBefore, noteEntries } from "./entries.js";
import { showFaults } from "./faults.js";
import { describeFolds, unfold } from "./folds.js";
import { describeTogether, readFields, readSharing, tickersOf } from "../portfolios/sharing.js";
import { sendOnce } from "../requests.js";
import { readParams, showParams } from "./rule_params.js";
import { chosenWay, describeSweep, fieldFaults, readAxes, showAxes, sweepOf } from "./sweep.js";
import { visit } from "../swap.js";

function readRequest(form) {
  const inputs = [...form.querySelectorAll("[data-field]")].filter((input) => !input.closest("[data-sharing]"));
  const upToRule = inputs.findIndex((input) => input.name === "rule_type") + 1;
  const params = readParams(form.querySelector("#rule-params"));
  return { ...readFields(inputs.slice(0, upToRule)), params, ...readFields(inputs.slice(upToRule)) };
}

function fillForm(form, values) {
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
  const header = "'Content-Type: application/json'";
  return `curl -X POST ${location.origin}${at("/run_backtest")} \\\n  -H ${header} \\\n  -d '${body}'`;
}

function describe(form) {
  const request = readRequest(form);
  document.getElementById("request-json").textContent = JSON.stringify(request, null, 2);
  document.getElementById("request-curl").textContent = curl(request);
  const percent = request.size_type === "percent";
  form.querySelector('label[for="f-position_size"] .unit').textContent = percent ? "% of equity" : "money";
  for (const unit of form.querySelectorAll("[data-fraction]")) {
    const fraction = request[unit.closest("label").htmlFor.replace("f-", "")];
    unit.textContent = Number.isFinite(fraction) ? `= ${Number((fraction * 100).toPrecision(6))} %` : "fraction";
  }
  describeFolds(form);
  showAxes(form);
  describeSweep(form, request.params, describeTogether(form, request));
  form.dispatchEvent(new CustomEvent("described", { detail: request }));
}

function tellFaults(form, errors, message) {
  const left = showFaults(form, errors, (line, name) => {
    unfold(line);
    inputOf(form, name)?.setAttribute("aria-invalid", "true");
  });
  const box = document.getElementById("form-fault");
  box.textContent = left.length || !Object.keys(errors).length ? [message, ...left].join(" · ") : "";
  box.hidden = !box.textContent;
  const first = form.querySelector('[aria-invalid="true"]') ?? (box.hidden ? null : box);
  first?.focus();
  const count = Object.keys(errors).length;
  const summary = count > 1 ? `${count} fields need attention` : "A field needs attention";
  announce(`${summary}: ${Object.values(errors)[0] ?? message}`);
}

function inputOf(form, name) {
  return form.elements[name] ?? form.querySelector(`[data-path="${CSS.escape(name)}"]`);
}

function clearFaults(form) {
  for (const line of form.querySelectorAll(".fault")) line.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  document.getElementById("form-fault").hidden = true;
}

// Address, body and announcement of a run, a sweep or a portfolio.
function submission(form) {
  const [request, axes, tickers] = [readRequest(form), readAxes(form), tickersOf(form)];
  if (tickers.length) {
    const { ticker, ...base } = request;
    const isRanked = form.querySelector("#rule").hidden;
    if (isRanked) for (const name of ["rule_type", "params"]) delete base[name];
    const sweep = { ...sweepOf(form, { ...base, tickers }, axes), run_cap: 500, portfolio: readSharing(form) };
    if (isRanked && Object.keys(axes).length)
      return [at("/api/portfolios/batch"), sweep, (body) => `${body.runs} portfolios submitted`];
    return [at("/api/portfolios"), sweep, (body) => `Portfolio of ${body.legs} legs submitted`];
  }
  if (!Object.keys(axes).length) return [at("/run_backtest"), request, () => "Run submitted"];
  return [
    at(`/api/${chosenWay(form).how}`),
    sweepOf(form, request, axes),
    (body) => `${body.runs ?? body.combinations} combinations submitted`,
  ];
}

async function submit(form, note) {
  clearFaults(form);
  const button = form.querySelector('[type="submit"]');
  button.disabled = true;
  const [address, values, accepted] = submission(form);
  const { ok, status, body } = await sendOnce(address, values);
  button.disabled = false;
  if (ok) {
    note();
    announce(accepted(body));
    if (body.page_url) await visit(body.page_url);
    else if (body.batch_id) await visit(at(`/batches/${encodeURIComponent(body.batch_id)}`));
    else await visit(body.result_url, { Prefer: "wait" }); // the result may be ready in a moment
  } else {
    const hint = status === 401 ? ` Log in at ${at("/login")}.` : "";
    tellFaults(form, fieldFaults(body.errors ?? {}), `${body.error}${hint}`);
  }
}

export function startRunForm(form) {
  const initial = JSON.parse(form.dataset.values);
  const before = enteredBefore();
  fillForm(form, before?.request ?? initial);
  if (before) {
    showAxes(form);
    bringBack(form, before);
  }
  document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
  const note = noteEntries(form, readRequest);
  startChecking(form);
  catchFiles(form, note);
  startPresets(form, {
    read: readRequest,
    fill: (values) => {
      fillForm(form, values);
      describe(form);
    },
  });
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
  form.addEventListener("reset", () =>
    setTimeout(() => {
      clearFaults(form);
      form.querySelector("[data-axes]").replaceChildren();
      fillForm(form, initial);
      describe(form);
    }),
  ); // after the browser has reset the fields
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form, note);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
