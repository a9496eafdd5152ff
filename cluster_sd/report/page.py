"""A page that stands alone: one HTML file, nothing loaded from elsewhere, all text escaped, in one language or more."""

from __future__ import annotations

import base64
import math
import numbers
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

import numpy as np

from cluster_sd.report.charts import ChartBlock
from cluster_sd.report.figures import Figure, Table, csv_text
from cluster_sd.report.words import Language, Words

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

    def cells(self, words: Words) -> list[list[str]]:
        """Rows as they are shown."""
        return [[shown(value, words) for value in row] for row in zip(*self.table.values(), strict=True)]

    @property
    def source(self) -> str:
        """The table as a link's target."""
        return _data(CSV, marked(csv_text(self.table)).encode())


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
        return _data(CSV, marked(csv_text(self.figure.data)).encode())


@dataclass(frozen=True)
class Widget:
    """A piece of HTML that the program itself has made, with all text in it escaped; it may hold a script.

    On a page of several languages its ids must differ between them.
    """

    html: str
    template: str = field(default="widget", init=False)


Block = Text | Bullets | TableBlock | FigureBlock | Widget | ChartBlock


@dataclass(frozen=True)
class Section:
    """A part of a page under a title of its own; `name` is the same in all languages."""

    title: str
    blocks: Sequence[Block]
    name: str = ""

    @property
    def anchor(self) -> str:
        """What a link to it ends with."""
        return re.sub(r"\W+", "-", (self.name or self.title).lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A page, or the part of it that is in one language.

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
    language : {"en", "zh"}
        Of the text.
    """

    title: str
    subtitle: str
    lead: Sequence[Block]
    sections: Sequence[Section]
    footer: Sequence[str] = ()
    language: str = "en"

    @property
    def words(self) -> Words:
        """The words of its frame."""
        return Words(cast(Language, self.language))

    @property
    def blocks(self) -> Iterator[Block]:
        """All blocks in their order."""
        yield from self.lead
        for section in self.sections:
            yield from section.blocks

    @cached_property
    def contents(self) -> list[tuple[str, Section]]:
        """The sections, each with what a link to it ends with: no two alike."""
        found: dict[str, Section] = {}
        for section in self.sections:
            anchor, more = section.anchor or "section", 2
            while anchor in found:
                anchor, more = f"{section.anchor}-{more}", more + 1
            found[anchor] = section
        return list(found.items())


def render(*pages: Page) -> str:
    """Pages as HTML: one, or the same in several languages, of which the reader sees the first until he chooses.

    Raises
    ------
    ValueError
        If two pages have one language.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from cluster_sd.report.fonts import face
    from cluster_sd.report.payload import Payload, first_table, heat_cells

    if len({page.language for page in pages}) != len(pages):
        raise ValueError("two pages of one language")
    loader = PackageLoader("cluster_sd.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.globals.update(first_table=first_table, heat_cells=heat_cells)
    payload = Payload(any(isinstance(block, ChartBlock) for page in pages for block in page.blocks))
    html = environment.get_template("page.html").render(pages=pages, payload=payload, font=FONT) + "\n"
    return html.replace(FONT, face(html), 1)


#: A table's kind.
CSV = "text/csv;charset=utf-8"
#: What may stand as it is in an address within quotation marks; ``&`` would be escaped.
PLAIN = "!$'()*+,/:;=?@[]^`{|}~ "
#: Where the rule of the page's font will stand.
FONT = "/* font */"


def shown(value: Any, words: Words | None = None) -> str:
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
        return (words or Words("en"))("page.yes" if value else "page.no")
    if not _is_number(value):
        return str(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 1000 or value == int(value):
        text = f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.3g}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def marked(csv: str) -> str:
    """A table with the mark by which Excel knows UTF-8, where it holds letters that need it."""
    return csv if csv.isascii() else f"\ufeff{csv}"


def _data(kind: str, content: bytes) -> str:
    """Content as an address, in the shorter of the two ways to write it."""
    coded, plain = f";base64,{base64.b64encode(content).decode()}", f",{quote(content, safe=PLAIN)}"
    return f"data:{kind}{min(coded, plain, key=len)}"
