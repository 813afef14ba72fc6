"""What all charts share: a title with its finding, a legend, a panel with ticks, and a tag on the last value."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from adapters.charts.canvas import AMBER, AXIS, BACKGROUND, BOLD_FONT, BRIGHT, GRID, MUTED, TEXT, Canvas, Panel, Points
from adapters.charts.scales import Times, log_ticks, needs_log, time_ticks, value_limits, value_ticks

LEFT, BOTTOM, RIGHT, TOP = 28.0, 62.0, 1424.0, 506.0  # pixels; the labels of values stand to the right
TITLE_PX, LEGEND_PX = 592.0, 544.0  # baselines' middle, from the bottom
EDGE_PX = 1576.0  # right end of the title line
CHARACTER_PX = 15.1  # width of a 9 point character
TAG_HEIGHT_PX = 32.0


@dataclass(frozen=True, slots=True)
class Tag:
    """The last value of a series, shown filled among the labels of values."""

    value: float
    label: str
    color: str


def titled_canvas(title: str, subject: str, finding: str, color: str = BRIGHT) -> Canvas:
    """A canvas with its title and subject on the left and what it shows in words on the right."""
    canvas = Canvas()
    heading = canvas.text(LEFT, TITLE_PX, title, AMBER, 10.5, font=BOLD_FONT, va="center_baseline")
    words = canvas.text(EDGE_PX, TITLE_PX, finding, color, 10.5, font=BOLD_FONT, ha="right", va="center_baseline")
    left = canvas.extent(heading).x1 + 24
    room = int((canvas.extent(words).x0 - 24 - left) / CHARACTER_PX)
    shown = subject if len(subject) <= room else subject[: max(room - 1, 0)] + "…"
    canvas.text(left, TITLE_PX, shown, MUTED, va="center_baseline")
    return canvas


def legend(canvas: Canvas, *entries: tuple[str, str]) -> None:
    """Words in the colour, and with the sign, of what they name."""
    left = LEFT
    for words, color in entries:
        left = canvas.extent(canvas.text(left, LEGEND_PX, words, color, va="center_baseline")).x1 + 36


def value_panel(
    canvas: Canvas,
    timestamps: Times,
    series: Iterable[Points],
    tag: Tag | None = None,
    suffix: str = "",
    bottom: float = BOTTOM,
) -> Panel:
    """A panel that holds all series, with a grid, times below and values, and the tag among them, on the right.

    Values that are all positive and far apart stand on a logarithmic scale, and the panel says so.
    """
    values = np.concatenate([np.asarray(each, dtype=float) for each in series])
    lowest, highest = float(values.min()), float(values.max())
    low, high = value_limits(lowest, highest)
    panel = Panel(canvas, (LEFT, bottom, RIGHT, TOP), len(timestamps), low, high, needs_log(lowest, highest))
    value_axis(panel, suffix, tag)
    time_axis(panel, timestamps)
    return panel


def value_axis(panel: Panel, suffix: str, tag: Tag | None) -> None:
    """Horizontal grid lines at round values with their labels, but for those that the tag would cover."""
    tag_px = panel.pixels(0, tag.value)[1] if tag else -np.inf
    ticks = log_ticks if panel.log else value_ticks
    for value, label in ticks(panel.low, panel.high, suffix):
        panel.level(value, GRID, 0.7)
        y_px = panel.pixels(0, value)[1]
        if abs(y_px - tag_px) > TAG_HEIGHT_PX:
            panel.canvas.text(RIGHT + 14, y_px, label, TEXT, va="center")
    if tag:
        box = {"facecolor": tag.color, "edgecolor": "none", "boxstyle": "square,pad=0.25"}
        panel.canvas.text(RIGHT + 14, tag_px, tag.label, BACKGROUND, font=BOLD_FONT, va="center", bbox=box)
    if panel.log:
        panel.canvas.text(EDGE_PX, LEGEND_PX, "log scale", MUTED, ha="right", va="center_baseline")


def time_axis(panel: Panel, timestamps: Times) -> None:
    """Vertical grid lines at round times, with their labels under the canvas' lowest panel."""
    ticks = time_ticks(timestamps)
    bars = np.array([bar for bar, _ in ticks], dtype=float)
    panel.verticals(bars, np.full_like(bars, panel.low), np.full_like(bars, panel.high), GRID, 0.7)
    panel.level(panel.low, AXIS, 0.8)
    for bar, label in ticks:
        half_px = len(label) * CHARACTER_PX / 2
        x_px = np.clip(panel.pixels(bar, panel.low)[0], LEFT + half_px, EDGE_PX - half_px)
        panel.canvas.text(float(x_px), BOTTOM - 16, label, TEXT, ha="center", va="top")


def notice(canvas: Canvas, words: str) -> None:
    """Words in the middle of an empty panel."""
    canvas.text((LEFT + RIGHT) / 2, (BOTTOM + TOP) / 2, words, MUTED, 14, ha="center", va="center")
