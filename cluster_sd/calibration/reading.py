"""Statistics from files: which columns are what, in three layouts, and what each cell says.

- *tidy*: a row a number, with the columns place, variable, time, value, unit, source, reliability, note, relation;
- *years across*: a row a variable, a column a year, as yearbooks print;
- *years down*: a row a year, a column a variable, its unit in the header: ``产量（万吨）``.

Headers are Chinese or English. A row whose time or value is no number is kept as ``Broken``: it is an error only for
somebody who would use it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster_sd.calibration.statistics import Broken, Statistic, Statistics, Unused
from cluster_sd.calibration.tables import Sheet, read_sheets
from cluster_sd.calibration.units import Units
from cluster_sd.calibration.values import Value, parse_relation, parse_time, parse_value
from cluster_sd.errors import InputError, unknown

__all__ = ["HEADERS", "read_statistics"]

#: Columns, and the headers that mean them.
HEADERS: Mapping[str, str] = {
    "place": "place region county location 地区 地点 地域 县 县域 区域 县市 县（市、区） 行政区",
    "variable": "variable statistic indicator item name 变量 变量名 指标 指标名称 统计指标 项目 名称",
    "time": "time year years date 年份 年度 年 时间 日期",
    "value": "value number figure 数值 值 数据 数量 指标值",
    "unit": "unit units 单位 计量单位",
    "source": "source sources 来源 数据来源 资料来源 出处",
    "reliability": "reliability quality 可靠性 可靠程度 可信度 可信程度",
    "note": "note notes remark remarks comment 备注 说明 注释 注",
    "relation": "relation 关系 比较 符号",
}
_FIELDS = {header: field for field, headers in HEADERS.items() for header in headers.split()}
_NEEDED = ("variable", "time", "value")
_YEAR = re.compile(r"(\d{4})\s*年?")
_WITH_UNIT = re.compile(r"(.*\S)\s*[（(]([^（）()]+)[)）]\s*")
_ROWS_OF_TITLES = 12


@dataclass(frozen=True)
class Header:
    """The row of headers of a table: what each column is."""

    row: int
    titles: tuple[str, ...]
    fields: Mapping[str, int]
    layout: str
    others: tuple[int, ...]


@dataclass(frozen=True)
class _Cell:
    """What a number's row says, as text."""

    sheet: Sheet
    row: int
    column: str
    place: str
    variable: str
    time: str
    value: str
    unit: str
    source: str = ""
    reliability: str = ""
    note: str = ""
    relation: str = ""

    @property
    def where(self) -> str:
        sheet = f", sheet {self.sheet.name}" if self.sheet.name else ""
        return f"{self.sheet.file}{sheet}, row {self.row}"


