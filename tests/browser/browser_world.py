"""A page with every kind of chart, in two languages, as small as can be."""

from __future__ import annotations

import numpy as np

from cluster_sd.report.charts import BarPanel, ChartBlock, Panel, Row, Series, bars, heat, lines
from cluster_sd.report.page import Page, Section, TableBlock, Text
from cluster_sd.report.words import Language

#: Text that would do harm, or be lost, if it were taken for markup, a script, a template or a formula.
NASTY = "</script><script>alert(1)</script> <b>b</b> & %{x} $x$"
YEARS = np.arange(2000, 2021)
LAST = [-9.5, 1234.5, 3.0]

SAID = {
    "en": {
        "title": "What matters most",
        "sections": ("Scenarios", "Statistics", "Loops", "Levers"),
        "outcomes": ("Income", "Output value"),
        "series": ("Base run", "Drought of 2012", "No cooperative"),
        "loops": ("R1 A name sells", "B1 Land runs out", "R2 Neighbours teach"),
        "levers": ("Premium share", "Rate of interest on loans to small households", "Frost"),
        "choose": ("Outcome", "Year"),
        "unit": "yuan/year",
    },
    "zh": {
        "title": "哪些杠杆最重要",
        "sections": ("各情景", "统计数据", "反馈回路", "治理杠杆"),
        "outcomes": ("收入", "产值"),
        "series": ("基准情景", "2012年干旱", "没有合作社"),
        "loops": ("R1 品牌促销", "B1 土地用尽", "R2 邻里相传"),
        "levers": ("溢价分成比例", "小农户贷款利率", "冻害"),
        "choose": ("结果", "年份"),
        "unit": "元/年",
    },
}


def page(language: Language) -> Page:
    """The page in one language."""
    said = SAID[language]
    charts = [[_scenarios(said), _nasty()], [_statistics(said)], [_loops(said)], [_levers(said), _heat(said)]]
    names = ("scenarios", "statistics", "loops", "levers")
    table = TableBlock("A table", {"name": list(said["levers"]) * 10, "value": list(range(30))}, "table")
    sections = [
        Section(title, [Text("A paragraph. " * 60), *map(ChartBlock, one), Text("A paragraph. " * 200)], name)
        for title, one, name in zip(said["sections"], charts, names, strict=True)
    ]
    return Page(
        said["title"], "?", [Text(said["title"], "lead")], [*sections, Section("表", [table], "t")], (), language
    )


def _scenarios(said):
    def course(i, scale):
        return np.linspace(1.0, LAST[i], len(YEARS)) * scale

    panels = [
        Panel(
            outcome,
            [Series(n, YEARS, course(i, scale)) for i, n in enumerate(said["series"])],
            outcome,
            "",
            said["unit"],
        )
        for outcome, scale in zip(said["outcomes"], (1.0, 1e6), strict=True)
    ]
    return lines("scenarios", "Courses", "A caption.", panels, said["choose"][:1])


def _statistics(said):
    level = 100 + 10 * np.sin(YEARS / 3)
    gap = np.where(YEARS == 2010, np.nan, level)
    model = Series(said["series"][0], YEARS, gap, gap * 0.9, gap * 1.1)
    marks = Series(
        said["sections"][1], YEARS[::5], level[::5], level[::5] - 5, level[::5] + 5, "marks", ["《年鉴》"] * 5
    )
    return lines("statistics", "Statistics", "A caption.", [Panel("", [model, marks], said["unit"])])


def _loops(said):
    shares = (0.3 + 0 * YEARS, -0.2 + 0 * YEARS, 0.2 * np.sin(YEARS / 2))
    series = [Series(name, YEARS, y, kind="area") for name, y in zip(said["loops"], shares, strict=True)]
    return lines("loops", "Loops", "A caption.", [Panel("", series, "share", percent=True)], stacked=True)


def _levers(said):
    def rows(scale):
        roles = ("lever", "lever", "uncertain")
        values = zip(said["levers"], (0.5, -0.2, 0.1), roles, strict=True)
        return [Row(name, v * scale, v * scale - 0.05, v * scale + 0.1, role) for name, v, role in values]

    panels = [
        BarPanel((outcome, year), rows(scale), "share of the variance", percent=True)
        for outcome, year, scale in (
            (said["outcomes"][0], "2010", 1.0),
            (said["outcomes"][0], "2020", 0.5),
            (said["outcomes"][1], "2020", 0.1),
        )
    ]
    return bars("levers", "Levers", "A caption.", panels, said["choose"])


def _heat(said):
    values = np.array([[0.5, -0.1], [0.25, np.nan], [0.0, 0.001]])
    return heat("heat", "All", "A caption.", said["levers"], said["outcomes"], values, "lever", percent=True)


def _nasty():
    values = np.linspace(-1, 1, len(YEARS))
    panels = [
        Panel(
            label, [Series(NASTY, YEARS, values, note=NASTY), Series(NASTY + "2", YEARS, -values)], NASTY, NASTY, NASTY
        )
        for label in (NASTY, NASTY + "!")
    ]
    return lines("nasty", NASTY, NASTY, panels, [NASTY])
