"""Files of statistics as counties have them: encodings, headers, layouts, gaps, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cluster_sd.calibration.reading import read_statistics
from cluster_sd.calibration.statistics import Statistics
from cluster_sd.errors import InputError

ENGLISH = "place,variable,time,value,unit,source,reliability,note\nM county,area,2018,25,万亩,Daily,newspaper,round\n"
CHINESE = "地区,变量,年份,数值,单位,来源,可靠性,备注,关系\n麻阳县,种植面积,2018年,25,万亩,湖南日报,报纸,整数,约\n"


def read(tmp_path: Path, content: str | bytes, name: str = "county.csv") -> Statistics:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_statistics(path)


def workbook(tmp_path: Path, rows: list[list[Any]], **cells: Any) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    for place, value in cells.items():
        book.worksheets[0][place] = value
    book.save(tmp_path / "county.xlsx")
    return tmp_path / "county.xlsx"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_chinese_tables_are_read_in_every_encoding_that_offices_use(tmp_path: Path, encoding: str) -> None:
    (row,) = read(tmp_path, CHINESE.encode(encoding)).rows
    assert (row.place, row.variable, row.time, row.value) == ("麻阳县", "种植面积", 2018, 25)
    assert (row.unit, row.relation, row.reliability, row.row) == ("万亩", "~", "报纸", 2)


def test_bytes_that_are_neither_utf8_nor_chinese_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither UTF-8 nor GB18030"):
        read(tmp_path, "place,variable,time,value\nCafé à la crème,area,2018,25\n".encode("latin-1"))


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_tables_from_spreadsheets_may_have_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    (row,) = read(tmp_path, ENGLISH.replace(",", delimiter)).rows
    assert (row.variable, row.value) == ("area", 25)


def test_a_workbook_reads_as_the_same_table(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["表3 柑橘"], [], *[line.split(",") for line in CHINESE.splitlines()]])
    (row,) = read_statistics(path).rows
    assert (row.variable, row.time, row.value, row.row) == ("种植面积", 2018, 25, 4)


def test_a_workbook_shows_per_cent_dates_and_merged_places_as_a_reader_sees_them(tmp_path: Path) -> None:
    rows = [
        ["地区", "变量", "年份", "数值", "单位"],
        ["麻阳县", "入社率", 2018, 0.6, "%"],
        [None, "面积", 2019, 25, "万亩"],
    ]
    path = workbook(tmp_path, rows)
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["D2"].number_format = "0%"
    book.worksheets[0].merge_cells("A2:A3")
    book.save(path)
    share, area = read_statistics(path).rows
    assert (share.value, share.unit) == (60, "%")
    assert area.place == "麻阳县"


def test_a_formula_that_was_never_calculated_is_an_error(tmp_path: Path) -> None:
    path = workbook(tmp_path, [["variable", "time", "value"], ["area", 2018, "=1+1"]])
    with pytest.raises(InputError, match=r"row 2, column C: holds a formula that was never calculated"):
        read_statistics(path)


def test_a_yearbook_with_years_across(tmp_path: Path) -> None:
    text = "指标,单位,2018年,2019年,2020年\n种植面积,万亩,25,…,26.8\n产量（万吨）,,40,40,49.3\n注：本表为年末数,,,,\n"
    found = read(tmp_path, text)
    assert [(r.variable, r.time, r.value, r.unit, r.column) for r in found.rows] == [
        ("种植面积", 2018, 25, "万亩", "2018年"),
        ("种植面积", 2020, 26.8, "万亩", "2020年"),
        ("产量", 2018, 40, "万吨", "2018年"),
        ("产量", 2019, 40, "万吨", "2019年"),
        ("产量", 2020, 49.3, "万吨", "2020年"),
    ]
    assert "no value" in {row.reason for row in found.unused}


def test_a_table_with_years_down(tmp_path: Path) -> None:
    found = read(tmp_path, "Year,Lynx (thousand),Hare (thousand)\n1900,4,30\n1901,6.1,47.2\n")
    assert [(r.variable, r.time, r.value, r.unit) for r in found.rows] == [
        ("Lynx", 1900, 4, "thousand"),
        ("Hare", 1900, 30, "thousand"),
        ("Lynx", 1901, 6.1, "thousand"),
        ("Hare", 1901, 47.2, "thousand"),
    ]


def test_words_around_a_value_and_the_column_must_agree(tmp_path: Path) -> None:
    head = "variable,time,value,unit,relation\n"
    assert read(tmp_path, head + "area,2018,超过25,万亩,\n").rows[0].relation == ">="
    (broken,) = read(tmp_path, head + "area,2018,超过25,万亩,<=\n").broken
    assert "the value says '>=' and column 'relation' says '<='" in broken.message
    with pytest.raises(InputError, match=r"unknown relation 'perhaps' in .*row 2"):
        read(tmp_path, head + "area,2018,25,万亩,perhaps\n")


def test_a_power_of_ten_is_not_counted_twice(tmp_path: Path) -> None:
    head = "variable,time,value,unit\n"
    assert read(tmp_path, head + "area,2018,28.5万亩,亩\n").rows[0].value == 285_000
    (broken,) = read(tmp_path, head + "area,2018,28.5万,万亩\n").broken
    assert "again in the unit" in broken.message


def test_a_row_whose_number_is_a_text_is_kept_with_its_place(tmp_path: Path) -> None:
    (broken,) = read(tmp_path, "variable,time,value,unit\narea,2018,2o5,mu\n").broken
    assert "county.csv, row 2, column 'value': '2o5' is no number" in broken.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("place,variable,time,value\n", "holds no numbers below its headers"),
        ("variable,time,valeu\narea,2018,5\n", "lacks the column value; 'valeu' should perhaps be 'value'"),
        ("a,b,c\n1,2,3\n", "is no table of statistics"),
        ("variable,时间,time,value\n", "columns '时间' and 'time' are both the time"),
        ("variable,time,value\narea,2018,5,6\n", "row 2: has 4 cells where the header has 3"),
        ('variable,time,value\n"area,2018,5\n', "can't be read as CSV"),
        (b"\xd0\xcf\x11\xe0old", "save it as .xlsx or CSV"),
        (b"PK\x03\x04 not a workbook", "can't be read as a workbook"),
        (b"\x00\x01\x02", "is no table"),
    ],
)
def test_a_file_that_is_no_table_of_statistics_says_why(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert says in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_statistics(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_statistics(tmp_path)


@pytest.mark.parametrize("file", sorted(Path("sd_models").glob("*/data/*.csv")), ids=str)
def test_every_shipped_table_reads(file: Path) -> None:
    found = read_statistics(file)
    assert len(found.rows) + len(found.broken) + len(found.unused) == len(list(open_rows(file)))


def open_rows(file: Path) -> list[list[str]]:
    import csv

    with file.open(encoding="utf-8", newline="") as text:
        return [row for row in csv.reader(text) if any(row)][1:]
