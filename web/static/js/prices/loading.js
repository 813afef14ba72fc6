// Loads price files: the server checks each file first, and stores it only on confirmation.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { make } from "../elements.js";
import { sendJson } from "../requests.js";
import { swap } from "../swap.js";

const FIELDS = { ticker: "Ticker", timeframe: "Timeframe", timezone: "Time zone of the file" };
const TICKER = "(?<ticker>[A-Z0-9.^=-]{1,15}?)";
// File names of Stooq, this platform, TradingView, Alpha Vantage and Investing.com; scripts/backtests/loading.py reads
// the same names.
const NAMES = [
  `${TICKER}[._]us(_[dhwm5])?`,
  `${TICKER}(_(?<frame>\\d+[dhmw]))?`,
  `[A-Z0-9_]+_${TICKER}, (?<frame>\\d*[A-Z]?)(_[0-9a-f]+)?`,
  `(daily|weekly)(_adjusted)?_${TICKER}`,
  `intraday_\\d+min_${TICKER}`,
  `${TICKER} Historical Data`,
].map((name) => new RegExp(`^${name}$`, "i"));

// Ticker in a file name, or its first word, and the timeframe if it is one of `timeframes`.
function seriesOf(fileName, timeframes) {
  const stem = fileName.replace(/( ?\(\d+\))?(\.(csv|txt|tsv|xlsx))?(\.(gz|bz2|xz|zip))?$/i, "");
  const parts = NAMES.map((name) => name.exec(stem)).find(Boolean)?.groups;
  // characters that no ticker has are kept; the server reports them
  const ticker = parts?.ticker ?? /_([^_]+), /.exec(stem)?.[1] ?? stem.split(/[ ,_(]/)[0];
  const timeframe = timeframes.find((each) => each === parts?.frame?.toLowerCase()) ?? "1d";
  return { ticker: ticker.toUpperCase(), timeframe };
}

function put({ file, ticker, timeframe, timezone }, options) {
  const query = new URLSearchParams(
    Object.entries({ timezone: timezone.value.trim(), ...options }).filter(([, value]) => value !== ""),
  );
  const symbol = ticker.value.trim() || "_"; // not a ticker, so the server rejects it
  const address = at(`/api/prices/${encodeURIComponent(symbol)}/${timeframe.value}?${query}`);
  return sendJson(address, file, { method: "PUT", headers: { "Content-Type": "text/csv" } });
}

function paragraph(text, className = "") {
  return make("p", { className }, text);
}

// Report of the server on one file, as lines.
function lines({ ok, body }) {
  if (!ok) {
    const faults = Object.entries(body.errors ?? {}).map(([place, text]) => `${FIELDS[place] ?? place}: ${text}`);
    return (faults.length ? faults : [body.error]).map((text) => paragraph(text, "fault"));
  }
  const what = { new: "New series", changed: "New version", unchanged: "No changes" }[body.outcome];
  const changed =
    body.outcome === "changed" ? `: ${body.added} bars added, ${body.revised} revised, ${body.removed} removed` : "";
  const [first, last] = [body.first_bar, body.last_bar].map((stamp) => stamp.slice(0, 10));
  const range = `${body.bars.toLocaleString("en")} bars from ${first} to ${last}`;
  return [
    paragraph(`${what}${changed}. ${range}.`),
    paragraph(`Detected: ${body.looks}. Change the timeframe or time zone if that's wrong.`, "hint"),
    ...body.done.map((text) => paragraph(`${text}.`, "hint")),
    ...body.warnings.map((each) => paragraph(each.message, "fault")),
  ];
}

// Summary of a stored file, with links.
function loaded({ ticker, timeframe }) {
  const symbol = ticker.value.trim().toUpperCase();
  const href = `${document.body.dataset.newRun}?${new URLSearchParams({ ticker: symbol, timeframe: timeframe.value })}`;
  return make(
    "p",
    {},
    make("span", { className: "up" }, "✓ Loaded. "),
    make("a", { href }, `Run a backtest on ${symbol}`),
  );
}

export function startPriceLoading(form) {
  const input = form.querySelector("#price-files");
  const drop = form.querySelector("[data-drop]");
  const reports = form.querySelector("#price-reports");
  const button = form.querySelector("#price-load");
  let chosen = [];

  const options = () => ({
    adjust: form.querySelector("#price-adjust").checked ? "" : "false",
    keep_dates: form.querySelector("#price-keep-dates").checked ? "true" : "",
    bad_rows: form.querySelector("#price-bad-rows").value,
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
    const question = {};
    each.question = question;
    const answer = await put(each, { ...options(), dry_run: "true", guess: each.guesses ? "true" : "" });
    if (each.question !== question) return; // superseded by a newer check
    each.report.replaceChildren(...lines(answer));
    if (answer.ok) {
      each.timeframe.value = answer.body.timeframe;
      each.timezone.value = answer.body.timezone ?? "";
    }
    each.zone.hidden = !each.timezone.value && !answer.body.errors?.timezone;
    each.ready = answer.ok && answer.body.outcome !== "unchanged";
    showButton();
  }

  function show(file, number) {
    const row = form.querySelector("#price-file").content.firstElementChild.cloneNode(true);
    const each = {
      file,
      guesses: true,
      report: row.querySelector("[data-report]"),
      zone: row.querySelector("[data-zone]"),
    };
    for (const field of row.querySelectorAll(".field")) {
      const [label, entry] = field.children;
      label.htmlFor = entry.id = `price-${entry.name}-${number}`;
      each[entry.name] = entry;
      entry.addEventListener("change", () => {
        each.guesses &&= entry !== each.timeframe; // a timeframe chosen by hand overrides the detected one
        examine(each);
      });
    }
    row.querySelector("[data-name]").textContent = file.name;
    row.setAttribute("aria-label", file.name);
    const series = seriesOf(
      file.name,
      [...each.timeframe.options].map((option) => option.value),
    );
    each.ticker.value = series.ticker;
    each.timeframe.value = series.timeframe;
    reports.append(row);
    return each;
  }

  async function choose(files) {
    reports.replaceChildren();
    chosen = [...files].map(show);
    for (const each of chosen) await examine(each);
  }

  input.addEventListener("change", () => choose(input.files));
  for (const name of ["dragenter", "dragover"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    choose(event.dataTransfer.files);
  });
  for (const name of ["adjust", "keep-dates", "bad-rows"])
    form.querySelector(`#price-${name}`).addEventListener("change", () => chosen.forEach(examine));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    let stored = 0;
    for (const each of chosen.filter((one) => one.ready)) {
      const answer = await put(each, { ...options(), source: each.file.name });
      each.ready = false;
      each.report.prepend(...(answer.ok ? [loaded(each)] : lines(answer)));
      stored += answer.ok ? 1 : 0;
    }
    announce(stored === 1 ? "File loaded" : `${stored} files loaded`);
    if (stored) await swap(window.location.href, ["price-count", "price-series"], { push: false });
    showButton();
  });
}
