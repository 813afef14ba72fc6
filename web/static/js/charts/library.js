// The charts library, its colours and its numbers. The library is a classic script that leaves one global name.
let loading = null;

// null, with a word below the chart, when it cannot be had now.
export function loadLibrary(element) {
  loading ??= import("../lightweight-charts.js").then(() => window.LightweightCharts);
  return loading.catch(() => {
    loading = null;
    element.querySelector(".chart-status").textContent = "The chart could not be loaded: reload the page.";
    return null;
  });
}

// Colours come from the style sheet, so that a theme is a matter of CSS; the library wants them as text.
export function coloursOf(element) {
  const style = getComputedStyle(element);
  return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--chart-${name}`).trim() });
}

export function onThemeChange(redraw) {
  const observer = new MutationObserver(redraw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-bs-theme"] });
  const query = matchMedia("(prefers-color-scheme: light)");
  query.addEventListener("change", redraw);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", redraw);
  };
}

export function text(tag, words) {
  const element = document.createElement(tag);
  element.textContent = words;
  return element;
}

// Made once: an axis writes hundreds of numbers, and one of these takes longer to make than to use.
const decimals = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [WHOLE, CENTS, FINE] = [0, 2, 4].map(decimals);
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export function number(value, format = CENTS) {
  if (value === null || value === undefined) return "—";
  return format.format(value).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}

// As short as an axis wants it: 1.34M.
export function compact(value) {
  return COMPACT.format(value || 0).replace("-", "−");
}

export const price = (value) => number(value, value !== null && Math.abs(value) < 1 ? FINE : CENTS);
export const percent = (value) => `${number(value)}%`;
export const whole = (value) => number(value, WHOLE);
export const signed = (value) => `${value > 0 ? "▲ +" : value < 0 ? "▼ " : ""}${number(value)}`;

// 2009-03-02, or 2009-03-02 14:30 within a day.
export function moment(seconds, intraday) {
  return new Date(seconds * 1000).toISOString().slice(0, intraday ? 16 : 10).replace("T", " ");
}

export function chartOptions(library, colours, intraday) {
  return {
    layout: {
      attributionLogo: false, // it styles itself inline, which our policy forbids; its words are on the page
      background: { type: library.ColorType.Solid, color: colours.background },
      textColor: colours.text,
      fontSize: 14,
      panes: { separatorColor: colours.rule, separatorHoverColor: `${colours.rule}80` },
    },
    grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
    crosshair: { mode: library.CrosshairMode.Normal },
    localization: { locale: "en", timeFormatter: (seconds) => moment(seconds, intraday) },
    timeScale: { timeVisible: intraday, borderColor: colours.rule, minBarSpacing: 0.02, rightOffset: 0 },
    rightPriceScale: { borderColor: colours.rule, minimumWidth: 72 },
    handleScroll: { vertTouchDrag: false },
  };
}
