"""What pictures are drawn of: shapes, words, scales, the frame; colours are CSS classes, as no style may be inline."""

from collections.abc import Callable, Iterable

from markupsafe import Markup, escape

Place = float | str  # in the picture's own measure, or as "50%"


def line(css: str, x1: Place, y1: Place, x2: Place, y2: Place) -> str:
    """A straight line between two places."""
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def polyline(css: str, places: Iterable[tuple[float, float]]) -> str:
    """A line from place to place."""
    return f'<polyline class="{css}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'


def polygon(css: str, places: Iterable[tuple[float, float]]) -> str:
    """A filled shape with corners at these places."""
    return f'<polygon class="{css}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'


def bar(css: str, x: float, width: float, y: float, floor: float) -> str:
    """A rectangle between two heights, either of which may be the upper one."""
    place = (
        f'x="{x:.1f}" width="{width:.1f}" y="{min(y, floor):.1f}" height="{abs(y - floor):.1f}"'
    )
    return f'<rect class="{css}" {place}/>'


def text(x: Place, y: Place, words: str, anchor: str = "middle", dy: int = 0) -> str:
    """Words that start at, end at, or have their middle at a place."""
    return f'<text class="axis" x="{x}" y="{y}" dy="{dy}" text-anchor="{anchor}">{escape(words)}</text>'


def picture(shapes: Iterable[str], frame: str, alt: str = "") -> Markup:
    """Shapes in a frame with these attributes; hidden from whoever does not see, but for its words `alt`."""
    said = f'role="img" aria-label="{escape(alt)}"' if alt else 'aria-hidden="true"'
    return Markup(f"<svg {frame} {said}>{''.join(shapes)}</svg>")


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Where values from `low` to `high` are drawn from `start` to `end`; in the middle where there is but one value."""
    span = high - low
    return lambda value: round(start + (end - start) * ((value - low) / span if span else 0.5), 2)
