// Loading of price files: each is examined by the server first, and stored only when asked for after that.
import { announce } from "../announce.js";
import { make } from "../elements.js";
import { sendJson } from "../requests.js";
import { swap } from "../swap.js";

// The ticker that a file's name says, or as much of it as can be one, and its timeframe if that is among `known`.
function named(fileName, known) {
  const stem = fileName.replace(/\.(gz|txt|csv)$/gi, "").replace(/\.(csv|txt)$/i, "");
  const suffix = /[_ ](\d+[mhd]|d)$/i;
  const timeframe = known.find((each) => each === suffix.exec(stem)?.[1].toLowerCase());
  const words = stem.replace(suffix, "").replace(/^(daily|nasdaq|nyse)[_ ]/i, "").split(/[ ,_(]/);
  return { ticker: words[0].replace(/\.us$/i, "").toUpperCase().replace(/[^A-Z0-9.^=-]/g, "").slice(0, 15), timeframe };
}

function put(file, ticker, timeframe, options) {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value !== ""));
  const address = `/api/prices/${encodeURIComponent(ticker || "-")}/${timeframe}?${query}`;
  return sendJson(address, file, { method: "PUT", headers: { "Content-Type": "text/csv" } });
}

function paragraph(text, className = "") {
  return make("p", { className }, text);
}

// What the server says about one file, as lines.
function lines({ ok, body }) {
  if (!ok) {
    const faults = Object.entries(body.errors ?? {}).map(([place, text]) => `${place}: ${text}`);
    return (faults.length ? faults : [body.error]).map((text) => paragraph(text, "fault"));
  }
  const what = { new: "A new series", changed: "A new version", unchanged: "Nothing new" }[body.outcome];
  const changed = body.outcome === "changed" ? `: ${body.added} bars added, ${body.revised} revised, ${body.removed} removed` : "";
  const range = `${body.bars.toLocaleString("en")} bars from ${body.first_bar.slice(0, 10)} to ${body.last_bar.slice(0, 10)}`;
  return [
    paragraph(`${what}${changed}. ${range}.`),
    ...body.done.map((text) => paragraph(`${text}.`, "hint")),
    ...body.warnings.map((each) => paragraph(each.message, "fault")),
  ];
}

export function startPriceLoading(form) {
  const input = form.querySelector("#price-files");
  const drop = form.querySelector("[data-drop]");
  const reports = form.querySelector("#price-reports");
  const button = form.querySelector("#price-load");
  const frames = form.querySelector("#price-timeframe");
  let chosen = [];

  const options = () => ({
    adjust: form.querySelector("#price-adjust").checked ? "" : "false",
    timezone: form.querySelector("#price-timezone").value.trim(),
    note: form.querySelector("#price-note").value.trim(),
  });

  function showButton() {
    const ready = chosen.filter((each) => each.ready).length;
    button.disabled = !ready;
    button.textContent = ready > 1 ? `Load ${ready} files` : "Load";
  }

  async function examine(each) {
    each.ready = false;
    each.report.replaceChildren(paragraph("Reading…", "hint"));
    showButton();
    const asked = (each.asked = {});
    const answer = await put(each.file, each.ticker.value.trim(), each.timeframe, { ...options(), dry_run: "true" });
    if (each.asked !== asked) return; // another question has been asked since
    each.report.replaceChildren(...lines(answer));
    each.ready = answer.ok && answer.body.outcome !== "unchanged";
    showButton();
  }

  function guessed(file) {
    const { ticker, timeframe } = named(file.name, [...frames.options].map((option) => option.value));
    return { ticker, timeframe: timeframe ?? frames.value };
  }

  function show(file, number) {
    const guess = guessed(file);
    const id = `price-ticker-${number}`;
    const ticker = make("input", { id, value: guess.ticker, maxLength: 15, className: "form-control form-control-sm ticker-input" });
    const report = make("div");
    reports.append(make("div", { className: "notice" }, make("label", { htmlFor: id }, `${file.name} is `), ticker, report));
    const each = { file, ticker, report, timeframe: guess.timeframe };
    ticker.addEventListener("change", () => examine(each));
    return each;
  }

  async function choose(files) {
    reports.replaceChildren();
    chosen = [...files].map(show);
    for (const each of chosen) await examine(each);
  }

  input.addEventListener("change", () => choose(input.files));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files);
  });
  for (const id of ["price-timeframe", "price-timezone", "price-adjust"]) {
    form.querySelector(`#${id}`).addEventListener("change", () => {
      for (const each of chosen) each.timeframe = guessed(each.file).timeframe;
      chosen.forEach(examine);
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    let stored = 0;
    for (const each of chosen.filter((one) => one.ready)) {
      const answer = await put(each.file, each.ticker.value.trim(), each.timeframe, { ...options(), source: each.file.name });
      each.ready = false;
      each.report.prepend(...(answer.ok ? [paragraph("✓ Loaded.", "up")] : lines(answer)));
      stored += answer.ok ? 1 : 0;
    }
    announce(stored === 1 ? "The file was loaded" : `${stored} files loaded`);
    if (stored) await swap(window.location.href, ["price-series"], { push: false });
    showButton();
  });
}
