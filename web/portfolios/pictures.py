"""Pictures of a portfolio that need no script: how its money was spread over time."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from web.svg import picture, polygon, scale, text

WIDTH, HEIGHT, EDGE = 440, 220, 26
MOST_AREAS = 7  # each with a colour of its own; the others share one, and cash has the ground


def weights_picture(
    dates: Sequence[str],
    money: Sequence[Sequence[float]],
    equity: Sequence[float],
    names: Sequence[str],
) -> tuple[Markup, list[str]]:
    """Each leg's part of equity over time, the largest ones by themselves; and what the areas are, from below.

    money: by leg, its value at each date; shorts count by their size. equity: at each date.
    """
    worth = np.array(equity)
    parts = np.divide(
        np.abs(np.array(money)), worth, out=np.zeros((len(money), len(worth))), where=worth > 0
    )
    largest = np.argsort(-parts.sum(axis=1), kind="stable").tolist()
    areas = {names[leg]: parts[leg] for leg in largest[:MOST_AREAS]}
    if rest := largest[MOST_AREAS:]:
        areas[f"{len(rest)} others"] = parts[rest].sum(axis=0)
    edges = np.vstack((np.zeros(len(worth)), np.cumsum(list(areas.values()), axis=0)))
    top = max(1.0, float(edges[-1].max()))
    x, y = scale(0, max(len(worth) - 1, 1), 0, WIDTH), scale(0, top, HEIGHT - EDGE, EDGE)
    lines = [_steps([y(share) for share in edge], x) for edge in edges.tolist()]
    shapes = [
        f"<g><title>{escape(name)}</title>{polygon(f'area-{number}', [*above, *reversed(below)])}</g>"
        for number, (name, (below, above)) in enumerate(
            zip(areas, pairwise(lines), strict=True), start=1
        )
    ]
    shapes += [
        text(2, HEIGHT - 6, dates[0][:10], "start"),
        text(WIDTH - 2, HEIGHT - 6, dates[-1][:10], "end"),
    ]
    shapes += [text(2, EDGE - 8, f"{top * 100:.0f}% of equity", "start")]
    alt = f"Shares of equity from {dates[0][:10]} to {dates[-1][:10]}: {', '.join(areas)}"
    frame = f'class="study-picture" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return picture(shapes, frame, alt), list(areas)


def _steps(heights: Sequence[float], x: Callable[[float], float]) -> list[tuple[float, float]]:
    """The corners of a line that keeps each height until the next one."""
    return [
        (x(place), y)
        for at, y in enumerate(heights)
        for place in (at, min(at + 1, len(heights) - 1))
    ]
