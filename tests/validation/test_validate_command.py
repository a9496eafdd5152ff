"""``cluster-sd validate`` prints a table, ends with 1 where a test failed, and writes all rows or nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from validation_models import fund

from cluster_sd.cli import main

QUICK = "dimensions,documentation,boundary,parameters,runs,bounds,step halving,solvers,reproduction,claims"
STATISTICS = """place,variable,time,value,unit,source,reliability,note,relation
X,Fund,2002,200,yuan,yearbook,yearbook,,=
X,Fund,2005,300,yuan,yearbook,yearbook,,=
X,Fund,2008,350,yuan,yearbook,yearbook,,=
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the fund's model in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(tmp_path / "cache"))
    fund(tmp_path)
    return tmp_path


def test_a_sound_model_ends_with_0_and_a_table_that_fits_a_terminal(place: Path, capsys) -> None:
    assert main(["validate", "fund.mdl", "--test", QUICK]) == 0
    out, err = capsys.readouterr()
    assert err == "" and all(len(line) <= 100 for line in out.splitlines())
    headings = [line for line in out.splitlines() if not line.startswith(" ")]
    assert headings[:-1] == QUICK.split(",")
    assert headings[-1].startswith("10 pass, ") and "fail" not in headings[-1].split(";")[0]
    assert not (place / "run.json").exists()


def test_a_fault_ends_with_1_and_stands_in_the_file_with_its_place(place: Path, capsys) -> None:
    fund(place, "Odd = Fund + Levy ~ yuan ~ [O1] |")
    assert main(["validate", "fund.mdl", "--test", "dimensions,documentation", "--out", "made/tests.csv"]) == 1
    rows = list(csv.DictReader((place / "made" / "tests.csv").read_text(encoding="utf-8").splitlines()))
    assert list(rows[0]) == ["test", "subject", "result", "figure", "limit", "detail"]
    assert rows[0]["detail"] == "fund.mdl:10: yuan and yuan/year in a sum: Fund + Levy"
    assert rows[1]["figure"] == "1" and rows[1]["limit"] == "0"
    about = json.loads((place / "made" / "run.json").read_text(encoding="utf-8"))
    assert (about["command"], about["out"], about["runs"]) == ("validate", "tests.csv", 0)
    assert about["results"]["fail"] == 2 + 1  # Odd is documented by nothing but its evidence
    assert "fund.mdl:10" in capsys.readouterr().out


def test_statistics_that_are_given_are_held_against_the_base_run(place: Path, capsys) -> None:
    (place / "x.csv").write_text(STATISTICS, encoding="utf-8")
    assert main(["validate", "fund.mdl", "--test", "reproduction", "--data", "x.csv"]) == 0
    out = capsys.readouterr().out
    values = [100 * (1 - z) + 400 * z for z in (1 - (1 - 0.0625 / 4) ** (16 * n) for n in (2, 5, 8))]
    error = sum(abs(v - o) for v, o in zip(values, (200, 300, 350), strict=True)) / 850
    assert f"{error:.4g}" in out and "3 values" in out and "Theil: bias" in out


def test_parameters_may_be_given_and_run_json_names_what_was_read(place: Path, capsys) -> None:
    (place / "checks.toml").write_text("[bounds]\nmay_be_negative = []\n", encoding="utf-8")
    header = "name,value,unit,low,high,role,evidence,confidence\n"
    (place / "p.csv").write_text(header + "Levy rate,9,yuan/mu/year,1,10,lever,O13,assumed\n", encoding="utf-8")
    asked = ["validate", "fund.mdl", "--test", "parameters", "--parameters", "p.csv", "--out", "x.csv"]
    assert main(asked) == 1
    assert "p.csv:2: value 9, in fund.mdl:6 2" in capsys.readouterr().out
    assert set(json.loads((place / "run.json").read_text(encoding="utf-8"))["data"]) == {"p.csv", "checks.toml"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.mdl"], "nothing.mdl"),
        (["fund.mdl", "--test", "dimension"], "did you mean 'dimensions'"),
        (["fund.mdl", "--out", "x.nc"], "ends in .csv"),
        (["fund.mdl", "--out", "x"], "says no format"),
        (["fund.mdl", "--data", "nothing.csv"], "nothing.csv"),
        (["fund.mdl", "--seed", "1"], "--seed"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(place: Path, capsys, arguments: list[str], words: str) -> None:
    before = sorted(place.glob("*"))
    assert main(["validate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("cluster-sd: error: ") and err.count("\n") == 1 and words in err
    assert sorted(p for p in place.glob("*") if p.name != "cache") == [p for p in before if p.name != "cache"]


def test_a_mistake_in_the_checks_is_one_line(place: Path, capsys) -> None:
    (place / "checks.toml").write_text("[[check]]\nid = 'a'\nmeasure = 'final(Fnd)'\nrelation = '<='\nvalue = 1")
    assert main(["validate", "fund.mdl", "--out", "x.csv"]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'Fund'" in err and "checks.toml" in err and not (place / "x.csv").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["orange", "lead"])
def test_the_shipped_models_stand_every_test(place: Path, capsys, model: str) -> None:
    assert main(["validate", model, "--out", "x.csv"]) == 0
    rows = list(csv.DictReader((place / "x.csv").read_text(encoding="utf-8").splitlines()))
    assert [row for row in rows if row["result"] == "fail"] == []
    tests = {row["test"] for row in rows}
    assert {"dimensions", "extreme conditions", "conservation", "agreement with PySD"} <= tests
