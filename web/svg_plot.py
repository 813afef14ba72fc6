"""A plot as SVG: lines, areas, candles and marks over bars; colours are CSS classes, since styles may not be inline."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

WIDTH, HEIGHT = 1000, 400  # the proportions of the PNG charts
LEFT, RIGHT, TOP, BOTTOM = (
    14,
    92,
    26,
    34,
)  # margins; the labels of the y axis are on the right, beside the latest value
PHONE = (366, 250)  # fits a screen of 390 pixels, at which 14 px letters stay 14 px
COLUMNS = 450  # a line is thinned to at most this many columns, each with its lowest and highest value
Y_TICKS = 5
LOG_FROM = 8  # positive values that differ by this factor get a logarithmic scale, as in the PNG charts


@dataclass(frozen=True, slots=True)
class Drawn:
    """One of two drawings of the same: for pages, or for phones, where the wide one's letters would be too small."""

    svg: Markup
    css: str
    left: float  # where the first bar begins and the last one ends, as fractions of the width
    right: float


def drawn_twice(draw: Callable[[tuple[int, int]], Markup], size: tuple[int, int]) -> list[Drawn]:
    """What `draw` makes of `size` and of a phone's size; the style sheet shows one of them."""
    return [
        Drawn(draw((width, height)), css, LEFT / width, 1 - RIGHT / width)
        for (width, height), css in ((size, "wide-only"), (PHONE, "phone-only"))
    ]


