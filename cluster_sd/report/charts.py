"""Charts to read, ask and take away: what each shows as plain data; the page draws it by plotly.js.

A chart has one panel or several to choose from. Its words are in one language already; numbers are written in the
language of the page. What tells series and roles apart does so without colour too: dashes, markers, patterns, labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from cluster_sd.report.figures import Table

__all__ = ["BarPanel", "Chart", "ChartBlock", "Heat", "Panel", "Row", "Series", "bars", "heat", "lines"]

#: Numbers, one a point; what is not finite is a gap.
Numbers = Sequence[float] | np.ndarray
#: Digits of a number that the page keeps.
DIGITS = 7


@dataclass(frozen=True, eq=False)
class Series:
    """One series of a chart.

    Parameters
    ----------
    name : str
    x, y : sequence of float, one length
        A `y` that is not finite is a gap.
    low, high : sequence of float, optional
        Ends of the interval of each point: a band around a line, whiskers of marks.
    kind : {"line", "marks", "area"}
        ``marks`` are points without a line; ``area`` is filled to zero, or to the area below it where the chart is
        stacked.
    note : str or sequence of str
        Said of the series, or of each point, where the reader points at it.
    """

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    kind: Literal["line", "marks", "area"] = "line"
    note: str | Sequence[str] = ""

    def __post_init__(self) -> None:
        _one_length(f"series '{self.name}'", self.x, self.y, self.low, self.high)


@dataclass(frozen=True, eq=False)
class Panel:
    """One choice of a chart of lines.

    Parameters
    ----------
    label : str or tuple of str
        What the reader chooses it by: a word for each selection of the chart.
    series : sequence of Series
        Their place sets dash and marker: give a series the same place in all panels.
    y_title, x_title : str
        Titles of the axes, unit in brackets; an empty `x_title` says years.
    unit : str
        Said behind each number that the reader points at, as the language writes it.
    percent : bool
        Values are shares, shown in per cent.
    """

    label: str | tuple[str, ...]
    series: Sequence[Series]
    y_title: str
    x_title: str = ""
    unit: str = ""
    percent: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The label, a word for each selection."""
        return (self.label,) if isinstance(self.label, str) else self.label


