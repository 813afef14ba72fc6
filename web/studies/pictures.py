"""Small charts of a verdict."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import NormalDist
from typing import Any

from markupsafe import Markup

from adapters.metrics.moments import luck_sharpe
from adapters.prices.bars import Column
from contracts.values import Json
from web.formats import bar, coarse_money, line, number, picture, plain, polyline, scale, text

WIDTH, HEIGHT, EDGE = (
    440,
    220,
    36,
)  # EDGE: margin above, and below for labels; three charts make a row
LEFT = 62  # margin for the numbers of the axis
# y of the end of shapes, of labels below and above them
FLOOR, BELOW, ABOVE = HEIGHT - EDGE, HEIGHT - 6, 27
STEPS = 120  # points of a curve
BINS = 60  # of a histogram
LABEL_WIDTH = 34  # of a year below a bar
_NORMAL = NormalDist()


def frame_picture(shapes: Iterable[str], alt: str) -> Markup:
    """Return a chart of these shapes with its text alternative."""
    return picture(shapes, f'class="study-picture" viewBox="0 0 {WIDTH} {HEIGHT}"', alt)


def ends(left: float, low: str, high: str) -> list[str]:
    """Label both ends of the horizontal axis."""
    return [text(left, BELOW, low, "start"), text(WIDTH - 2, BELOW, high, "end")]


def axis(
    y: Callable[[float], float], values: Iterable[float], to_text: Callable[[float], str]
) -> list[str]:
    """Draw a horizontal line for each value, labelled on the left."""
    return [
        line("s-rule", LEFT, y(each), WIDTH, y(each))
        + text(LEFT - 6, y(each), to_text(each), "end", dy=5)
        for each in dict.fromkeys(values)
    ]


def folds_picture(ratios: Sequence[tuple[float | None, float | None]]) -> Markup:
    """Draw a pair of bars for each fold: its Sharpe ratio in sample and out of sample."""
    labels = [f"{fold}" for fold in range(1, len(ratios) + 1)]
    return paired_bars(labels, ratios, "Sharpe ratio in sample and out of sample", "fold ")


def paired_bars(
    labels: Sequence[str],
    pairs: Sequence[tuple[float | None, float | None]],
    what: str,
    unit: str = "",
    decimals: int = 2,
) -> Markup:
    """Draw a pair of bars for each label; what: their text alternative; unit: of a label in it."""
    to_text = partial(number, decimals=decimals)
    values = [value for pair in pairs for value in pair if value is not None]
    low, high = min([0.0, *values]), max([0.1, *values])
    y, x = scale(low, high, FLOOR, EDGE), scale(0, len(pairs), LEFT, WIDTH)
    width = min(x(0.35) - LEFT, 48)
    every = -(
        -len(labels) * LABEL_WIDTH // (WIDTH - LEFT)
    )  # labels that would overlap are left out
    shapes, words = axis(y, (low, 0.0, high), to_text), list[str]()
    for at, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
        middle = x(at + 0.5)
        titles = ["none" if value is None else to_text(value) for value in pair]
        sides = (("f-done", middle - width), ("f-strategy", middle))
        for value, title, (css, left) in zip(pair, titles, sides, strict=True):
            if value is not None:
                shape = bar(css, left, width, y(value), y(0))
                shapes.append(f"<g><title>{title}</title>{shape}</g>")
        if at % every == 0:
            shapes.append(text(middle, BELOW, label))
        words.append(f"{unit}{label}: {' to '.join(titles)}")
    return frame_picture(shapes, f"{what}. {'; '.join(words)}")


def equity_picture(dates: Sequence[str], curve: Column) -> Markup:
    """Draw equity as a line, with its first and last day and its highest and lowest value."""
    equity: list[float] = curve.tolist()
    low, high = min(equity), max(equity)
    if low == high:
        low, high = low * 0.99, high * 1.01
    last = len(equity) - 1
    drawn = [*range(0, last, max(1, len(equity) // WIDTH)), last]
    x, y = scale(0, last, LEFT, WIDTH), scale(low, high, FLOOR, EDGE)
    first_day, last_day = dates[0][:10], dates[-1][:10]
    shapes = [
        *axis(y, (low, (low + high) / 2, high), short_money),
        polyline("s-strategy", [(x(at), y(equity[at])) for at in drawn]),
        *ends(LEFT, first_day, last_day),
    ]
    return frame_picture(
        shapes,
        f"Equity from {coarse_money(equity[0], high)} on {first_day} to {coarse_money(equity[-1], high)} on {last_day}",
    )


def short_money(money: float) -> str:
    """Format money in a few characters: 0.5004, 1,234, 56k, 7.8M."""
    if abs(money) < 100:
        return plain(float(f"{money:.4g}"))
    if abs(money) < 10_000:
        return number(money, 0)
    return f"{number(money / 1e3, 0)}k" if abs(money) < 1e6 else f"{number(money / 1e6, 1)}M"


def histogram_picture(values: Sequence[float], marked: float, what: str) -> Markup:
    """Draw a histogram of values with one value marked and labelled; what: the label."""
    low, high = min(*values, marked), max(*values, marked)
    width = (high - low) / BINS or 1.0
    counts = Counter(min(int((value - low) / width), BINS - 1) for value in values)
    most = max(counts.values())
    x, y = scale(0, BINS, LEFT, WIDTH), scale(0, most, FLOOR, EDGE)
    wide = x(1) - x(0) - 1
    shapes = [
        *axis(y, (0, most), short_money),
        *(bar("f-luck", x(at), wide, y(count), FLOOR) for at, count in sorted(counts.items())),
        _mark(x((marked - low) / width), f"{what} {number(marked)}"),
        *ends(LEFT, number(low), number(high)),
    ]
    return frame_picture(
        shapes,
        f"{len(values):,} values from {number(low)} to {number(high)}; {what} {number(marked)}",
    )


def _mark(x: float, words: str) -> str:
    """Mark a value by a vertical line with a label above."""
    return line("s-strategy", x, EDGE, x, FLOOR) + text(WIDTH - 2, ABOVE, words, "end")


def luck_of_best(evidence: Json) -> Markup | None:
    """Draw the best of the trials without skill and the observed best; None when the trials do not vary."""
    luck, trials = evidence["luck_sharpe_ratio"], evidence["trials"]
    if not luck:
        return None
    if independent := evidence.get("independent_trials"):
        one = _deviation(evidence)
        return one and _luck(evidence["sharpe_ratio"], luck, one, independent, trials)
    one = luck / luck_sharpe(1.0, trials)
    return _luck(evidence["sharpe_ratio"], luck, one, trials, trials)


def luck_of_one(evidence: Json) -> Markup | None:
    """Draw the Sharpe ratio of one path without skill and the observed one; None without a probability in (0, 1)."""
    one = _deviation(evidence)
    return one and _luck(evidence["sharpe_ratio"], 0.0, one, 1, 1)


def _deviation(evidence: Json) -> Any:
    """Return the standard deviation of the ratio of one trial; None if it does not follow from its probability."""
    share = evidence["probabilistic"]
    if share is None or not 0 < share < 1 or share == 0.5:
        return None
    return evidence["sharpe_ratio"] / _NORMAL.inv_cdf(share)


def _luck(observed: float, luck: float, one: float, independent: float, trials: int) -> Markup:
    """Draw the density of the best Sharpe ratio of the trials by luck alone, and mark the observed one.

    one: standard deviation of the ratio of one trial; independent: trials that are as good as all.
    """
    low, high = min(observed, luck - 3 * one, 0.0), max(observed, luck + 3 * one)
    ratios = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    densities = [_best_density(ratio / one, independent) for ratio in ratios]
    x, y = scale(low, high, LEFT, WIDTH - 8), scale(0, max(densities), FLOOR, EDGE)
    shapes = [
        line("s-rule", LEFT, FLOOR, WIDTH, FLOOR),
        text(2, ABOVE, "probability ↑", "start"),
        polyline("s-luck", zip(map(x, ratios), map(y, densities), strict=True)),
        _mark(x(observed), f"observed {number(observed)}"),
        text(x(luck), BELOW, f"expected by luck: {number(luck)}"),
    ]
    best = f"Best Sharpe ratio of {trials:,} expected by luck: {number(luck)}"
    return frame_picture(shapes, f"{best}; observed: {number(observed)}")


def _best_density(value: float, trials: float) -> float:
    """Return the density of the highest of so many standard normal draws."""
    below: float = _NORMAL.cdf(value) ** (trials - 1)
    return trials * _NORMAL.pdf(value) * below
