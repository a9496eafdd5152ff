"""A page stands alone, escapes what it is given, and its figures carry their data."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest

from cluster_sd.report.figures import Figure, save
from cluster_sd.report.page import Bullets, FigureBlock, Page, Section, TableBlock, Text, render, shown

NASTY = "<script>alert('水果 & co')</script>"


def line_of(values):
    def draw():
        from matplotlib.figure import Figure as Drawing

        drawing = Drawing(figsize=(4, 3))
        drawing.subplots().plot(values["x"], values["y"])
        return drawing

    return Figure("a-line", "A line", "It rises.", draw, values)


@pytest.fixture
def line():
    return line_of({"x": np.arange(5), "y": np.arange(5) ** 2 / 3})


@pytest.fixture
def page(line):
    table = TableBlock("A table", {"name": [NASTY, "b"], "value": [1234.5, np.nan]}, download="table")
    return Page(
        NASTY, NASTY, [Text(NASTY, "lead")], [Section("One & two", [Bullets([NASTY]), table, FigureBlock(line)])]
    )


def test_text_from_files_is_never_markup(page):
    html = render(page)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_nothing_is_loaded_from_elsewhere(page):
    targets = re.findall(r'(?:src|href)="([^"]*)"', render(page))
    assert targets
    assert all(target.startswith(("data:", "#")) for target in targets)


def test_a_figure_is_the_same_bytes_each_time(line):
    again = line_of(line.data)
    assert (line.svg, line.png, line.csv) == (again.svg, again.png, again.csv)


def test_a_figures_data_reads_back_as_the_same_numbers(line, tmp_path):
    save([line], tmp_path / "figures")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["a-line.csv", "a-line.png", "a-line.svg"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "figures" / "a-line.csv").read_text())))
    assert [float(row["y"]) for row in rows] == list(line.data["y"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1e5, "−100,000"),
        (1e15, "1e+15"),
        (np.float64(0.5), "0.5"),
        (np.bool_(False), "no"),
        (None, "–"),
        (np.inf, "∞"),
    ],
)
def test_numbers_are_shown_as_a_reader_wants_them(value, text):
    assert shown(value) == text
