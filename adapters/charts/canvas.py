"""A dark canvas, panels with their own scale on it, and PNG bytes from it; Matplotlib's artists and renderer alone.

Axes and Figure are left out on purpose: the tick machinery of axes takes four fifths of the drawing time of a chart as
plain as these, and importing both takes 200 ms, as long as the rest of Matplotlib does.
"""

import io
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

# A list of fonts that was baked beside the fonts is used where it lies. Otherwise Matplotlib wants a folder that it may
# write to, and where that is empty, as in every new container, it scans all fonts again, for 230 ms.
if any(Path(matplotlib.get_data_path()).glob("fontlist-*.json")):
    matplotlib.get_cachedir = matplotlib.get_data_path

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox, BboxTransform, IdentityTransform, Transform
from PIL import Image

WIDTH_PX, HEIGHT_PX = 1600, 640  # twice the 800 × 320 CSS pixels at which pages show a chart
DPI = 200  # so that 9 points are 12.5 CSS pixels
PALETTE_SIZE = 64  # colours; with antialiasing no chart shows a difference to 16 million, at less than half the bytes

BACKGROUND = "#0b0e13"
GRID = "#1d2531"
AXIS = "#3a4656"
TEXT = "#b4bfcc"
BRIGHT = "#e8edf3"
MUTED = "#8592a3"
AMBER = "#ffc02e"
UP = "#4aa3ff"
DOWN = "#ff9f40"

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
PLAIN_FONT = FontProperties(fname=_FONTS / "DejaVuSansMono.ttf")
BOLD_FONT = FontProperties(fname=_FONTS / "DejaVuSansMono-Bold.ttf")

Points = np.ndarray[Any, np.dtype[np.float64]]


class Page:
    """What artists ask of the figure that they belong to: its resolution and its size."""

    def __init__(self) -> None:
        self.dpi = DPI
        self.bbox = Bbox.from_extents(0, 0, WIDTH_PX, HEIGHT_PX)

    def get_figure(self, root: bool = False) -> "Page":
        """Itself; a page is no part of another one."""
        return self


