// Kinds of series by their names in the library; a series of one column.
// A rising candle is hollow, so that direction does not depend on colour.
export const KINDS = {
  candles: (_, colours) => ({
    type: "CandlestickSeries",
    options: {
      upColor: colours.panel,
      borderUpColor: colours.up,
      wickUpColor: colours.up,
      downColor: colours.down,
      borderDownColor: colours.down,
      wickDownColor: colours.down,
    },
  }),
  line: (colour) => ({ type: "LineSeries", options: { color: colour, lineWidth: 2 } }),
  area: (colour) => ({
    type: "AreaSeries",
    options: { lineColor: colour, topColor: `${colour}40`, bottomColor: `${colour}08`, lineWidth: 2 },
  }),
  below: (colour) => ({
    type: "BaselineSeries",
    options: {
      baseValue: { type: "price", price: 0 },
      lineWidth: 2,
      bottomLineColor: colour,
      topLineColor: colour,
      bottomFillColor1: `${colour}10`,
      bottomFillColor2: `${colour}50`,
      topFillColor1: "transparent",
      topFillColor2: "transparent",
    },
  }),
  columns: (colour) => ({ type: "HistogramSeries", options: { color: colour } }),
};

// A name and its value, kept on one line of a legend.
export const named = (name, value) => `${name}\u00a0${value}`;

// A series of one column, which `values` takes from the data.
export function line(name, colour, values, format, more = {}) {
  return {
    name,
    colour,
    format,
    kind: "line",
    points: (data) => withGaps(pointsOf(data.times, values(data))),
    level: (data, at) => values(data)[at],
    legend: (data, at) => named(name, format(values(data)[at])),
    ...more,
  };
}

export function pointsOf(times, values) {
  return times.map((time, at) => (values[at] === null ? { time } : { time, value: values[at] }));
}

// The library draws lines across gaps: end each stretch so that no line leads to the next one.
function withGaps(points) {
  const last = points.findLastIndex((point) => "value" in point); // its colour is that of the label
  const endsBeforeGap = (at) => at < last && "value" in points[at] && !("value" in points[at + 1]);
  return points.map((point, at) => (endsBeforeGap(at) ? { ...point, color: "transparent" } : point));
}

// Keeps the levels of a line visible, to show its distance from them.
export function withLevels(info, levels) {
  if (!info) return info;
  const { minValue, maxValue } = info.priceRange;
  return { ...info, priceRange: { minValue: Math.min(minValue, ...levels), maxValue: Math.max(maxValue, ...levels) } };
}
