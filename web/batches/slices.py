"""A metric against one parameter, as a picture: of each value the lowest, the median and the highest run."""

from collections.abc import Sequence

from markupsafe import Markup

from adapters.batches.surface import Slice
from web.formats import number, plain
from web.svg import line, picture, scale, text

WIDTH, HEIGHT = 320, 170  # no wider than the narrowest place for it, so that letters are never drawn smaller
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 10, 26
MOST_LABELS = 5  # along the bottom


def slices_svg(slices: Sequence[Slice]) -> Markup:
    """One column per value: a line from the lowest to the highest run, and a dot at the median."""
    if not slices:
        return Markup("")
    low, high = min(each.low for each in slices), max(each.high for each in slices)
    y = scale(low, high, HEIGHT - BOTTOM, TOP)
    x = scale(0, len(slices), LEFT, WIDTH - RIGHT)
    parts = [_axis(y(value), value) for value in dict.fromkeys((high, (low + high) / 2, low))]
    every = -(-len(slices) // MOST_LABELS)
    for place, each in enumerate(slices):
        middle = x(place + 0.5)
        parts.append(line("base", middle, y(each.high), middle, y(each.low)))
        parts.append(f'<circle class="f-accent" cx="{middle}" cy="{y(each.middle)}" r="3.5"/>')
        if place % every == 0:
            parts.append(text(middle, HEIGHT - 6, plain(each.value)))
    return picture(parts, f'viewBox="0 0 {WIDTH} {HEIGHT}"')


def _axis(y: float, value: float) -> str:
    return line("rule", LEFT, y, WIDTH - RIGHT, y) + text(LEFT - 6, y, number(value), "end", dy=5)
