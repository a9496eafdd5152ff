"""A figure and the numbers that it shows, which go together: NAME.svg, NAME.png and NAME.csv."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster_sd.output import write_csv
from cluster_sd.report.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Figure", "Table", "csv_text", "save"]

#: Name of a column -> its values, all of one length.
Table = Mapping[str, Sequence[Any] | np.ndarray]


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure.

    Parameters
    ----------
    name : str
        Stem of its files: small letters, digits and ``-``.
    title : str
        What it shows, in a few words.
    caption : str
        What to read from it, how it was made, and what the marks mean.
    draw : callable
        Gives a new ``matplotlib.figure.Figure`` (not of pyplot); called within :func:`cluster_sd.report.style.style`.
        What has thousands of points should be rasterised (``rasterized=True``).
    data : mapping of str to sequence
        The plotted numbers, a column each; written as CSV and tested in place of pixels.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Drawing]
    data: Table

    @cached_property
    def svg(self) -> bytes:
        """The figure as SVG; letters are paths, so that no font is needed."""
        return self._rendered("svg")

    @cached_property
    def png(self) -> bytes:
        """The figure as PNG, with everything in the places that it has in the SVG."""
        _ = self.svg
        return self._rendered("png")

    @cached_property
    def csv(self) -> bytes:
        """The data as CSV in UTF-8."""
        return csv_text(self.data).encode()

    @cached_property
    def _drawing(self) -> Drawing:
        """Drawn once for both pictures; :meth:`_rendered` forgets it when they are there."""
        return self.draw()

    def _rendered(self, kind: str) -> bytes:
        from matplotlib import rcParams
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        made = io.BytesIO()
        with style():
            drawing = self._drawing
            drawing.dpi = rcParams["savefig.dpi"]
            if kind == "svg":  # these two draw once; savefig draws twice, to crop, which nobody asks for
                FigureCanvasSVG(drawing).print_svg(made, metadata={"Date": None})
                drawing.set_layout_engine("none")
            else:
                FigureCanvasAgg(drawing).print_png(made, metadata={"Software": None})
                del self.__dict__["_drawing"]
        return made.getvalue()


def csv_text(table: Table) -> str:
    """A table as CSV: numbers as the shortest text that reads back as the same number."""
    made = io.StringIO()
    write_csv(made, list(table), [[np.asarray(column) for column in table.values()]] if table else [])
    return made.getvalue()


def save(figures: Sequence[Figure], folder: Path) -> None:
    """Write each figure as ``NAME.svg``, ``NAME.png`` and ``NAME.csv`` into `folder`, which is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        for kind in ("svg", "png", "csv"):
            (folder / f"{figure.name}.{kind}").write_bytes(getattr(figure, kind))
