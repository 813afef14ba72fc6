// Presets of the form: load, save, delete, and whether the form still says what the loaded one says.
import { announce } from "../announce.js";
import { sendJson } from "../requests.js";

const URL = "/api/strategies"; // an older word for presets

// What a preset decides, as text; compared with what it was right after loading, so that defaults count too.
function strategyOf(preset, request) {
  return JSON.stringify(Object.keys(preset.form).map((name) => request[name] ?? null));
}

export function startPresets(form, { read, fill }) {
  const panel = document.getElementById("presets");
  const list = panel.querySelector("#preset");
  const remove = panel.querySelector("#preset-delete");
  const state = panel.querySelector("#preset-state");
  const fault = panel.querySelector("#preset-fault");
  let presets = [];
  let loaded = "";

  const chosen = () => presets.find((preset) => String(preset.id) === list.value);

  function show(request) {
    const preset = chosen();
    remove.disabled = !preset;
    state.textContent = !preset ? "" : strategyOf(preset, request) === loaded ? "as saved" : "modified from preset";
  }

  function remember() {
    const request = read(form);
    loaded = chosen() ? strategyOf(chosen(), request) : "";
    show(request);
  }

  async function load(selected = "") {
    const { ok, body } = await sendJson(URL, null, { method: "GET" });
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
  form.addEventListener("described", (event) => show(event.detail));
  panel.querySelector("#preset-save").addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = event.target.elements.name;
    const { ok, body } = await sendJson(URL, { name: input.value, request: read(form) });
    fault.textContent = ok ? "" : [body.error, ...Object.values(body.errors ?? {})].join(": ");
    if (!ok) return;
    input.value = "";
    announce(`Preset ${body.name} saved`);
    await load(String(body.id));
  });
  remove.addEventListener("click", async () => {
    const preset = chosen();
    const { ok, body } = await sendJson(`${URL}/${preset.id}`, null, { method: "DELETE" });
    fault.textContent = ok ? "" : body.error;
    announce(ok ? `Preset ${preset.name} deleted` : body.error);
    await load();
  });
  load();
}
