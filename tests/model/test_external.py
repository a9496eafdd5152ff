"""Data files beside a model: what is read, as PySD reads it, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.workbook.defined_name import DefinedName

from cluster_sd.errors import InputError, ModelError, UnknownNameError
from cluster_sd.model import external
from cluster_sd.model.external import read_block, read_labels, read_series

SDX = Path(__file__).parents[3] / "shared" / "conformance" / "sdx"

TABLE = """time,1990,1991,1993,,1992
a,1,2,4,99,3
b,10,,40,99,30

c,5,6,7,8,9
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "d.csv").write_text(TABLE)
    (tmp_path / "d.tab").write_text(TABLE.replace(",", "\t"))
    (tmp_path / "d.txt").write_text(TABLE.replace(",", ";"))
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Data"
    for row in TABLE.splitlines():
        sheet.append([float(c) if c.replace(".", "").isdigit() else c or None for c in row.split(",")])
    for name, cells in {"years": "$B$1:$F$1", "ab": "$B$2:$F$3", "one": "$B$5", "square": "$B$2:$C$3"}.items():
        book.defined_names[name] = DefinedName(name, attr_text=f"Data!{cells}")
    sheet.defined_names["years_here"] = DefinedName("years_here", attr_text="Data!$B$1:$F$1")
    book.create_sheet("Other")
    book.save(tmp_path / "d.xlsx")
    return tmp_path


FILES = [("d.csv", ","), ("d.csv", ""), ("d.tab", ""), ("d.tab", "\t"), ("d.txt", ";"), ("d.xlsx", "data")]


@pytest.mark.parametrize(("file", "tab"), FILES)
def test_a_row_of_data_is_read_in_order_without_the_places_that_have_no_time(folder, file, tab):
    x, y = read_series(folder, file, tab, "1", "B2", size=2)
    assert x.tolist() == [1990, 1991, 1992, 1993]
    assert y.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40]]


@pytest.mark.parametrize(("file", "tab"), FILES)
def test_blank_lines_count_as_rows(folder, file, tab):
    assert read_block(folder, file, tab, "B5", (5,)).tolist() == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("interpolation", "filled"), [("interpolate", 20), ("look_forward", 30), ("hold_backward", 10), ("raw", np.nan)]
)
def test_a_gap_is_filled_by_the_variables_own_interpolation(folder, interpolation, filled):
    _, y = read_series(folder, "d.csv", ",", "1", "B3", interpolation=interpolation)
    np.testing.assert_array_equal(y[:, 0], [10, filled, 30, 40])


def test_a_column_of_data_is_read_down_to_the_end(folder):
    (folder / "down.csv").write_text("t,x,y\n2,5,7\n1,4,6\n,,\n3,,8\n")
    x, y = read_series(folder, "down.csv", ",", "a", "B2", size=2)
    assert x.tolist() == [1, 2, 3]
    assert y.tolist() == [[4, 6], [5, 7], [5, 8]]


def test_named_ranges_are_read_whatever_the_case_of_the_sheet(folder):
    x, y = read_series(folder, "d.xlsx", "DATA", "Years", "AB", size=2)
    assert y[:, 1].tolist() == [10, 20, 30, 40]
    assert read_series(folder, "d.xlsx", "Data", "years_here", "ab", size=2)[0].tolist() == x.tolist()
    assert read_block(folder, "d.xlsx", "Data", "one").tolist() == 5


def test_constants_lie_along_a_row_or_with_a_star_along_a_column(folder):
    assert read_block(folder, "d.csv", ",", "B2", (3,)).tolist() == [1, 2, 4]
    assert read_block(folder, "d.csv", ",", "B1*", (2,)).tolist() == [1990, 1]
    assert read_block(folder, "d.csv", ",", "C1", (2, 2)).tolist() == [[1991, 1993], [2, 4]]
    assert read_block(folder, "d.csv", ",", "C1*", (2, 2)).tolist() == [[1991, 2], [1993, 4]]
    assert read_block(folder, "d.csv", ",", "C1*", (2, 1, 2)).shape == (2, 1, 2)
    assert read_block(folder, "d.csv", ",", "B5*").tolist() == 5


