// Presets of the form: load, save, change, delete, and whether the form still says what the loaded version says.
import { announce } from "../announce.js";
import { sendJson } from "../requests.js";

const URL = "/api/strategies"; // an older word for presets

// What a preset decides, as text; compared with what it was right after loading, so that defaults count too.
function strategyOf({ form }, request) {
  return JSON.stringify(Object.keys(form).map((name) => request[name] ?? null));
}

export function startPresets(form, { read, fill }) {
  const panel = document.getElementById("presets");
  const list = panel.querySelector("#preset");
  const remove = panel.querySelector("#preset-delete");
  const state = panel.querySelector("#preset-state");
  const fault = panel.querySelector("#preset-fault");
  const version = panel.querySelector("#preset-version");
  const change = panel.querySelector("#preset-change");
  let presets = [];
  let versions = []; // of the chosen preset, the latest first
  let loaded = "";

  const chosen = () => presets.find((preset) => String(preset.id) === list.value);

  const shown = () => versions.find((each) => String(each.version) === version.value);

  function show(request) {
    const same = shown() && strategyOf(shown(), request) === loaded;
    remove.disabled = !chosen();
    change.disabled = !shown() || same;
    state.textContent = !shown() ? "" : same ? "as saved" : "modified from preset";
  }

  function remember() {
    const request = read(form);
    loaded = shown() ? strategyOf(shown(), request) : "";
    show(request);
  }

  async function loadVersions() {
    const { ok, body } = chosen() ? await sendJson(`${URL}/${chosen().id}/versions`) : { ok: false, body: {} };
    versions = ok ? body.versions : [];
    fault.textContent = body.error ?? "";
    version.replaceChildren(...versions.map((each) => new Option(`Version ${each.version} · ${each.created_at.slice(0, 10)}`, each.version)));
    version.hidden = versions.length < 2;
  }

  async function load(selected = "") {
    const { ok, body } = await sendJson(URL);
    if (!ok) {
      fault.textContent = body.error;
      return;
    }
    presets = body.strategies;
    list.replaceChildren(new Option(presets.length ? "Load a preset…" : "No presets yet", ""));
    for (const preset of presets) list.add(new Option(`${preset.name} · ${preset.rule_type}`, preset.id));
    list.value = selected;
    await loadVersions();
    remember();
  }

  list.addEventListener("change", async () => {
    await loadVersions();
    if (shown()) fill(shown().form);
    remember();
  });
  version.addEventListener("change", () => {
    fill(shown().form);
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
    const stored = await store(`${URL}/${id}`, { version: versions[0].version }, "PUT");
    if (stored) announce(`Version ${stored.version} of preset ${name} saved`);
  });
  form.addEventListener("described", (event) => show(event.detail));
  panel.querySelector("#preset-save").addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = event.target.elements.name;
    const stored = await store(URL, { name: input.value }, "POST");
    if (!stored) return;
    input.value = "";
    announce(`Preset ${stored.name} saved`);
  });
  remove.addEventListener("click", async () => {
    const preset = chosen();
    if (!window.confirm(`Delete the preset ${preset.name} and its ${versions.length} versions?`)) return;
    const { ok, body } = await sendJson(`${URL}/${preset.id}`, null, { method: "DELETE" });
    fault.textContent = ok ? "" : body.error;
    announce(ok ? `Preset ${preset.name} deleted` : body.error);
    await load();
  });
  load();
}
