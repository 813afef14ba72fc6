// Reads a chart's numbers out under the mouse, or by the arrow keys while the chart has the focus: date and values of
// one bar. Pictures and drawn charts have their bars at known fractions of the width; the numbers are the CSV behind it.
const files = new Map();

async function rowsOf(frame) {
  const url = frame.dataset.series;
  if (!files.has(url)) files.set(url, fetch(url).then((response) => response.text()).then(parse));
  const { columns, rows } = await files.get(url);
  const { first = "", last = "9999" } = frame.dataset;
  return { columns, rows: rows.filter(([day]) => day.slice(0, 10) >= first && day.slice(0, 10) <= last) };
}

function parse(text) {
  const [columns, ...rows] = text.trim().split(/\r?\n/).map((line) => line.split(","));
  return { columns, rows };
}

function show(frame, { columns, rows }, index) {
  const row = rows[index];
  if (!row) return;
  const chart = frame.querySelector("img, svg");
  const { left, right } = frame.dataset;
  const fraction = Number(left) + ((index + 0.5) / rows.length) * (Number(right) - Number(left));
  const hair = part(frame, "hair");
  const readout = part(frame, "readout");
  hair.style.left = `${chart.offsetLeft + chart.clientWidth * fraction}px`;
  hair.style.height = `${chart.clientHeight}px`;
  readout.textContent = [row[0], ...columns.slice(1).map((name, at) => `${name} ${written(row[at + 1])}`)].join("   ");
  frame.dataset.at = index;
}

function written(text) {
  return text === "" ? "—" : Number(text).toLocaleString("en", { maximumFractionDigits: 2 }).replace("-", "−");
}

function part(frame, name) {
  let element = frame.querySelector(`.${name}`);
  if (!element) {
    element = document.createElement("div");
    element.className = name;
    if (name === "readout") element.setAttribute("aria-live", "polite");
    frame.append(element);
  }
  return element;
}

function hide(frame) {
  frame.querySelectorAll(".hair, .readout").forEach((element) => element.remove());
  delete frame.dataset.at;
}

async function onMove(event) {
  const frame = event.target.closest?.(".frame[data-series]");
  if (!frame) return;
  const series = await rowsOf(frame);
  const box = frame.querySelector("img, svg").getBoundingClientRect();
  const { left, right } = frame.dataset;
  const inside = ((event.clientX - box.left) / box.width - Number(left)) / (Number(right) - Number(left));
  if (inside >= 0 && inside < 1) show(frame, series, Math.floor(inside * series.rows.length));
}

async function onKey(event) {
  const frame = event.target.closest?.(".frame[data-series]");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!frame || !step) return;
  event.preventDefault();
  const series = await rowsOf(frame);
  const from = frame.dataset.at === undefined ? series.rows.length : Number(frame.dataset.at);
  const to = from + step * (event.shiftKey ? 20 : 1);
  show(frame, series, Math.min(Math.max(to, 0), series.rows.length - 1));
}

export function startCrosshair() {
  for (const pointing of ["pointermove", "pointerdown"]) document.addEventListener(pointing, onMove);
  document.addEventListener("keydown", onKey);
  for (const leaving of ["pointerleave", "blur"]) {
    document.addEventListener(leaving, (event) => event.target.matches?.(".frame[data-series]") && hide(event.target), true);
  }
}
