"""What a page carries for its charts: their numbers once, what is drawn from them, and plotly.js packed."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from cluster_sd.report.charts import BarPanel, Chart, Numbers, Panel, Row, Series, end_of, kept
from cluster_sd.report.figures import csv_text
from cluster_sd.report.words import Words

__all__ = ["LOOKS", "ROLES", "Payload", "first_table", "heat_cells", "plotly_licence", "plotly_packed"]

#: How charts look. Colours that people with any colour vision tell apart and that stand out from white paper; what
#: tells series apart without colour: a dash and a marker each; what tells bars apart: patterns.
LOOKS: Mapping[str, Sequence[Any]] = {
    "colours": ("#0072B2", "#C24E00", "#00805E", "#A03A7C", "#8A6500", "#3B8FC4", "#222222", "#8A8A8A"),
    "dashes": (
        "solid",
        "8px,4px",
        "2px,3px",
        "9px,3px,2px,3px",
        "14px,4px",
        "5px,2px",
        "9px,3px,2px,3px,2px,3px",
        "1px,3px",
    ),
    "markers": ("circle", "square", "triangle-up", "diamond", "x", "triangle-down", "cross", "star"),
    "patterns": ("", "/", ".", "x", "\\", "-", "+", "|"),
}
#: Words of the catalogue that the page's script says.
TOLD = ("table", "hide", "series", "row", "role", "value", "low", "high", "note", "year", "interval")
#: Roles of bars that look the same in all charts; others take the looks that are left.
ROLES = ("lever", "uncertain", "group")


class Payload:
    """What is gathered while a page is written.

    Parameters
    ----------
    has_charts : bool
    """

    def __init__(self, has_charts: bool) -> None:
        self.has_charts = has_charts
        self._numbers: dict[tuple[float | None, ...], int] = {}
        self._given: dict[tuple[float, ...], int] = {}
        self._names: set[str] = set()

    @property
    def numbers(self) -> list[Sequence[float | None]]:
        """All columns of numbers, each once."""
        return list(self._numbers)

    def settings(self, languages: Sequence[Words]) -> dict[str, Any]:
        """What all charts share: their looks, and the words of each language."""
        told = {words.language: {key: words.text(f"chart.{key}") for key in TOLD} for words in languages}
        return {"looks": LOOKS, "words": told}

    @property
    def library(self) -> str:
        """plotly.js as gzip in base64."""
        return plotly_packed()

    @property
    def licence(self) -> str:
        """Of plotly.js; it can't end a comment."""
        return re.sub("-{2,}", "-", plotly_licence())

    def id(self, chart: Chart, words: Words) -> str:
        """A name for the chart's element that no other has."""
        stem = name = f"{words.language}-chart-{chart.name}"
        while name in self._names:
            name = f"{stem}-{len(self._names)}"
        self._names.add(name)
        return name

    def spec(self, chart: Chart, words: Words) -> dict[str, Any]:
        """A chart as the page's script wants it; columns of numbers are given by their places in `numbers`."""
        panel: Callable[[Any], dict[str, Any]] = self._lines if chart.kind == "lines" else self._bars(chart, words)
        made: dict[str, Any] = {key: getattr(chart, key) for key in ("kind", "name", "stacked", "choose")}
        made["panels"] = [
            {"label": one.labels, "unit": one.unit, "percent": one.percent} | panel(one) for one in chart.panels
        ]
        if chart.table is not None or chart.heat is not None:
            made["csv"] = csv_text(chart.data)
        return made

    def _column(self, values: Numbers | None) -> int | None:
        if values is None:
            return None
        given = tuple(values)
        if given not in self._given:
            self._given[given] = self._numbers.setdefault(tuple(kept(given)), len(self._numbers))
        return self._given[given]

    def _lines(self, panel: Panel) -> dict[str, Any]:
        return {"y": panel.y_title, "x": panel.x_title, "series": [self._series(series) for series in panel.series]}

    def _series(self, series: Series) -> dict[str, Any]:
        columns = {key: self._column(getattr(series, key)) for key in ("x", "y", "low", "high")}
        note = series.note if isinstance(series.note, str) else list(series.note)
        told = {"name": series.name, "kind": series.kind, "note": note} | columns
        return {key: value for key, value in told.items() if value not in (None, "", [])}

    def _bars(self, chart: Chart, words: Words) -> Callable[[BarPanel], dict[str, Any]]:
        roles = bar_roles(chart)
        titles = [role_name(role, words) for role in roles]

        def panel(one: BarPanel) -> dict[str, Any]:
            columns = {
                "value": [row.value for row in one.rows],
                "low": [end_of(row.low) for row in one.rows],
                "high": [end_of(row.high) for row in one.rows],
            }
            told = {"labels": [row.label for row in one.rows], "notes": [row.note for row in one.rows]}
            places = [roles.index(row.role) for row in one.rows]
            return (
                told
                | {"x": one.x_title, "roles": places, "titles": titles}
                | {name: self._column(values) for name, values in columns.items()}
            )

        return panel


