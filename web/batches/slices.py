"""A metric against one parameter, as a picture: of each value the lowest, the median and the highest run."""

from collections.abc import Sequence
from math import ceil

from markupsafe import Markup

from adapters.batches.surface import Slice
from web.formats import number
from web.svg import line, picture, scale, text
from web.titles import short

# no wider than the narrowest place for it, so that letters are never drawn smaller
WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 10, 26
LETTER = 9  # wide; labels along the bottom are as many as have room


def slices_svg(slices: Sequence[Slice]) -> Markup:
    """One column per value: a line from the lowest to the highest run, and a dot at the median."""
    if not slices:
        return Markup("")
    low, high = min(each.low for each in slices), max(each.high for each in slices)
    y = scale(low, high, HEIGHT - BOTTOM, TOP)
    x = scale(0, len(slices), LEFT, WIDTH - RIGHT)
    parts = [_axis(y(value), value) for value in dict.fromkeys((high, (low + high) / 2, low))]
    labels = [short(each.value) for each in slices]
    every = ceil(len(slices) * (max(map(len, labels)) + 1) * LETTER / (WIDTH - RIGHT - LEFT))
    for place, each in enumerate(slices):
        middle = x(place + 0.5)
        parts.append(line("base", middle, y(each.high), middle, y(each.low)))
        parts.append(f'<circle class="f-accent" cx="{middle}" cy="{y(each.middle)}" r="3.5"/>')
        if place % every == 0:
            parts.append(text(middle, HEIGHT - 6, labels[place]))
    return picture(parts, f'viewBox="0 0 {WIDTH} {HEIGHT}"')


def _axis(y: float, value: float) -> str:
    return line("rule", LEFT, y, WIDTH - RIGHT, y) + text(LEFT - 6, y, number(value), "end", dy=5)