class Canvas:
    """A picture of 1600 × 640 pixels in the making; `artists` are what stands on it so far."""

    def __init__(self) -> None:
        self.artists: list[Artist] = []
        self._page: Any = Page()
        self._renderer: Any = RendererAgg(WIDTH_PX, HEIGHT_PX, DPI)  # type: ignore[no-untyped-call]
        self.add(Rectangle((0, 0), WIDTH_PX, HEIGHT_PX, color=BACKGROUND), IdentityTransform())

    def add(self, artist: Artist, transform: Transform) -> None:
        """Put an artist on the canvas; its coordinates become pixels by `transform`."""
        artist.set_figure(self._page)
        artist.set_transform(transform)
        self.artists.append(artist)

    def text(self, x_px: float, y_px: float, text: str, color: str = TEXT, size_pt: float = 9, **style: Any) -> Text:
        """Text with its anchor at pixels from the lower left corner."""
        font = style.pop("font", PLAIN_FONT)
        artist = Text(x_px, y_px, text, color=color, fontproperties=font, **style)
        artist.set_fontsize(size_pt)
        self.add(artist, IdentityTransform())
        return artist

    def extent(self, text: Text) -> Bbox:
        """The pixels that a text covers."""
        return text.get_window_extent(self._renderer)

    def png(self) -> bytes:
        """The canvas as a PNG of at most 64 colours."""
        for artist in sorted(self.artists, key=Artist.get_zorder):
            artist.draw(self._renderer)
        pixels = Image.frombuffer("RGBA", (WIDTH_PX, HEIGHT_PX), self._renderer.buffer_rgba(), "raw", "RGBA", 0, 1)
        few_colours = pixels.convert("RGB").quantize(
            PALETTE_SIZE, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        png = io.BytesIO()
        few_colours.save(png, "png")
        return png.getvalue()


class Panel:
    """A rectangle of a canvas in which x counts bars and y is a quantity, on a linear or a logarithmic scale."""

    def __init__(
        self, canvas: Canvas, pixels: tuple[float, float, float, float], bars: int, low: float, high: float, log: bool
    ) -> None:
        """pixels: left, bottom, right, top; x goes from half a bar before the first to half a bar after the last."""
        self.canvas = canvas
        self.left, self.bottom, self.right, self.top = pixels
        self.bars, self.low, self.high, self.log = bars, low, high, log
        data = Bbox.from_extents(-0.5, self._scaled(low), bars - 0.5, self._scaled(high))
        self._to_pixels = BboxTransform(data, Bbox.from_extents(*pixels))

    @property
    def bar_width_pt(self) -> float:
        """Width of one bar in points."""
        return (self.right - self.left) / self.bars * 72 / DPI

    def pixels(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the panel lies on the canvas."""
        x_px, y_px = self._to_pixels.transform((x, self._scaled(y)))
        return float(x_px), float(y_px)

    def line(self, y: Points, color: str, width_pt: float = 1.2, **style: Any) -> None:
        """A line through one value per bar; a dot when there is only one bar."""
        style |= {"marker": "o", "markersize": 4} if self.bars == 1 else {}
        columns, values = _thinned(self._scaled(y))
        self._add(Line2D(columns, values, color=color, linewidth=width_pt, solid_joinstyle="round", **style))

    def level(self, y: float, color: str = AXIS, width_pt: float = 0.8, **style: Any) -> None:
        """A horizontal line across the panel."""
        self._add(Line2D([-0.5, self.bars - 0.5], [self._scaled(y)] * 2, color=color, linewidth=width_pt, **style))

    def area(self, y: Points, base: float, color: str, alpha: float) -> None:
        """The area between one value per bar and a level."""
        columns, values = _thinned(self._scaled(y))
        outline = np.column_stack((columns, values))
        ends = [(columns[-1], self._scaled(base)), (columns[0], self._scaled(base))]
        self._add(Polygon(np.vstack((outline, ends)), closed=True, facecolor=color, edgecolor="none", alpha=alpha))

    def verticals(
        self, x: Points, low: Points, high: Points, color: str, width_pt: float, alpha: float = 1, least_pt: float = 0
    ) -> None:
        """Vertical lines at x from `low` to `high`, at least `least_pt` tall: an unchanged price stays visible."""
        bottom, top = self._scaled(low), self._scaled(high)
        least = least_pt * DPI / 72 / self._to_pixels.get_matrix()[1, 1]
        ends = np.column_stack((x, bottom)), np.column_stack((x, np.maximum(top, bottom + least)))
        lines = list(np.stack(ends, axis=1))
        self._add(LineCollection(lines, colors=color, linewidths=width_pt, alpha=alpha, capstyle="butt"))

    def markers(self, x: Points, y: Points, shape: Any, color: str, size_pt: float, **style: Any) -> None:
        """Marks, `shape` as Matplotlib names them, with a dark rim that keeps them apart where they overlap."""
        rim: dict[str, Any] = {"markeredgecolor": BACKGROUND, "markeredgewidth": 0.5, "markerfacecolor": color} | style
        self._add(Line2D(x, self._scaled(y), linestyle="none", marker=shape, markersize=size_pt, **rim))

    def _scaled(self, y: Any) -> Any:
        return np.log10(y) if self.log else y

    def _add(self, artist: Artist) -> None:
        self.canvas.add(artist, self._to_pixels)


def _thinned(y: Points) -> tuple[Points, Points]:
    """x and y of a line; of very many bars only the lowest and the highest of each pixel column."""
    bars = len(y)
    if bars <= 4 * WIDTH_PX:
        return np.arange(bars, dtype=float), np.asarray(y, dtype=float)
    starts = np.linspace(0, bars, WIDTH_PX, endpoint=False).astype(int)
    extremes = np.column_stack((np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)))
    return np.repeat(starts.astype(float), 2), extremes.ravel()
