"""The queue over time as two pictures with a scale of their own each; they fill whatever place they are given."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup

LABEL_STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600)
MOST_LABELS = 6  # along the bottom, so that they stay apart on a phone
MARGIN = 0.04  # of the width, where a label would be cut off
HEADROOM = 1.2  # above the highest step, for a label


def history_svg(moments: Sequence[datetime], values: Sequence[int], kind: str, limit: int | None = None) -> Markup:
    """A filled staircase of `kind` (waiting, running) over time from zero; `limit` as a line across it.

    Only the staircase is stretched: a picture within the picture, so that letters keep their size and shape.
    """
    top = max([*values, limit or 4]) * HEADROOM
    width = len(values)
    steps = "".join(f"H{place}V{_share(value, top):.2f}" for place, value in enumerate(values))
    path = f"M0 100{steps}H{width}"
    parts = [_gridline(share, round(top * share / HEADROOM)) for share in (0.5 / HEADROOM, 1 / HEADROOM)]
    parts += [_label(moment, share) for moment, share in labelled(moments)]
    parts.append(
        f'<svg viewBox="0 0 {width} 100" preserveAspectRatio="none" width="100%" height="88%">'
        f'<path class="area f-{kind}" d="{path}V100Z"/><path class="line s-{kind}" d="{path}"/></svg>'
    )
    if limit is not None:
        parts.append(_limit(limit, top))
    return Markup(f'<svg class="history" aria-hidden="true">{"".join(parts)}</svg>')


def _share(value: float, top: float) -> float:
    return 100 - value / top * 100


def _y(share: float) -> str:
    return f"{(1 - share) * 88:.2f}%"


def _gridline(share: float, value: int) -> str:
    line = f'<line class="rule" x1="0" x2="100%" y1="{_y(share)}" y2="{_y(share)}"/>'
    return f'{line}<text class="axis" x="0" dy="-4" y="{_y(share)}">{value:,}</text>'


def _limit(limit: int, top: float) -> str:
    y = _y(limit / top)
    line = f'<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
    return f'{line}<text class="axis" x="100%" dy="-4" y="{y}" text-anchor="end">limit {limit:,}</text>'


def _label(moment: datetime, share: float) -> str:
    text = f"{moment:%d %b}" if moment.hour == moment.minute == 0 else f"{moment:%H:%M}"
    return f'<text class="axis" x="{share * 100:.2f}%" y="98%" text-anchor="middle">{text}</text>'


def labelled(moments: Sequence[datetime]) -> list[tuple[datetime, float]]:
    """Round times within the moments, at most MOST_LABELS of them, with their place from 0 to 1."""
    start, span_s = moments[0], (moments[-1] - moments[0]).total_seconds()
    step_s = next(step for step in LABEL_STEPS_S if span_s / step <= MOST_LABELS)
    midnight = datetime(start.year, start.month, start.day)
    first = -(-(start - midnight).total_seconds() // step_s)
    times = [midnight + timedelta(seconds=(first + count) * step_s) for count in range(MOST_LABELS + 1)]
    placed = [(moment, (moment - start).total_seconds() / span_s) for moment in times]
    return [(moment, share) for moment, share in placed if MARGIN <= share <= 1 - MARGIN]
