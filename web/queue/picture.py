"""Charts of the queue over time, each with its own scale; they fill their container."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from web.formats import Place, line, picture, scale, text

LABEL_STEPS = [timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360)]
MOST_LABELS = 6  # on the time axis, so that they do not overlap on a phone
MARGIN = 0.04  # share of the width at each end, where a label would be cut off
HEADROOM = 1.2  # ratio of the scale's top to the highest step, for the label above it
FLOOR_PCT = 88  # height of the plot; the time axis is below


def history_svg(
    moments: Sequence[datetime], values: Sequence[int], kind: str, limit: int | None = None
) -> Markup:
    """Draw `kind` (waiting, running) over time as a filled step chart from zero, and `limit` as a line across it.

    The steps are an SVG of their own within it: only they are stretched, and letters keep their size and shape.
    """
    most = max([*values, limit or 4])
    top = most * HEADROOM
    y = scale(0, top, 100, 0)
    steps = "".join(f"H{place}V{y(value)}" for place, value in enumerate(values))
    path = f"M0 100{steps}H{len(values)}"
    parts = [_level("rule", value / top, f"{value:,}", 0) for value in (most // 2, most) if value]
    parts += [
        text(_percent(share), "98%", _clock(moment)) for moment, share in time_labels(moments)
    ]
    parts.append(
        f'<svg viewBox="0 0 {len(values)} 100" preserveAspectRatio="none" width="100%" height="{FLOOR_PCT}%">'
        f'<path class="area f-{kind}" d="{path}V100Z"/><path class="line s-{kind}" d="{path}"/></svg>'
    )
    if limit is not None:
        parts.append(_level("limit", limit / top, f"limit {limit:,}", "100%", "end"))
    return picture(parts, 'class="history"')


def _level(css: str, share: float, label: str, x: Place, anchor: str = "start") -> str:
    """Draw a horizontal line at a share of the height, with a label on it."""
    y = _percent((1 - share) * FLOOR_PCT / 100)
    return line(css, 0, y, "100%", y) + text(x, y, label, anchor, dy=-4)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def _clock(moment: datetime) -> str:
    return f"{moment:%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%H:%M}"


def time_labels(moments: Sequence[datetime]) -> list[tuple[datetime, float]]:
    """Return at most MOST_LABELS round times between the moments, each with its place from 0 to 1."""
    start, span = moments[0], moments[-1] - moments[0]
    step = next(step for step in LABEL_STEPS if span / step <= MOST_LABELS)
    first = -((datetime.min - start) // step)
    times = [datetime.min + (first + count) * step for count in range(MOST_LABELS + 1)]
    placed = [(moment, (moment - start) / span) for moment in times]
    return [(moment, share) for moment, share in placed if MARGIN <= share <= 1 - MARGIN]
