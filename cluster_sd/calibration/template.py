"""A page to fill in: a dozen numbers of somebody's own county, in the format that the reader reads.

A model's ``template.csv`` (columns ``statistic, zh, measure, unit, unit_zh, why, why_zh``) says which numbers are
asked; its rows also tell what a filled-in file means, beside ``observations.csv``. A model without one asks for its
mapped statistics and the variables of its outcomes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_sd.calibration.mapping import Mapped, read_mapping
from cluster_sd.errors import unknown
from cluster_sd.measures import parse
from cluster_sd.model.names import clean
from cluster_sd.model.rows import read_rows

if TYPE_CHECKING:
    from cluster_sd.api import Model

__all__ = ["LANGUAGES", "Question", "mapped_questions", "questions", "template_csv", "template_xlsx"]

_COLUMNS = ("statistic", "zh", "measure", "unit", "unit_zh", "why", "why_zh")
#: Numbers on a page.
MOST = 12
LANGUAGES = ("en", "zh")
_HEADERS = {
    "en": ("place", "variable", "time", "value", "unit", "source", "reliability", "note", "relation"),
    "zh": ("地区", "变量", "年份", "数值", "单位", "来源", "可靠性", "备注", "关系"),
}
_RELIABILITIES = {
    "en": ("official statistic", "government report", "survey", "newspaper", "web page", "estimate"),
    "zh": ("统计公报", "政府报告", "调查", "报纸", "网页", "估计"),
}
_RELATIONS = {"en": ("=", ">=", "<=", "~"), "zh": ("=", "以上", "以下", "约")}
_HELP = {
    "en": (
        "How to fill this in",
        "place: the name of your county, the same in every row",
        "time: the year of the number; earlier years may stand in further rows",
        "value: a number; or a range as 35-45; leave it empty where you don't know",
        "unit: change it to the unit of your number (mu, 万亩, ha, t, 万吨, yuan/kg, 元/斤, %)",
        "reliability: where the number is from; it decides how exactly the model is held to it",
        "relation: = (or empty), >= (at least), <= (at most), ~ (about)",
        "The same number from two sources: two rows with different sources.",
    ),
    "zh": (
        "填写说明",
        "地区：县名，各行一致",
        "年份：数字所属年份；往年数字可另起一行",
        "数值：一个数，或范围如 35-45；不知道的留空",
        "单位：可改为所用单位（亩、万亩、公顷、吨、万吨、元/公斤、元/斤、%）",
        "可靠性：数字出处；决定模型须多严格地符合它",
        "关系：=（或留空）、以上、以下、约",
        "同一数字有两个来源：写两行，来源不同。",
    ),
}


@dataclass(frozen=True)
class Question:
    """One number that is asked.

    Attributes
    ----------
    statistic, zh : str
        Its name, in English and Chinese.
    measure : str
        What it is compared with: a variable, or a constant that it sets.
    unit, unit_zh : str
        The unit that the page suggests.
    why, why_zh : str
        What exactly is meant.
    """

    statistic: str
    zh: str
    measure: str
    unit: str
    unit_zh: str
    why: str
    why_zh: str

    def said(self, language: str) -> tuple[str, str, str]:
        """Name, unit and what is meant, in a language."""
        if language == "zh":
            return self.zh or self.statistic, self.unit_zh or self.unit, self.why_zh
        return self.statistic, self.unit, self.why


def questions(model: Model) -> tuple[Question, ...]:
    """The numbers that a model asks of a county.

    Raises
    ------
    InputError
        For a ``template.csv`` that can't be read, with file and row.
    """
    file = model.path.parent / "template.csv"
    if file.is_file():
        return tuple(_questions(file))
    return tuple(_by_rule(model))[:MOST]


def _questions(file: Path) -> Iterator[Question]:
    seen: set[str] = set()
    for row in read_rows(file, _COLUMNS, ("statistic", "measure", "unit")):
        made = Question(
            row.text("statistic", needed=True), row.text("zh"), row.text("measure", needed=True), row.text("unit"),
            row.text("unit_zh"), row.text("why"), row.text("why_zh"),
        )  # fmt: skip
        names = {clean(name) for name in (made.statistic, made.zh) if name}
        if names & seen:
            raise row.error(f"statistic '{made.statistic}' stands twice")
        seen |= names
        yield made


def _by_rule(model: Model) -> Iterator[Question]:
    """Series that ``observations.csv`` maps, then variables of outcomes; each once."""
    file = model.path.parent / "observations.csv"
    mapping = read_mapping(file) if file.is_file() else ()
    asked = [(row.statistic, row.measure) for row in mapping if row.use == "fit"]
    asked += [(parse(one.measure).variable,) * 2 for one in model.folder.outcomes]
    seen: set[str] = set()
    for name, measure in asked:
        read = parse(measure)
        variable = model.metadata.find(read.variable)
        if not read.is_series or clean(read.variable) in seen or variable is None:
            continue
        seen.add(clean(read.variable))
        zh = model.folder.names_zh.get(clean(read.variable), "")
        why = variable.documentation.partition(" [")[0]
        yield Question(name, zh, measure, variable.unit or "dmnl", "", why, "")


def mapped_questions(model: Model) -> tuple[Mapped, ...]:
    """What the rows of a filled-in page mean, under their English and their Chinese names."""
    file = model.path.parent / "template.csv"
    if not file.is_file():
        return ()
    return tuple(
        Mapped(name, one.measure, where=str(file))
        for one in _questions(file)
        for name in (one.statistic, one.zh)
        if name
    )


# ---- files ----------------------------------------------------------------------------------------------------------


def _rows(model: Model, language: str, place: str, year: str) -> Iterator[tuple[str, ...]]:
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    yield _HEADERS[language]
    for one in questions(model):
        name, unit, why = one.said(language)
        yield place, name, year, "", unit, "", "", why, ""


def template_csv(model: Model, language: str = "en", place: str = "", year: str = "") -> bytes:
    """The page as CSV: UTF-8 with a byte order mark, so that spreadsheet programs read Chinese.

    Parameters
    ----------
    model : Model
    language : {"en", "zh"}
    place, year : str
        Filled in for every row where given.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(_rows(model, language, place, year))
    return text.getvalue().encode("utf-8-sig")


def template_xlsx(model: Model, language: str = "en", place: str = "", year: str = "") -> bytes:
    """The page as a workbook, with lists to choose from and a sheet that says how to fill it in; see `template_csv`."""
    import openpyxl
    from openpyxl.styles import Alignment, Font
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = {"en": "county", "zh": "县情"}[language] if language in LANGUAGES else ""
    for row in _rows(model, language, place, year):
        sheet.append([int(cell) if k == 2 and cell.isdigit() else cell or None for k, cell in enumerate(row)])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABCDEFGHI", (16, 26, 8, 12, 18, 30, 20, 60, 9), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    for column, choices in (("G", _RELIABILITIES[language]), ("I", _RELATIONS[language])):
        allowed = DataValidation(
            type="list", formula1=f'"{",".join(choices)}"', allow_blank=True, showErrorMessage=False
        )
        sheet.add_data_validation(allowed)
        allowed.add(f"{column}2:{column}200")
    about = book.create_sheet({"en": "how to", "zh": "说明"}[language])
    about.column_dimensions["A"].width = 90
    for line in _HELP[language]:
        about.append([line])
    for cell in about["A"]:
        cell.alignment = Alignment(wrap_text=True)
    about["A1"].font = Font(bold=True)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
