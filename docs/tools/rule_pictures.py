"""Pictures of each rule's signals on real prices; redrawn only when their content has changed."""

import hashlib
import json
from pathlib import Path

import matplotlib
import numpy as np

from adapters.charts.frame import DOWN, MUTED, STYLE, UP, Figure, png, time_axis
from adapters.settings import PROJECT_ROOT
from rules.catalog import RULES
from rules.registry import build_rule
from rules.validator import COLUMNS

PRICES = PROJECT_ROOT / "data" / "AAPL.csv"
FOLDER, LIST = "images/rules", "images/rules/drawn.json"
FIRST_DAY, LAST_DAY = np.datetime64("2008-01-01"), np.datetime64("2009-12-31")
STYLE_VERSION = "1"  # another number redraws all pictures


def draw_missing(docs: Path) -> None:
    """Redraw the rules whose prices or signals differ from those of their pictures."""
    for name in stale_pictures(docs):
        (docs / name).write_bytes(_picture(Path(name).stem))
    (docs / LIST).write_text(json.dumps(_content(), indent=2) + "\n", "utf-8")


def stale_pictures(docs: Path) -> list[str]:
    """Return the pictures that are missing, or differ from the rules' current signals."""
    drawn = json.loads((docs / LIST).read_text("utf-8"))
    return [
        f"{FOLDER}/{name}.png"
        for name, hash_ in _content().items()
        if drawn.get(name) != hash_ or not (docs / FOLDER / f"{name}.png").exists()
    ]


def _content() -> dict[str, str]:
    """Return a hash of the content of each picture, by rule; PYTHON runs sealed only, and has none."""
    contents = {
        name: b"".join(map(np.ndarray.tobytes, _curves(name)))
        for name in RULES
        if name != "PYTHON"
    }
    return {
        name: hashlib.sha256(STYLE_VERSION.encode() + each).hexdigest()
        for name, each in contents.items()
    }


def _curves(rule_type: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return days, closes and signals of the rule with its defaults; repeated signals are left out."""
    prices = np.genfromtxt(PRICES, delimiter=",", names=True, dtype=["M8[s]", *["f8"] * 5])
    days, columns = prices["Date"], {name: prices[name] for name in COLUMNS}
    signals = build_rule(rule_type, {}).generate_signals(columns | {"Time": days})
    signals[1:][signals[1:] == signals[:-1]] = 0
    drawn = (days >= FIRST_DAY) & (days <= LAST_DAY)
    return days[drawn], prices["Close"][drawn], signals[drawn]


def _picture(rule_type: str) -> bytes:
    days, close, signals = _curves(rule_type)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, 2.2), dpi=100)
        axes = figure.add_axes((0.01, 0.13, 0.93, 0.84))
        axes.plot(close, color=MUTED, linewidth=0.9)
        for side, shape, color in ((1, "^", UP), (-1, "v", DOWN)):
            [bars] = np.nonzero(signals == side)
            axes.plot(bars, close[bars], shape, color=color, markersize=5)
        time_axis(axes, days)
        return png(figure)