def test_labels_are_read_to_their_last_cell_row_or_column(folder):
    assert read_labels(folder, "d.csv", ",", "A2", "A3") == ("a", "b")
    assert read_labels(folder, "d.csv", ",", "B1", "1", "y") == ("y1990", "y1991", "y1993", "y1992")
    assert read_labels(folder, "d.csv", ",", "A2", "A") == ("a", "b", "c")
    assert read_labels(folder, "d.xlsx", "data", "years") == ("1990", "1991", "1993", "1992")
    assert read_labels(folder, "d.csv", ",", "A5") == ("c", "5", "6", "7", "8", "9")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: read_block(f, "e.csv", ",", "B2"), "unknown data file 'e.csv' .* did you mean 'd.csv'"),
        (lambda f: read_block(f, "d.xlsx", "Dada", "B2"), r"unknown sheet 'Dada' .*d\.xlsx; did you mean 'Data'"),
        (lambda f: read_block(f, "d.xlsx", "Data", "on"), "unknown cell or named range 'on' .* 'one'"),
        (lambda f: read_block(f, "d.xlsx", "Other", "one"), "unknown cell or named range 'one' .* there is none"),
        (lambda f: read_block(f, "d.csv", ",", "A2"), r"d\.csv: cell A2 holds 'a' where a number belongs"),
        (lambda f: read_block(f, "d.xlsx", "data", "A2"), r"d\.xlsx: sheet 'Data', cell A2 holds 'a'"),
        (lambda f: read_block(f, "d.csv", ",", "B3", (2,)), r"cell C3 is empty where a constant belongs"),
        (lambda f: read_block(f, "d.csv", ",", "AA99"), r"cell AA99 is beyond the end of the data"),
        (lambda f: read_block(f, "d.csv", ",", "B2", (2, 2, 2)), "at most two dimensions"),
        (lambda f: read_block(f, "d.xlsx", "Data", "square", (3,)), "'square' is 2 × 2 cells where 1 × 3 belong"),
        (lambda f: read_series(f, "d.xlsx", "Data", "square", "ab", 2), "is a table where one row or column belongs"),
        (lambda f: read_series(f, "d.xlsx", "Data", "years", "square", 2), "is 2 × 2 cells where 2 × 5 belong"),
        (lambda f: read_series(f, "d.csv", ",", "4", "B5"), "holds no point"),
        (lambda f: read_series(f, "d.csv", ",", "5x", "B5"), "'5x' is neither a row nor a column"),
        (lambda f: read_series(f, "twice.csv", ",", "A", "B1"), "holds 1 twice"),
        (lambda f: read_series(f, "text.csv", ",", "A", "B1"), r"cell B2 holds 'high' where a number belongs"),
        (lambda f: read_labels(f, "d.csv", ",", "G1", "G2"), "holds no subscript"),
        (lambda f: read_block(f, "?data", ",", "B2"), "is a tag that Vensim asks its user about"),
        (lambda f: read_block(f, "broken.xlsx", "Data", "B2"), r"broken\.xlsx: can't be read as a spreadsheet"),
        (lambda f: read_block(f, "broken.xls", "Data", "B2"), r"broken\.xls: can't be read as a spreadsheet"),
        (lambda f: read_block(f, "d.pdf", ",", "B2"), r"d\.pdf: is of no kind that can be read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_sheet_and_cell(folder, call, message):
    (folder / "twice.csv").write_text("1,2\n1,3\n")
    (folder / "text.csv").write_text("1,2\n2,high\n")
    for name in ("broken.xlsx", "broken.xls", "d.pdf"):
        (folder / name).write_bytes(b"no spreadsheet")
    with pytest.raises(InputError, match=message) as caught:
        call(folder)
    assert "\n" not in str(caught.value)


def test_text_beside_a_place_without_a_time_is_a_remark(folder):
    (folder / "note.csv").write_text("1,2\n2,3\nSource: yearbook,see note\n")
    assert read_series(folder, "note.csv", ",", "A", "B1")[0].tolist() == [1, 2]


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "#N/A", "nan", " "])
def test_marks_for_missing_are_missing(folder, missing):
    (folder / "gap.csv").write_text(f"1,2\n2,{missing}\n3,4\n")
    assert read_series(folder, "gap.csv", ",", "A", "B1")[1][:, 0].tolist() == [2, 3, 4]