def read_statistics(files: Path | str | Sequence[Path | str]) -> Statistics:
    """Read files of statistics.

    Parameters
    ----------
    files : path or sequence of paths
        CSV (UTF-8, UTF-8 with BOM, GB18030) or ``.xlsx``.

    Returns
    -------
    Statistics

    Raises
    ------
    InputError
        Naming file, row and column: no file, an empty one, no table of statistics in it, a relation that is none.
    """
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    rows: list[Statistic] = []
    broken: list[Broken] = []
    unused: list[Unused] = []
    warnings: list[str] = []
    for path in paths:
        sheet, header, more = _table(path)
        warnings += more
        for cell in _numbers(sheet, header):
            found = _read(cell)
            if isinstance(found, Statistic):
                rows.append(found)
            elif isinstance(found, Broken):
                broken.append(found)
            else:
                unused.append(found)
    if not rows and not broken:
        raise InputError(f"{paths[0]}: holds no numbers below its headers")
    hashes = tuple((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths)
    return Statistics(tuple(rows), tuple(unused), tuple(broken), hashes, tuple(warnings))


# ---- tables and headers ---------------------------------------------------------------------------------------------


def _table(path: Path) -> tuple[Sheet, Header, list[str]]:
    """The first table of a file that is one of statistics."""
    sheets = read_sheets(path)
    found = [(sheet, header) for sheet in sheets if (header := _header(sheet)) is not None]
    if not found:
        raise _no_header(sheets[0])
    sheet, header = found[0]
    others = [other.name for other, _ in found[1:]]
    warnings = [f"{path}: only sheet {sheet.name} was read, not {', '.join(others)}"] if others else []
    strange = [header.titles[k] for k in header.others if header.layout == "tidy" and header.titles[k]]
    if strange:
        warnings.append(f"{path}: column{'s' * (len(strange) > 1)} {', '.join(strange)} say nothing to a calibration")
    return sheet, header, warnings


def _header(sheet: Sheet) -> Header | None:
    """The row of headers: the first, below any title, that makes one of the layouts."""
    for number, titles in sheet.rows[:_ROWS_OF_TITLES]:
        made = _layout(sheet, number, titles)
        if made is not None:
            return made
    return None


def _layout(sheet: Sheet, number: int, titles: tuple[str, ...]) -> Header | None:
    fields: dict[str, int] = {}
    others = []
    for k, title in enumerate(titles):
        field = _field(title)
        if field is None:
            others.append(k)
        elif field in fields:
            place = f"{sheet.file}{f', sheet {sheet.name}' if sheet.name else ''}, row {number}"
            raise InputError(f"{place}: columns '{titles[fields[field]]}' and '{title}' are both the {field}")
        else:
            fields[field] = k
    if all(field in fields for field in _NEEDED):
        return Header(number, titles, fields, "tidy", tuple(others))
    years = tuple(k for k in others if _YEAR.fullmatch(titles[k]))
    if "variable" in fields and years and "time" not in fields and "value" not in fields:
        return Header(number, titles, fields, "years across", years)
    named = tuple(k for k in others if titles[k])
    if "time" in fields and named and "variable" not in fields and "value" not in fields:
        return Header(number, titles, fields, "years down", named)
    return None


def _field(title: str) -> str | None:
    plain = "".join(title.lower().split()) if not title.isascii() else title.lower()
    return _FIELDS.get(plain)


def _no_header(sheet: Sheet) -> InputError:
    """Why no row of a table is its headers: the row that comes nearest, and what it lacks."""
    best = max(sheet.rows[:_ROWS_OF_TITLES], key=lambda row: sum(_field(title) is not None for title in row[1]))
    number, titles = best
    have = {_field(title) for title in titles}
    lacks = [field for field in _NEEDED if field not in have]
    strange = [title for title in titles if title and _field(title) is None]
    where = f"{sheet.file}{f', sheet {sheet.name}' if sheet.name else ''}, row {number}"
    if len(have - {None}) < 1 or len(lacks) == len(_NEEDED):
        return InputError(
            f"{where}: is no table of statistics; it needs the columns place, variable, time, value, unit "
            "(or 地区, 变量, 年份, 数值, 单位)"
        )
    hints = [
        str(unknown("column", title, _NEEDED).close[0]) for title in strange if unknown("column", title, _NEEDED).close
    ]
    tail = f"; '{strange[0]}' should perhaps be '{hints[0]}'" if hints else ""
    return InputError(f"{where}: lacks the column{'s' * (len(lacks) > 1)} {', '.join(lacks)}{tail}")


# ---- from a table to numbers ----------------------------------------------------------------------------------------


def _numbers(sheet: Sheet, header: Header) -> Iterator[_Cell]:
    for number, cells in sheet.rows:
        if number <= header.row:
            continue
        padded = (*cells, *[""] * (len(header.titles) - len(cells)))
        if len(cells) > len(header.titles) and any(cells[len(header.titles) :]):
            where = f"{sheet.file}{f', sheet {sheet.name}' if sheet.name else ''}, row {number}"
            raise InputError(f"{where}: has {len(cells)} cells where the header has {len(header.titles)}")
        text = {field: padded[k] for field, k in header.fields.items()}
        yield from _of_row(sheet, header, number, padded, text)


def _of_row(
    sheet: Sheet, header: Header, number: int, cells: tuple[str, ...], text: Mapping[str, str]
) -> Iterator[_Cell]:
    common = {key: text.get(key, "") for key in ("place", "source", "reliability", "note", "relation")}
    if header.layout == "tidy":
        title = header.titles[header.fields["value"]]
        variable, unit = _named(text["variable"], text.get("unit", ""))
        yield _Cell(
            sheet, number, title, variable=variable, time=text["time"], value=text["value"], unit=unit, **common
        )
    elif header.layout == "years across":
        variable, unit = _named(text["variable"], text.get("unit", ""))
        for k in header.others:
            title = header.titles[k]
            yield _Cell(sheet, number, title, variable=variable, time=title, value=cells[k], unit=unit, **common)
    else:
        for k in header.others:
            variable, unit = _named(header.titles[k], text.get("unit", ""))
            title = header.titles[k]
            yield _Cell(sheet, number, title, variable=variable, time=text["time"], value=cells[k], unit=unit, **common)


def _named(variable: str, unit: str) -> tuple[str, str]:
    """A variable and its unit; ``产量（万吨）`` brings its own where the column has none."""
    found = _WITH_UNIT.fullmatch(variable)
    if unit or found is None:
        return variable, unit
    if not Units().knows(found[2]):
        return variable, unit
    return found[1].strip(), found[2].strip()


# ---- from a number's cells to a statistic ---------------------------------------------------------------------------


def _read(cell: _Cell) -> Statistic | Broken | Unused:
    """A statistic; or why it is none."""
    if not (cell.variable and cell.value and cell.time):
        reason = "no value" if cell.variable and cell.time else "no number: a remark, or a row without variable or time"
        return _unused(cell, reason)
    relation = parse_relation(cell.relation)
    if relation is None:
        raise unknown("relation", cell.relation, ("=", ">=", "<=", "~"), cell.where)
    time = parse_time(cell.time)
    if time is None:
        return _broken(cell, "time", f"'{cell.time}' is no time; a time is 2018, 2018.5, 2018-06 or 2012-2016")
    try:
        value = parse_value(cell.value)
        if value is None:
            return _unused(cell, "no value")
        value, unit = _with_unit(value, cell.unit, cell.value)
        relation = _agreed(relation, value.relation)
    except ValueError as error:
        return _broken(cell, cell.column, str(error))
    return Statistic(
        cell.place, cell.variable, *time, value.low, value.high, unit, relation, value.digit, cell.source,
        cell.reliability, cell.note, cell.sheet.file, cell.sheet.name, cell.row, cell.column,
    )  # fmt: skip


def _with_unit(value: Value, unit: str, text: str) -> tuple[Value, str]:
    """One unit out of the value's own and the column's."""
    if value.unit and unit:
        known = Units((unit,))
        if not known.knows(value.unit):
            raise ValueError(f"'{text}' is no number: nobody knows a unit '{value.unit}'")
        if known.knows(unit) and known.dimensions(value.unit) != known.dimensions(unit):
            raise ValueError(f"the value is in '{value.unit}' and column 'unit' says '{unit}'")
    if value.unit:
        return value, value.unit
    if value.power and unit.startswith(tuple("十百千万萬亿億")):
        raise ValueError(f"a power of ten stands in the value '{text}' and again in the unit '{unit}'; write it once")
    return value, unit


def _agreed(column: str, words: str) -> str:
    """One relation out of the column's and that of words around the number."""
    if column != "=" and words != "=" and column != words:
        raise ValueError(f"the value says '{words}' and column 'relation' says '{column}'")
    return words if column == "=" else column


def _unused(cell: _Cell, reason: str) -> Unused:
    return Unused(cell.sheet.file, cell.sheet.name, cell.row, cell.place, cell.variable, cell.time, reason)


def _broken(cell: _Cell, column: str, message: str) -> Broken:
    line = f"{cell.where}, column '{column}': {message}"
    return Broken(cell.sheet.file, cell.sheet.name, cell.row, cell.place, cell.variable, cell.time, message, line)
