"""Common parts of all charts: style, header, evenly spaced bars with dates below, values on the right, PNG bytes."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

# A list of fonts built into the image is used in place. Otherwise Matplotlib needs a writable folder, and if that is
# empty, as in every new container, it scans all fonts again, for 230 ms.
if any(Path(matplotlib.get_data_path()).glob("fontlist-*.json")):
    matplotlib.get_cachedir = matplotlib.get_data_path

from matplotlib.axes import Axes as Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure as Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from PIL import Image

from adapters.prices.bars import Column, PriceBars, Timestamps, Whole, joined
from adapters.runs.series import RunBars

# 7 of 1,400 pixels each, wide enough to distinguish a hollow body from a filled one
MAX_CANDLES = 200
PERIODS = {
    "15m": "15-minute",
    "1h": "hourly",
    "4h": "4-hour",
    "1D": "daily",
    "7D": "weekly",
    "1M": "monthly",
    "3M": "quarterly",
    "1Y": "yearly",
}


def legible_candles(bars: PriceBars) -> tuple[PriceBars, Whole, str]:
    """Return one bar per candle, the indexes at which candles begin, and their period, "" for the bars themselves.

    Candles are the bars themselves when there are at most 200, else those of the first period with at most 200.
    """
    starts, period = np.arange(len(bars)), ""
    for unit, name in PERIODS.items():
        if len(starts) > MAX_CANDLES:
            starts, period = period_starts(bars.timestamps, unit), name
    return joined(bars, starts), starts, period


def period_starts(timestamps: Timestamps, unit: str) -> Whole:
    """Index of the first bar of each period of this unit, including the very first bar; weeks begin on Monday."""
    thursday = np.timedelta64(3 if unit == "7D" else 0, "D")  # when 1970 began
    periods = (timestamps + thursday).astype(f"M8[{unit}]").astype(np.int64)
    return np.concatenate(([0], np.flatnonzero(np.diff(periods)) + 1))


WIDTH_PX, HEIGHT_PX = 1600, 640  # twice the 800 × 320 CSS pixels at which pages show a chart
# pixels of the axes; the labels of values stand to the right
LEFT, BOTTOM, RIGHT, TOP = 28, 62, 1424, 516
EDGE = 1576  # right end of the header, pixels
# times the lowest value: from there on, a linear scale hides what happened at the low end
LOG_FROM = 8.0
# ticks of years, months, … seconds
DATE_FORMATS = ["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
# where a longer unit begins; last, a single tick
DATE_ZEROS = ["", "%Y", "%d %b", "%d %b", "%H:%M", "%d %b"]
SUBJECT_CHARACTERS = 52  # leave room for the longest legend
TAG_HEIGHT_PX = 34
LEGEND_COLUMNS = 9  # at most, so that everything stands on one line

# Blue and vermilion of Okabe and Ito (2008), darkened: told apart in every colour blindness, 4.5 : 1 on white paper.
UP, DOWN, TEXT, MUTED, GRID = "#0072b2", "#c04f00", "#1f2328", "#656d76", "#e4e7eb"
# How much of each colour, the rest being paper: whole, on edges, in areas. So few take half a byte per pixel.
STRENGTHS = {
    UP: (1, 0.5, 0.25),
    DOWN: (1, 0.5, 0.22),
    TEXT: (1, 0.45),
    MUTED: (1, 0.6, 0.3),
    GRID: (1, 0),
}
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 9,
    "text.color": TEXT,
    "text.parse_math": False,
    "axes.edgecolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.ymargin": 0.06,
    "grid.color": GRID,
    "lines.linewidth": 1.3,
    "lines.markeredgewidth": 0.4,
    "xtick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "ytick.labelleft": False,
    "ytick.labelright": True,
    "legend.frameon": False,
    "legend.labelcolor": MUTED,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
}


@cache
def _palette() -> Image.Image:
    """The colours of all charts, as Pillow wants them."""
    blends = [
        strength * np.array(to_rgb(color)) + 1 - strength
        for color, all_ in STRENGTHS.items()
        for strength in all_
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(np.array(blends) * 255).astype(np.uint8).tobytes())
    return palette


def png(figure: Figure) -> bytes:
    """Encode a figure as PNG with the charts' palette."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    file = io.BytesIO()
    colours = pixels.quantize(palette=_palette(), dither=Image.Dither.NONE)
    # 5% smaller at the cost of 30 ms
    colours.save(file, "png", compress_level=9)
    return file.getvalue()


def panel(figure: Figure, bars: int, bottom: int = BOTTOM, top: int = TOP) -> Axes:
    """Axes between two heights, pixels, from half a bar before the first bar to half a bar after the last."""
    box = (
        LEFT / WIDTH_PX,
        bottom / HEIGHT_PX,
        (RIGHT - LEFT) / WIDTH_PX,
        (top - bottom) / HEIGHT_PX,
    )
    axes = figure.add_axes(box)
    axes.set_xlim(-0.5, bars - 0.5)
    axes.use_sticky_edges = False
    return axes


