// The charts library, its colours and its numbers. The library is a classic script that leaves one global name.
let loading = null;

// null, with a word below the chart, when it cannot be had now.
export function loadLibrary(element) {
  loading ??= import("../lightweight-charts.js").then(() => window.LightweightCharts);
  return loading.catch(() => {
    loading = null;
    element.querySelector(".chart-status").textContent = "The chart could not be loaded. Reload the page.";
    return null;
  });
}

const COLOURS = "panel panel-raised line-strong muted up down strategy holding c1 c2 c3 c4 c5".split(" ");

// Colours come from the style sheet, so that a theme is a matter of CSS; the library wants them as #rrggbb.
export function coloursOf(element) {
  const probe = element.appendChild(document.createElement("span"));
  probe.style.forcedColorAdjust = "none"; // else all of them would be the text's where a system forces its colours
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

// Made once: an axis writes hundreds of numbers, and one of these takes longer to make than to use.
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

// As short as an axis wants it: 1.34M.
export function compact(value) {
  return COMPACT.format(value || 0).replace("-", "−");
}

// Of shares and of other amounts of any size: as many decimals as they have, of ten digits.
const AMOUNT = new Intl.NumberFormat("en", { maximumSignificantDigits: 10 });
export const amount = (value) => number(value, AMOUNT);

// The axis of money in an account of less than cents needs more than three digits, and finer steps.
const FINE = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const LEAST_MOVE = 1e-12; // that the library can divide by
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
      attributionLogo: false, // it styles itself inline, which our policy forbids; its words are on the page
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