def bar_roles(chart: Chart) -> list[str]:
    """The roles of a chart's rows in the order of their looks: the known ones have their places."""
    used = dict.fromkeys(row.role for panel in chart.panels for row in panel.rows)
    return [*ROLES, *(role for role in used if role not in ROLES)] if set(used) & set(ROLES) else list(used)


def role_name(role: str, words: Words) -> str:
    """A role as the reader sees it."""
    return words(f"chart.{role}") if role in ROLES else role


# --- as a table -------------------------------------------------------------------------------------------------------


def first_table(chart: Chart, words: Words) -> tuple[str, list[str], list[list[str]]]:
    """What a chart shows first, as a table of text for readers without a script: its label, the header and the rows."""
    panel = chart.panels[0]
    rows = _rows_of_bars(panel, words) if chart.kind == "bars" else _rows_of_lines(panel, words)
    return (", ".join(panel.labels), *rows)


def _rows_of_lines(panel: Panel, words: Words) -> tuple[list[str], list[list[str]]]:
    """A row an x, a column a series."""
    columns = [dict(_points(series, panel.percent, words)) for series in panel.series]
    times = sorted({x for column in columns for x in column})
    rows = [[f"{x:.10g}".replace("-", "−"), *(column.get(x, "") for column in columns)] for x in times]
    return [panel.x_title or words("chart.year"), *(series.name for series in panel.series)], rows


def _points(series: Series, percent: bool, words: Words) -> Iterator[tuple[float, str]]:
    nothing = [None] * len(series.x)
    low, high = (nothing if end is None else end for end in (series.low, series.high))
    for x, y, below, above in zip(series.x, series.y, low, high, strict=True):
        text = _estimate(y, below, above, percent, words)
        if text:
            yield float(x), text


def _rows_of_bars(panel: BarPanel, words: Words) -> tuple[list[str], list[list[str]]]:
    noted = any(row.note for row in panel.rows)
    header = [words("chart.row"), words("chart.role"), panel.x_title, *([words("chart.note")] if noted else [])]

    def cells(row: Row) -> list[str]:
        value = _estimate(row.value, row.low, row.high, panel.percent, words)
        return [row.label, role_name(row.role, words), value, *([row.note] if noted else [])]

    rows = [cells(row) for row in panel.rows]
    if not any(row.role for row in panel.rows):
        return [header[0], *header[2:]], [[row[0], *row[2:]] for row in rows]
    return header, rows


def _estimate(value: float, low: float | None, high: float | None, percent: bool, words: Words) -> str:
    """A number with its interval."""
    write = words.percent if percent else words.number
    known = [None if end is None or end != end else write(float(end)) for end in (value, low, high)]
    if None in known:
        return known[0] or ""
    return words("chart.interval", value=known[0], low=known[1], high=known[2])


def heat_cells(chart: Chart, words: Words) -> list[tuple[str, list[tuple[str, int, bool]]]]:
    """Rows of a heat map: the name, and for each cell its text, its shade (0 to 100) and whether it is below zero."""
    shown = chart.heat
    assert shown is not None
    sizes = abs(shown.values)
    most = float(sizes[sizes == sizes].max(initial=0.0)) or 1.0
    write = words.percent if shown.percent else words.number

    def cell(value: float) -> tuple[str, int, bool]:
        return ("", 0, False) if value != value else (write(value), round(100 * abs(value) / most), value < 0)

    return [(name, [cell(float(v)) for v in row]) for name, row in zip(shown.rows, shown.values, strict=True)]


# --- plotly.js --------------------------------------------------------------------------------------------------------


def _plotly_source() -> str:
    """The library as the package has it."""
    from importlib.resources import files

    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")


@cache
def plotly_packed() -> str:
    """plotly.js as gzip in base64: a third of its size."""
    return base64.b64encode(gzip.compress(_plotly_source().encode(), 9, mtime=0)).decode()


@cache
def plotly_licence() -> str:
    """The notice that plotly.js asks for: its head, and the text of its licence."""
    from importlib.metadata import distribution

    head = _plotly_source().split("*/", 1)[0].lstrip("/* \n")
    text = distribution("plotly").read_text("licenses/LICENSE.txt") or ""
    return "\n".join(line.strip("* ") for line in head.splitlines()) + "\n" + text
