// Presets of the form: load, save, change, delete, and whether the form still equals the loaded one.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { sendJson } from "../requests.js";

const url = () => at("/api/strategies"); // the older name of presets

// Fields of a preset as text, compared with their state right after loading, so that defaults count too.
function strategyOf({ form }, request) {
  return JSON.stringify(Object.keys(form).map((name) => request[name] ?? null));
}

export function startPresets(form, { read, fill }) {
  const panel = document.getElementById("presets");
  const list = panel.querySelector("#preset");
  const remove = panel.querySelector("#preset-delete");
  const state = panel.querySelector("#preset-state");
  const fault = panel.querySelector("#preset-fault");
  const change = panel.querySelector("#preset-change");
  let presets = [];
  let loaded = "";

  const chosen = () => presets.find((preset) => String(preset.id) === list.value);

  function show(request) {
    const same = chosen() && strategyOf(chosen(), request) === loaded;
    remove.disabled = !chosen();
    change.disabled = !chosen() || same;
    state.textContent = !chosen() ? "" : same ? "saved" : "modified";
  }

  function remember() {
    const request = read(form);
    loaded = chosen() ? strategyOf(chosen(), request) : "";
    show(request);
  }

  async function load(selected = "") {
    const { ok, body } = await sendJson(url());
    if (!ok) {
      fault.textContent = body.error;
      return;
    }
    presets = body.strategies;
    list.replaceChildren(new Option(presets.length ? "Load a preset…" : "No presets yet", ""));
    for (const preset of presets) list.add(new Option(`${preset.name} · ${preset.rule_type}`, preset.id));
    list.value = selected;
    remember();
  }

  list.addEventListener("change", () => {
    fault.textContent = "";
    if (chosen()) fill(chosen().form);
    remember();
  });
  async function store(url, values, method) {
    const { ok, body } = await sendJson(url, { ...values, request: read(form) }, { method });
    fault.textContent = ok ? "" : [body.error, ...Object.values(body.errors ?? {})].join(": ");
    if (ok) await load(String(body.id));
    return ok ? body : null;
  }

  change.addEventListener("click", async () => {
    const { id, name } = chosen();
    if (await store(`${url()}/${id}`, {}, "PUT")) announce(`Preset ${name} saved`);
  });
  form.addEventListener("described", (event) => show(event.detail));
  panel.querySelector("#preset-save").addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = event.target.elements.name;
    const stored = await store(url(), { name: input.value }, "POST");
    if (!stored) return;
    input.value = "";
    announce(`Preset ${stored.name} saved`);
  });
  remove.addEventListener("click", async () => {
    const preset = chosen();
    if (!window.confirm(`Delete the preset ${preset.name}?`)) return;
    const { ok, body } = await sendJson(`${url()}/${preset.id}`, null, { method: "DELETE" });
    fault.textContent = ok ? "" : body.error;
    announce(ok ? `Preset ${preset.name} deleted` : body.error);
    await load();
  });
  load();
}
