"""The queue over time as two pictures with a scale of their own each; they fill whatever place they are given."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

from web.formats import Place, line, picture, scale, text

LABEL_STEPS = [timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360)]
MOST_LABELS = 6  # along the bottom, so that they stay apart on a phone
MARGIN = 0.04  # of the width, where a label would be cut off
HEADROOM = 1.2  # of the picture's top to its highest step, above which is a label
FLOOR_PCT = 88  # of the height; the labels are below


def history_svg(
    moments: Sequence[datetime], values: Sequence[int], kind: str, limit: int | None = None
) -> Markup:
    """A filled staircase of `kind` (waiting, running) over time from zero; `limit` as a line across it.

    Only the staircase is stretched: a picture within the picture, so that letters keep their size and shape.
    """
    most = max([*values, limit or 4])
    top = most * HEADROOM
    y = scale(0, top, 100, 0)
    steps = "".join(f"H{place}V{y(value)}" for place, value in enumerate(values))
    path = f"M0 100{steps}H{len(values)}"
    parts = [_level("rule", value / top, f"{value:,}", 0) for value in (most // 2, most) if value]
    parts += [text(_percent(share), "98%", _clock(moment)) for moment, share in labelled(moments)]
    parts.append(
        f'<svg viewBox="0 0 {len(values)} 100" preserveAspectRatio="none" width="100%" height="{FLOOR_PCT}%">'
        f'<path class="area f-{kind}" d="{path}V100Z"/><path class="line s-{kind}" d="{path}"/></svg>'
    )
    if limit is not None:
        parts.append(_level("limit", limit / top, f"limit {limit:,}", "100%", "end"))
    return picture(parts, 'class="history"')


def _level(css: str, share: float, words: str, x: Place, anchor: str = "start") -> str:
    """A line across at a share of the height, and words on it."""
    y = _percent((1 - share) * FLOOR_PCT / 100)
    return line(css, 0, y, "100%", y) + text(x, y, words, anchor, dy=-4)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def _clock(moment: datetime) -> str:
    return f"{moment:%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%H:%M}"


def labelled(moments: Sequence[datetime]) -> list[tuple[datetime, float]]:
    """Round times within the moments, at most MOST_LABELS of them, with their place from 0 to 1."""
    start, span = moments[0], moments[-1] - moments[0]
    step = next(step for step in LABEL_STEPS if span / step <= MOST_LABELS)
    first = -((datetime.min - start) // step)
    times = [datetime.min + (first + count) * step for count in range(MOST_LABELS + 1)]
    placed = [(moment, (moment - start) / span) for moment in times]
    return [(moment, share) for moment, share in placed if MARGIN <= share <= 1 - MARGIN]
