// The charts library with its colours and number formats. It is a classic script that defines one global name.
let loading = null;

// null, with a message below the chart, if it cannot be loaded.
export function loadLibrary(element) {
  loading ??= import("../lightweight-charts.js").then(() => window.LightweightCharts);
  return loading.catch(() => {
    loading = null;
    element.querySelector(".chart-status").textContent = "The chart could not be loaded. Reload the page.";
    return null;
  });
}

const COLOURS = "panel panel-raised line-strong muted up down strategy holding c1 c2 c3 c4 c5".split(" ");

// Colours come from the style sheet, so that themes are CSS only; the library needs them as #rrggbb.
export function coloursOf(element) {
  const probe = element.appendChild(document.createElement("span"));
  probe.style.forcedColorAdjust = "none"; // else forced colours would make all of them the text colour
  const pen = document.createElement("canvas").getContext("2d");
  const colours = COLOURS.map((name) => {
    probe.style.color = `var(--${name})`;
    pen.fillStyle = getComputedStyle(probe).color;
    return [name, pen.fillStyle];
  });
  probe.remove();
  return Object.fromEntries(colours);
}

export function onThemeChange(redraw) {
  const observer = new MutationObserver(redraw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const query = matchMedia("(prefers-color-scheme: light)");
  query.addEventListener("change", redraw);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", redraw);
  };
}

// Created once: an axis formats hundreds of numbers, and a formatter takes longer to create than to use.
const decimals = (digits) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [WHOLE, CENTS] = [0, 2].map(decimals);
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export function number(value, format = CENTS) {
  if (value === null || value === undefined) return "—";
  return format
    .format(value)
    .replace(/^-(?=[0.]*$)/, "")
    .replace("-", "−");
}

// Short, for axes: 1.34M.
export function compact(value) {
  return COMPACT.format(value || 0).replace("-", "−");
}

// Amounts of any size, such as shares: all their decimals, up to ten digits.
const AMOUNT = new Intl.NumberFormat("en", { maximumSignificantDigits: 10 });
export const amount = (value) => number(value, AMOUNT);

// An account of less than a cent needs more than three digits on its axis, and finer steps.
const FINE = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const LEAST_MOVE = 1e-12; // smallest step that the library can divide by
export const moneyAxis = (digits) =>
  digits > 2 ? { axis: (value) => number(value, FINE), minMove: Math.max(10 ** -digits, LEAST_MOVE) } : {};

export function priceFormat(digits) {
  const format = decimals(digits);
  return (value) => number(value, format);
}

export const percent = (value) => `${number(value)}%`;
export const whole = (value) => number(value, WHOLE);
export const signed = (value, format = number) => `${value > 0 ? "▲ +" : value < 0 ? "▼ " : ""}${format(value)}`;

// 2009-03-02, or 2009-03-02 14:30 within a day.
export function moment(seconds, intraday) {
  return new Date(seconds * 1000)
    .toISOString()
    .slice(0, intraday ? 16 : 10)
    .replace("T", " ");
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export function chartOptions(library, colours, intraday) {
  const { "line-strong": rule, "panel-raised": grid } = colours;
  // a day with its month; null leaves the others to the library
  const tickMarkFormatter = (seconds, type) =>
    type === library.TickMarkType.DayOfMonth ? DAY.format(seconds * 1000) : null;
  return {
    layout: {
      attributionLogo: false, // it needs inline styles, which the policy forbids; its text is on the page
      background: { type: library.ColorType.Solid, color: colours.panel },
      textColor: colours.muted,
      fontSize: 14,
      panes: { separatorColor: rule, separatorHoverColor: `${rule}80` },
    },
    grid: { vertLines: { color: grid }, horzLines: { color: grid } },
    crosshair: { mode: library.CrosshairMode.Normal },
    localization: { locale: "en", timeFormatter: (seconds) => moment(seconds, intraday) },
    timeScale: {
      timeVisible: intraday,
      tickMarkFormatter,
      borderColor: rule,
      minBarSpacing: 0.02,
      rightOffset: 0,
      lockVisibleTimeRangeOnResize: true,
    },
    rightPriceScale: { borderColor: rule, minimumWidth: 72, entireTextOnly: true },
    handleScroll: { vertTouchDrag: false },
  };
}