def chart(bars: int, bottom: int = BOTTOM) -> tuple[Figure, Axes]:
    """Return an empty figure of 1600 × 640 pixels with one panel."""
    figure = Figure(figsize=(WIDTH_PX / 200, HEIGHT_PX / 200), dpi=200)
    return figure, panel(figure, bars, bottom)


def line(
    axes: Axes, y: Column, color: str, label: str, width: float = 1.3
) -> tuple[Column, Column]:
    """Draw a line through one value per bar, or through the extremes of each pixel column; return its x and y."""
    x = np.arange(len(y), dtype=float)
    if len(y) > 4 * WIDTH_PX:
        starts = np.linspace(0, len(y), WIDTH_PX, endpoint=False).astype(int)
        y = np.column_stack(
            (np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts))  # past NaN
        ).ravel()
        x = np.repeat(starts.astype(float), 2)
    axes.plot(
        x, y, color=color, label=label, linewidth=width, marker="o" if len(y) == 1 else None
    )
    return x, y


def header(figure: Figure, data: RunBars, finding: str) -> None:
    """Write the finding, its subject and dates, and a legend of all labels."""
    title = finding if data.run.trades else f"{finding.partition(':')[0]}: no trades"
    first, last = data.bars.timestamps[[0, -1]].astype("M8[D]")
    scale = " · log scale" if any(axes.get_yscale() == "log" for axes in figure.axes) else ""
    request = data.run.request
    subject = f"{request['ticker']} {request.get('rule_id') or request['rule_type']}"
    if len(subject) > SUBJECT_CHARACTERS:
        subject = subject[: SUBJECT_CHARACTERS - 1] + "…"
    left, right, upper = LEFT / WIDTH_PX, EDGE / WIDTH_PX, 592 / HEIGHT_PX
    figure.text(left, upper, title, size=11, weight="bold")
    figure.text(right, upper, f"{first} to {last}{scale}", color=MUTED, ha="right")
    figure.text(left, 546 / HEIGHT_PX, subject, color=MUTED)
    figure.legend(
        loc="lower right", bbox_to_anchor=(right, 543 / HEIGHT_PX), ncols=LEGEND_COLUMNS
    )


def value_axis(axes: Axes, label: Callable[[float], str]) -> None:
    """Place round values on the right, on a log scale if all values are positive and far apart."""
    low, high = axes.dataLim.intervaly
    if low == high == 0:
        axes.set_ylim(-1, 1)
    axes.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    if low > 0 and high >= LOG_FROM * low:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e3 * low else (1,)))
        axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: label(value))


def tag(axes: Axes, value: float, words: str, color: str) -> None:
    """Tag the last value of a series on the axis, in place of the labels that it would cover."""
    label = axes.yaxis.get_major_formatter()

    def unless_covered(other: float, _: float) -> str:
        (_, here), (_, there) = axes.transData.transform([(0, value), (0, other)])
        return "" if abs(here - there) < TAG_HEIGHT_PX else str(label(other))

    axes.yaxis.set_major_formatter(unless_covered)
    box = {"facecolor": color, "edgecolor": "none", "boxstyle": "square,pad=0.25"}
    axes.annotate(
        words,
        (1, value),
        (4.5, 0),
        ("axes fraction", "data"),
        "offset points",
        color="white",
        weight="bold",
        va="center",
        bbox=box,
    )


def time_axis(axes: Axes, timestamps: Timestamps) -> None:
    """Place round dates, each at the first bar at or after it, nights take no space; of few bars all dates."""
    numbers = date2num(timestamps)
    locator = AutoDateLocator(minticks=4, maxticks=14)
    ticks = (
        numbers
        if len(numbers) < 5
        else locator.tick_values(timestamps[0].item(), timestamps[-1].item())
    )
    tick_of_bar: dict[int, float] = {}
    for tick in ticks[(ticks >= numbers[0]) & (ticks <= numbers[-1])]:
        bar = int(np.searchsorted(numbers, tick))
        # Of several in one gap, the first on the bar's own day.
        if bar not in tick_of_bar or int(tick) > int(tick_of_bar[bar]):
            tick_of_bar[bar] = tick
    dates = ConciseDateFormatter(locator, formats=DATE_FORMATS, zero_formats=DATE_ZEROS)
    words = dates.format_ticks(list(tick_of_bar.values()))
    axes.set_xticks(list(tick_of_bar), words)


def number(value: float, digits: int = 6) -> str:
    """Format a number with at most `digits` digits; millions and above are abbreviated."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:,.{digits}g}{letter}"
    return f"{value:z,.{digits}g}"