def test_files_outside_the_models_folder_are_read_only_if_allowed(folder):
    inner = folder / "models" / "one"
    (inner / "data").mkdir(parents=True)
    (inner / "data" / "in.csv").write_text("7\n")
    assert read_block(inner, "data\\in.csv", ",", "A1") == 7
    assert read_block(inner, "data/../data/in.csv", ",", "A1") == 7
    (inner / "link.csv").symlink_to(folder / "d.csv")
    for name in ("../../d.csv", str(folder / "d.csv"), "link.csv"):
        with pytest.raises(ModelError, match="lies outside the model's folder; copy it there or allow"):
            read_block(inner, name, ",", "B2")
        assert read_block(inner, name, ",", "B2", allow_outside=True) == 1
    with pytest.raises(InputError):
        read_block(inner, "C:\\data\\in.csv", ",", "A1")


def test_a_changed_file_is_read_again(folder):
    assert read_block(folder, "d.csv", ",", "B2") == 1
    (folder / "d.csv").write_text(TABLE.replace("a,1,", "a,100,"))
    assert read_block(folder, "d.csv", ",", "B2") == 100


def test_an_unknown_interpolation_is_refused(folder):
    with pytest.raises(UnknownNameError, match="unknown interpolation 'linear'"):
        read_series(folder, "d.csv", ",", "1", "B2", interpolation="linear")


@given(st.integers(0, 18277))
def test_letters_of_columns_come_back(column):
    assert external._column(external._letters(column)) == column


def pysd_series(case, arguments, size, interpolation):
    """The same read by PySD."""
    import xarray as xr
    from pysd.py_backend.external import Excels, ExtData

    coords = {"d": [str(i) for i in range(size)]} if size > 1 else {}
    file, tab, axis, cell = arguments
    data = ExtData(file, tab, axis, cell, interpolation, coords, SDX / case, coords, "x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.initialize()
    Excels.clean()
    assert isinstance(data.data, xr.DataArray)
    return data.data


@pytest.mark.skipif(not SDX.is_dir(), reason=f"the SDX collection is not at {SDX}")
@pytest.mark.parametrize("interpolation", ["interpolate", "look_forward", "hold_backward", "raw"])
@pytest.mark.parametrize(
    ("case", "arguments", "size"),
    [
        ("get_mixed_definitions", ("input.xlsx", "Sheet1", "4", "C5"), 2),
        ("get_mixed_definitions", ("input.xlsx", "Sheet2", "time", "data_d1"), 1),
        ("get_mixed_definitions", ("input.xlsx", "Sheet2", "time", "data_dim"), 4),
        ("get_with_missing_values_xlsx", ("input.xlsx", "Hoja1", "8", "A9"), 1),
        ("get_with_missing_values_xlsx", ("input.xlsx", "Hoja1", "1", "C5"), 1),
        ("get_with_missing_values_xlsx", ("input.xlsx", "Hoja1", "10", "A9"), 1),
        ("get_lookups_subset", ("input.xls", "Sheet1", "4", "C5"), 2),
        ("get_lookups_subset", ("input.xls", "Sheet1", "4", "C7"), 1),
        ("get_xls_cellrange", ("inputs.xlsx", "Global", "Time1", "value1"), 1),
        ("get_data", ("data down.csv", ",", "A", "B2"), 1),
        ("get_data", ("data across.csv", ",", "1", "B2"), 1),
        ("get_data", ("data across.xlsx", "தாள்", "1", "B2"), 1),
    ],
)
def test_series_are_those_that_pysd_reads(case, arguments, size, interpolation):
    theirs = pysd_series(case, arguments, size, interpolation)
    x, y = read_series(SDX / case, *arguments, size=size, interpolation=interpolation)
    np.testing.assert_array_equal(x, theirs.coords["time"].values)
    np.testing.assert_array_equal(y.reshape(theirs.shape), theirs.values)
