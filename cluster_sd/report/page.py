"""A page that stands alone: one HTML file, nothing loaded from elsewhere, all text escaped."""

from __future__ import annotations

import base64
import math
import numbers
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cluster_sd.report.figures import Figure, Table, csv_text

__all__ = ["Block", "Bullets", "FigureBlock", "Page", "Section", "TableBlock", "Text", "Widget", "render", "shown"]


@dataclass(frozen=True)
class Text:
    """A paragraph; a ``lead`` is set larger, a ``note`` smaller."""

    text: str
    role: str = ""
    template: str = field(default="text", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list of short lines."""

    lines: Sequence[str]
    template: str = field(default="bullets", init=False)


@dataclass(frozen=True, eq=False)
class TableBlock:
    """A table with its caption; `download` is the stem of the CSV file that it can be saved as.

    A column of numbers is set to the right; numbers are shown by :func:`shown`, and kept whole in the CSV. Tables of
    more than `fold` rows begin folded.
    """

    caption: str
    table: Table
    download: str = ""
    fold: int = 25
    template: str = field(default="table", init=False)

    @cached_property
    def header(self) -> list[tuple[str, bool]]:
        """Names of the columns, and whether each holds numbers."""
        return [(name, all(_is_number(v) for v in column)) for name, column in self.table.items()]

    @cached_property
    def rows(self) -> list[list[str]]:
        """Cells as they are shown."""
        return [[shown(value) for value in row] for row in zip(*self.table.values(), strict=True)]

    @property
    def source(self) -> str:
        """The table as a link's target."""
        return _data("text/csv;charset=utf-8", csv_text(self.table).encode())


@dataclass(frozen=True, eq=False)
class FigureBlock:
    """A figure with title, caption and its data to save."""

    figure: Figure
    template: str = field(default="figure", init=False)

    @property
    def picture(self) -> str:
        """The figure as an image's source."""
        return _data("image/svg+xml", self.figure.svg)

    @property
    def source(self) -> str:
        """The data as a link's target."""
        return _data("text/csv;charset=utf-8", self.figure.csv)


@dataclass(frozen=True)
class Widget:
    """A piece of HTML that the program itself has made, with all text in it escaped; it may hold a script."""

    html: str
    template: str = field(default="widget", init=False)


Block = Text | Bullets | TableBlock | FigureBlock | Widget


@dataclass(frozen=True)
class Section:
    """A part of a page under a title of its own."""

    title: str
    blocks: Sequence[Block]

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A page.

    Parameters
    ----------
    title : str
    subtitle : str
        The question that the page answers.
    lead : sequence of Block
        The answer, before all sections.
    sections : sequence of Section
    footer : sequence of str
        How it was made: versions, hashes, seed, time.
    language : str
        Of the text, as HTML has it.
    """

    title: str
    subtitle: str
    lead: Sequence[Block]
    sections: Sequence[Section]
    footer: Sequence[str] = ()
    language: str = "en"


def render(page: Page) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("cluster_sd.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(page=page) + "\n"


def shown(value: Any) -> str:
    """A value as a reader wants it: numbers with three digits or thousands apart, nothing for what isn't there.

    Examples
    --------
    >>> [shown(v) for v in (1234567.8, 0.012345, 12.0, True, float("nan"), "O13")]
    ['1,234,568', '0.0123', '12', 'yes', '–', 'O13']
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not _is_number(value):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.3g}"
    return f"{value:.3g}"


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