class Plot:
    """Bars from left to right, one scale from `low` to `high`; shapes are drawn in the order of the calls."""

    def __init__(
        self, dates: Sequence[str], low: float, high: float, size: tuple[int, int] = (WIDTH, HEIGHT), unit: str = ""
    ) -> None:
        if high <= low:  # a flat line lies in the middle
            low, high = low - (abs(low) * 0.01 or 1), high + (abs(high) * 0.01 or 1)
        self._dates, self._unit = dates, unit
        self._width, self._height = size
        self._log = low > 0 and high >= low * LOG_FROM
        bottom, top = self._scaled(low), self._scaled(high)
        margin = (top - bottom) * 0.04
        self._bottom, self._top = bottom - margin, top + margin
        self._bar_px = (self._width - LEFT - RIGHT) / max(len(dates), 1)
        self._unit_px = (self._height - TOP - BOTTOM) / (self._top - self._bottom)
        self._columns = min(COLUMNS, (self._width - LEFT - RIGHT) // 2)  # of two pixels each
        self._shapes: list[str] = []

    def x(self, bar: float) -> float:
        """Pixels of a bar's middle."""
        return LEFT + (bar + 0.5) * self._bar_px

    def y(self, value: float) -> float:
        """Pixels of a value, downwards."""
        return TOP + (self._top - self._scaled(value)) * self._unit_px

    def _scaled(self, value: float) -> float:
        return log10(max(value, 1e-12)) if self._log else value

    def _points(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join([f"{self.x(bar):.1f},{self.y(value):.1f}" for bar, value in points])

    def line(self, values: Sequence[float | None], css: str) -> None:
        """A line through one value per bar, with gaps where there is none."""
        for first, part in _parts(values):
            self._shapes.append(
                f'<polyline class="line s-{css}" points="{self._points(thinned(part, first, self._columns))}"/>'
            )

    def steps(self, values: Sequence[float], css: str, filled: bool = False) -> None:
        """A staircase: each value holds for its whole bar."""
        corners = [(bar + edge, value) for bar, value in enumerate(values) for edge in (-0.5, 0.5)]
        points = self._points(corners)
        if filled:
            ends = self._points([(len(values) - 0.5, 0.0), (-0.5, 0.0)])
            self._shapes.append(f'<polygon class="area f-{css}" points="{points} {ends}"/>')
        self._shapes.append(f'<polyline class="line s-{css}" points="{points}"/>')

    def area(self, values: Sequence[float], base: float, css: str) -> None:
        """The area between one value per bar and a level."""
        if not values:
            return
        corners = list(thinned(values, columns=self._columns))
        ends = self._points([(corners[-1][0], base), (corners[0][0], base)])
        self._shapes.append(f'<polygon class="area f-{css}" points="{self._points(corners)} {ends}"/>')

    def level(self, value: float) -> None:
        """A horizontal line across the plot."""
        y = f"{self.y(value):.1f}"
        self._shapes.append(f'<line class="base" x1="{LEFT}" x2="{self._width - RIGHT}" y1="{y}" y2="{y}"/>')

    def dot(self, bar: float, value: float, css: str, title: str) -> None:
        """A dot that says `title` under the mouse."""
        place = f'cx="{self.x(bar):.1f}" cy="{self.y(value):.1f}" r="4"'
        self._shapes.append(f'<circle class="f-{css}" {place}><title>{escape(title)}</title></circle>')

    def arrow(self, bar: float, value: float, up: bool, title: str) -> None:
        """A triangle below a bought price, or above a sold one."""
        x, y, sign = self.x(bar), self.y(value), 1 if up else -1
        points = f"{x:.1f},{y + sign * 3:.1f} {x - 5:.1f},{y + sign * 12:.1f} {x + 5:.1f},{y + sign * 12:.1f}"
        css = "up" if up else "down"
        self._shapes.append(f'<polygon class="f-{css} mark" points="{points}"><title>{escape(title)}</title></polygon>')

    def candle(self, bar: float, prices: tuple[float, float, float, float], title: str) -> None:
        """Open, high, low and close; a rise is hollow, so that direction does not hang on colour."""
        open_, high, low, close = prices
        css, fill = ("up", "hollow") if close >= open_ else ("down", "f-down")
        half = max(min(self._bar_px * 0.35, 8), 0.5)
        x, top, bottom = self.x(bar), self.y(max(open_, close)), self.y(min(open_, close))
        self._shapes.append(
            f'<g class="s-{css}"><title>{escape(title)}</title>'
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{self.y(high):.1f}" y2="{self.y(low):.1f}"/>'
            f'<rect class="{fill}" x="{x - half:.1f}" y="{top:.1f}" width="{2 * half:.1f}"'
            f' height="{max(bottom - top, 1):.1f}"/></g>'
        )

    def legend(self, entries: Iterable[tuple[str, str]]) -> None:
        """Names of the lines, (css, text), in the upper left corner."""
        x = float(LEFT)
        for css, text in entries:
            self._shapes.append(f'<rect class="f-{css}" x="{x}" y="9" width="14" height="4"/>')
            self._shapes.append(f'<text class="axis" x="{x + 20}" y="16">{escape(text)}</text>')
            x += 44 + 8.6 * len(text)

    def svg(self, alt: str) -> Markup:
        """The finished picture with `alt` for people who do not see it."""
        return Markup(
            f'<svg viewBox="0 0 {self._width} {self._height}" role="img" aria-label="{escape(alt)}">'
            + "".join([*self._y_axis(), *self._x_axis(), *self._shapes])
            + "</svg>"
        )

    def _y_axis(self) -> Iterator[str]:
        ticks = log_ticks if self._log else axis_ticks
        if self._log:
            yield f'<text class="axis" text-anchor="end" x="{self._width - 6}" y="16">log scale</text>'
        for value, text in ticks(self._bottom, self._top, self._unit):
            y = self.y(value)
            yield f'<line class="rule" x1="{LEFT}" x2="{self._width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="axis" x="{self._width - RIGHT + 8}" y="{y + 5:.1f}">{escape(text)}</text>'

    def _x_axis(self) -> Iterator[str]:
        bottom = self._height - BOTTOM
        for bar, text in date_ticks(self._dates, self._width // 120):
            x = self.x(bar)
            yield f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
            anchor = "start" if x < LEFT + 40 else "middle"
            yield f'<text class="axis" text-anchor="{anchor}" x="{x:.1f}" y="{bottom + 22}">{escape(text)}</text>'


def _parts(values: Sequence[float | None]) -> Iterator[tuple[int, list[float]]]:
    """The stretches without a gap: the bar at which each begins, and its values."""
    part: list[float] = []
    for bar, value in enumerate(values):
        if value is not None and isfinite(value):
            part.append(value)
        elif part:
            yield bar - len(part), part
            part = []
    if part:
        yield len(values) - len(part), part


def thinned(values: Sequence[float], first: int = 0, columns: int = COLUMNS) -> Iterator[tuple[int, float]]:
    """(bar, value) of at most two bars per column, its lowest and its highest in their order, so that no peak is lost.

    `first` is the bar of the first value.
    """
    size = len(values) / columns
    if size <= 2:
        yield from enumerate(values, start=first)
        return
    edges = [round(column * size) for column in range(columns + 1)]
    for start, end in pairwise(edges):
        inside = values[start:end]
        low, high = min(inside), max(inside)
        for at in sorted({inside.index(low), inside.index(high)}):
            yield first + start + at, inside[at]
    yield first + len(values) - 1, values[-1]


def axis_ticks(low: float, high: float, unit: str) -> list[tuple[float, str]]:
    """About five round values between low and high, with their labels."""
    raw = (high - low) / Y_TICKS
    magnitude = 10.0 ** floor(log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw)
    values = [index * step for index in range(ceil(low / step), floor(high / step) + 1)]
    return [(value, tick_text(value, step, unit)) for value in values]


def log_ticks(bottom: float, top: float, unit: str) -> list[tuple[float, str]]:
    """1, 2 and 5 times powers of ten between two powers of ten; of powers alone when those are enough."""
    powers = [10.0**exponent for exponent in range(floor(bottom), floor(top) + 1)]
    digits = (1, 2, 5) if len(powers) <= 3 else (1, 3) if len(powers) <= 4 else (1,)
    values = [digit * power for power in powers for digit in digits if bottom <= log10(digit * power) <= top]
    return [(value, tick_text(value, value, unit)) for value in values]


def tick_text(value: float, step: float, unit: str) -> str:
    """A value with the decimals that tell it from its neighbour one step away; millions and above are abbreviated."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if max(abs(value), step) >= size:
            return f"{value / size:,.{_decimals(step / size)}f}{letter}{unit}".replace("-", "−")
    return f"{value:,.{_decimals(step)}f}{unit}".replace("-", "−")


def _decimals(step: float) -> int:
    """Decimals that write a step of 1, 2, 2.5 or 5 times a power of ten."""
    exponent = floor(log10(step) + 1e-9)
    return max(0, -exponent + (round(step / 10.0**exponent, 6) == 2.5))


def date_ticks(dates: Sequence[str], most: int) -> list[tuple[int, str]]:
    """At most so many bars that begin a year, a month or a day, with that as their label."""
    for length in (4, 7, 10, 16):
        starts = [text[:length] for text in dates]
        firsts = [(bar, now) for bar, (before, now) in enumerate(pairwise(starts), start=1) if now != before]
        if len(firsts) >= 3 or length == 16:
            every = ceil(len(firsts) / most) or 1
            within_a_day = length == 16 and dates[0][:10] == dates[-1][:10]
            return [(bar, text[11:] if within_a_day else text.replace("T", " ")) for bar, text in firsts[::every]]
    return []
