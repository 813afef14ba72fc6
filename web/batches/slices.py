"""A metric against one parameter, as a picture: of each value the lowest, the median and the highest run."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from adapters.batches.surface import Slice
from web.formats import number, plain

WIDTH, HEIGHT = 320, 170  # no wider than the narrowest place for it, so that letters are never drawn smaller
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 10, 26
MOST_LABELS = 5  # along the bottom


def slices_svg(slices: Sequence[Slice]) -> Markup:
    """One column per value: a line from the lowest to the highest run, and a dot at the median."""
    if not slices:
        return Markup("")
    low, high = min(each.low for each in slices), max(each.high for each in slices)
    step = (WIDTH - LEFT - RIGHT) / len(slices)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (0.5 if high == low else (high - value) / (high - low))

    parts = [_axis(y(value), value) for value in dict.fromkeys((high, (low + high) / 2, low))]
    every = -(-len(slices) // MOST_LABELS)
    for place, each in enumerate(slices):
        x = LEFT + (place + 0.5) * step
        parts.append(f'<line class="base" x1="{x:.1f}" x2="{x:.1f}" y1="{y(each.high):.1f}" y2="{y(each.low):.1f}"/>')
        parts.append(f'<circle class="f-accent" cx="{x:.1f}" cy="{y(each.middle):.1f}" r="3.5"/>')
        if place % every == 0:
            words = escape(plain(each.value))
            parts.append(f'<text class="axis" text-anchor="middle" x="{x:.1f}" y="{HEIGHT - 6}">{words}</text>')
    return Markup(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def _axis(y: float, value: float) -> str:
    line = f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{line}<text class="axis" text-anchor="end" x="{LEFT - 6}" y="{y + 5:.1f}">{number(value)}</text>'
