"""Static charts of a portfolio: its allocation over time."""

from itertools import pairwise

import numpy as np
from markupsafe import Markup, escape

from adapters.plans.portfolio import PortfolioSeries
from web.formats import polygon, scale, text
from web.studies.pictures import HEIGHT, WIDTH, ends, frame_picture

EDGE = 26  # margin above, and below for labels
MOST_AREAS = 7  # with different colours; the others share one, and cash is the background


def weights_picture(series: PortfolioSeries) -> tuple[Markup, list[str]]:
    """Draw each leg's share of equity over time, small ones together; return also the names of the areas, from below.

    Short positions count by their absolute value.
    """
    weights, names = series.result["weights"], series.names
    bars, money = weights["bars"], weights["money"]
    worth, dates = series.account.equity[bars], series.dates_of(bars)
    parts = np.where(worth > 0, np.abs(money), 0.0) / np.where(worth > 0, worth, 1.0)
    largest = np.argsort(-parts.sum(axis=1), kind="stable").tolist()
    areas = {names[leg]: parts[leg] for leg in largest[:MOST_AREAS]}
    if rest := largest[MOST_AREAS:]:
        areas[f"{len(rest)} others"] = parts[rest].sum(axis=0)
    edges = np.vstack((np.zeros(len(worth)), np.cumsum(list(areas.values()), axis=0)))
    top = max(1.0, float(edges[-1].max()))
    last = len(worth) - 1
    x, y = scale(0, last, 0, WIDTH), scale(0, top, HEIGHT - EDGE, EDGE)
    # each height is kept until the next one
    places = [x(place) for at in range(len(worth)) for place in (at, min(at + 1, last))]
    heights = np.repeat(edges, 2, axis=1).tolist()
    lines = [list(zip(places, map(y, each), strict=True)) for each in heights]
    first_day, last_day = dates[0][:10], dates[-1][:10]
    shapes = list[str]()
    for number, (name, (below, above)) in enumerate(zip(areas, pairwise(lines), strict=True), 1):
        area = polygon(f"area-{number}", [*above, *reversed(below)])
        shapes.append(f"<g><title>{escape(name)}</title>{area}</g>")
    shapes += ends(2, first_day, last_day)
    shapes.append(text(2, EDGE - 8, f"{top * 100:.0f}% of equity", "start"))
    alt = f"Shares of equity from {first_day} to {last_day}: {', '.join(areas)}"
    return frame_picture(shapes, alt), list(areas)