@dataclass(frozen=True)
class Row:
    """One bar: its value with its interval. Rows of one `role` look alike."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    role: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class BarPanel:
    """One choice of a chart of bars; `rows` are shown in their order. The other parameters are those of a `Panel`."""

    label: str | tuple[str, ...]
    rows: Sequence[Row]
    x_title: str
    unit: str = ""
    percent: bool = False

    labels = Panel.labels


@dataclass(frozen=True, eq=False)
class Heat:
    """A table of numbers with each cell shaded by its size; `values` is rows by columns."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray
    value_title: str
    percent: bool = False


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart: make it with `lines`, `bars` or `heat`.

    Attributes
    ----------
    kind : {"lines", "bars", "heat"}
    name : str
        Of its files and its place in the page: small letters, digits and ``-``.
    title, caption : str
        What it shows; what to read from it and what marks and bands mean.
    panels : sequence of Panel or BarPanel
        At least one; of a heat map nothing.
    choose : tuple of str
        What each selection chooses.
    stacked : bool
        Areas stand on each other, those below zero hang from it.
    heat : Heat or None
    table : Table or None
        Its data, where that is more than what is drawn.
    """

    kind: Literal["lines", "bars", "heat"]
    name: str
    title: str
    caption: str
    panels: Sequence[Any] = ()
    choose: tuple[str, ...] = ()
    stacked: bool = False
    heat: Heat | None = None
    table: Table | None = None

    def __post_init__(self) -> None:
        wrong = [p.labels for p in self.panels if len(self.panels) > 1 and len(p.labels) != len(self.choose)]
        if wrong:
            raise ValueError(f"chart '{self.name}': {len(self.choose)} selections, but the panel {wrong[0]}")
        if self.stacked:
            for panel in self.panels:
                times = {tuple(map(float, series.x)) for series in panel.series}
                if len(times) > 1:
                    raise ValueError(f"chart '{self.name}': areas that stand on each other need the same times")

    @cached_property
    def data(self) -> Table:
        """What is drawn, a row a point."""
        return self.table if self.table is not None else _GATHER[self.kind](self)


def lines(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[Panel],
    choose: Sequence[str] = ("Outcome",),
    table: Table | None = None,
    stacked: bool = False,
) -> Chart:
    """A chart of lines, marks and bands over time (or something else that is a number)."""
    return Chart("lines", name, title, caption, tuple(panels), tuple(choose), stacked, table=table)


def bars(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[BarPanel],
    choose: Sequence[str] = ("Outcome",),
    table: Table | None = None,
) -> Chart:
    """A chart of lying bars with intervals, a row each; roles are told apart by pattern and colour."""
    return Chart("bars", name, title, caption, tuple(panels), tuple(choose), table=table)


def heat(
    name: str,
    title: str,
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    value_title: str,
    percent: bool = False,
    table: Table | None = None,
) -> Chart:
    """A heat map whose cells show their numbers."""
    shape = (len(rows), len(columns))
    if np.shape(values) != shape:
        raise ValueError(f"chart '{name}': values of shape {np.shape(values)}, not {shape}")
    return Chart(
        "heat", name, title, caption, heat=Heat(rows, columns, np.asarray(values), value_title, percent), table=table
    )


@dataclass(frozen=True, eq=False)
class ChartBlock:
    """A chart as a block of a page."""

    chart: Chart
    template: str = field(default="chart", init=False)


# --- data -------------------------------------------------------------------------------------------------------------


def _gather_lines(chart: Chart) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = _columns(chart, "series", "x", "y", "low", "high", "note")
    for panel in chart.panels:
        for series in panel.series:
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                low, high = (end_of(None if end is None else end[i]) for end in (series.low, series.high))
                note = series.note if isinstance(series.note, str) else series.note[i]
                _add(table, chart, panel, series.name, float(x), float(y), low, high, note)
    return _without_empty(table)


def _gather_bars(chart: Chart) -> dict[str, list[Any]]:
    table = _columns(chart, "item", "role", "value", "low", "high", "note")
    for panel in chart.panels:
        for row in panel.rows:
            low, high = end_of(row.low), end_of(row.high)
            _add(table, chart, panel, row.label, row.role, float(row.value), low, high, row.note)
    return _without_empty(table)


def _gather_heat(chart: Chart) -> dict[str, list[Any]]:
    assert chart.heat is not None
    shown = chart.heat
    return {"item": list(shown.rows)} | {
        name: [float(v) for v in column] for name, column in zip(shown.columns, shown.values.T, strict=True)
    }


_GATHER = {"lines": _gather_lines, "bars": _gather_bars, "heat": _gather_heat}


def _columns(chart: Chart, *names: str) -> dict[str, list[Any]]:
    chosen = chart.choose if len(chart.panels) > 1 else ()
    return {name: [] for name in (*chosen, *names)}


def _add(table: dict[str, list[Any]], chart: Chart, panel: Any, *values: Any) -> None:
    chosen = panel.labels if len(chart.panels) > 1 else ()
    for column, value in zip(table.values(), (*chosen, *values), strict=True):
        column.append(value)


def _without_empty(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The columns that say something."""
    kept = ("series", "x", "y", "item", "value")
    return {n: c for n, c in table.items() if n in kept or any(v == v and v != "" for v in c)}


def _one_length(what: str, *columns: Numbers | None) -> None:
    lengths = {len(column) for column in columns if column is not None}
    if len(lengths) > 1:
        raise ValueError(f"{what}: columns of lengths {', '.join(map(str, sorted(lengths)))}")


def end_of(value: float | None) -> float:
    """An end of an interval, NaN where there is none."""
    return float("nan") if value is None else float(value)


def kept(values: Numbers) -> list[float | None]:
    """Numbers as the page keeps them: whole, or with few digits; nothing where there is none."""
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in map(float, values)]
