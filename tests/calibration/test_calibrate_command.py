"""``cluster-sd calibrate`` on a made-up county: its files, what it says, and what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.calibration.study import Asking, carry_out
from cluster_sd.cli import main
from cluster_sd.report.calibration import diagnostics
from cluster_sd.report.figures import Figure

MODEL = """{UTF-8}
Land= INTEG(planting - 0.02*Land, first)
\t~\tmu
\t~\tPlanted land
\t|
planting= rate*Land*(1 - Land/room)
\t~\tmu/year
\t~\tNew land
\t|
Harvest= Land*crop
\t~\tkg/year
\t~\tHarvest of the year
\t|
first= 100000
\t~\tmu
\t~\tLand at the start
\t|
rate= 0.2
\t~\t1/year
\t~\tRate of planting
\t|
room= 300000
\t~\tmu
\t~\tLand fit for it
\t|
crop= 1500
\t~\tkg/mu/year
\t~\tYield
\t|
idle= 3
\t~\tdmnl
\t~\tDoes nothing
\t|
INITIAL TIME= 2005
\t~\tyear
\t~\t
\t|
FINAL TIME= 2030
\t~\tyear
\t~\t
\t|
TIME STEP= 0.25
\t~\tyear
\t~\t
\t|
SAVEPER= 1
\t~\tyear
\t~\t
\t|
"""
PARAMETERS = """name,value,unit,low,high,distribution,role
first,100000,mu,50000,150000,uniform,uncertain
rate,0.2,1/year,0.05,0.4,uniform,uncertain
crop,1500,kg/mu/year,1000,2500,uniform,uncertain
idle,3,dmnl,0,10,uniform,uncertain
"""
TRUTH = {"first": 80_000.0, "rate": 0.15, "crop": 1800.0, "room": 280_000.0}


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its folder, and statistics of a county that it is true of, in Chinese units."""
    folder = tmp_path_factory.mktemp("county")
    (folder / "county.mdl").write_text(MODEL, encoding="utf-8")
    (folder / "parameters.csv").write_text(PARAMETERS, encoding="utf-8")
    (folder / "outcomes.csv").write_text("name,measure\nLand,final(Land)\nIdle,final(idle)\n", encoding="utf-8")
    run = csd.load(folder / "county.mdl").run(TRUTH)
    rng = np.random.default_rng(1)
    rows = ["地区,变量,年份,数值,单位,来源,可靠性,备注,关系"]
    for time, land, harvest in zip(run.time.values, run["Land"].values, run["Harvest"].values, strict=True):
        if 2010 <= time <= 2023:
            error = np.exp([0.04, 0.06] * rng.standard_normal(2))
            rows.append(f"甲县,Land,{time:.0f}年,{land * error[0] / 1e4:.2f},万亩,年鉴,,,")
            rows.append(
                f"甲县,Harvest,{time:.0f},{harvest * error[1] / 1e7:.2f},万吨,年鉴,,,{'以上' * int(time == 2018)}"
            )
    rows += ["甲县,room,2020,28,万亩,调查,调查,,", "乙县,Land,2020,5,万亩,年鉴,,,", "甲县,roads,2020,5,km,年鉴,,,"]
    (folder / "data.csv").write_text("\n".join(rows) + "\n", encoding="gb18030")
    return folder


@pytest.fixture(scope="module")
def fit(county: Path) -> Iterator[Path]:
    drawn = Figure._rendered
    with pytest.MonkeyPatch.context() as patch:  # one picture of each figure is enough: the page's
        patch.setattr(Figure, "_rendered", lambda self, kind: drawn(self, kind) if kind == "svg" else b"PNG")
        asked = ["--holdout", "2021-", "--searches", "3", "--rests", "32", "--quiet"]
        code = main(
            [
                "calibrate",
                str(county / "county.mdl"),
                "--data",
                str(county / "data.csv"),
                *asked,
                "--out",
                str(county / "fit"),
            ]
        )
        assert code in (0, None)
    yield county / "fit"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_the_county_was_made_from_is_found_again(fit: Path) -> None:
    rows = {row["parameter"]: row for row in table(fit / "estimates.csv")}
    columns = ["parameter", "estimate", "ci_low", "ci_high", "prior_low", "prior_high", "verdict"]
    assert list(rows["rate"]) == columns
    for name in ("first", "rate", "crop"):
        assert float(rows[name]["ci_low"]) < TRUTH[name] < float(rows[name]["ci_high"])
        assert rows[name]["verdict"] == "identifiable"
    assert rows["idle"]["verdict"] == "not identifiable"
    assert (float(rows["idle"]["ci_low"]), float(rows["idle"]["ci_high"])) == pytest.approx((0, 10))


def test_every_statistic_stands_beside_what_the_model_says(fit: Path) -> None:
    rows = table(fit / "fit.csv")
    assert list(rows[0]) == ["series", "time", "observed", "fitted", "low", "high", "held_out"]
    assert len(rows) == 28
    assert {float(row["time"]) for row in rows if row["held_out"] == "True"} == {2021, 2022, 2023}
    inside = [float(row["low"]) <= float(row["observed"]) <= float(row["high"]) for row in rows]
    assert np.mean(inside) > 0.8


def test_scores_tell_of_fitted_and_held_out_years_and_of_a_trend(fit: Path) -> None:
    rows = table(fit / "scores.csv")
    assert list(rows[0]) == ["series", "held_out", "n", "r2", "mae_over_mean", "rmse", "naive_rmse", "theil_bias",
                             "theil_variance", "theil_covariance"]  # fmt: skip
    found = {(row["series"], row["held_out"]): row for row in rows}
    assert (found["Harvest", "fitted"]["n"], found["Harvest", "held out"]["n"]) == ("10", "3")
    assert float(found["Land", "held out"]["rmse"]) < float(found["Land", "held out"]["naive_rmse"])
    for row in rows:
        assert sum(float(row[f"theil_{part}"]) for part in ("bias", "variance", "covariance")) == pytest.approx(1)


def test_rows_that_were_not_used_are_listed_with_the_reason(fit: Path) -> None:
    reasons = {row["variable"]: row["reason"] for row in table(fit / "unused.csv")}
    assert reasons["Land"] == "of another place: 甲县 is asked"
    assert reasons["roads"].startswith("no measure")


def test_a_conclusion_rests_on_the_numbers_or_on_the_ranges(fit: Path) -> None:
    rests = {row["outcome"]: row for row in table(fit / "rests.csv")}
    assert rests["Land"]["rests_on"] == "the numbers supplied"
    assert float(rests["Idle"]["variance_taken_by_data"]) < 0.5


def test_the_posterior_opens_in_arviz_and_as_draws_of_a_sensitivity_analysis(fit: Path) -> None:
    import xarray

    groups = {name: xarray.load_dataset(fit / "posterior.nc", group=name) for name in ("posterior", "observed_data")}
    assert {"first", "rate", "crop", "idle"} <= set(map(str, groups["posterior"].data_vars))
    assert groups["posterior"]["rate"].dims == ("chain", "draw")
    assert groups["observed_data"]["Land"].shape == (14,)
    from cluster_sd.sensitivity.draws import find_posterior, read_draws

    model = csd.load(fit.parent / "county.mdl")
    assert set(read_draws(model, find_posterior(model, str(fit))).columns) == {"first", "rate", "crop", "idle"}


def test_diagnostics_reporting_and_the_record_say_how_it_was_made(fit: Path) -> None:
    told = json.loads((fit / "diagnostics.json").read_text(encoding="utf-8"))
    assert told["set_from_statistics"] == {"room": pytest.approx(280_000)}
    assert told["search"]["share_of_starts_that_agree"] == 1
    assert told["bounds"][0]["relation"] == ">="
    record = json.loads((fit / "run.json").read_text(encoding="utf-8"))
    assert {"data.csv", "parameters.csv"} <= set(record["data"])
    assert record["command"] == "calibrate" and record["runs"] > 500 and record["failed"] == 0
    items = table(fit / "reporting.csv")
    assert {row["part"] for row in items} == {"model", "simulation experiment", "optimisation"}
    page = (fit / "index.html").read_text(encoding="utf-8")
    for said in ("calibrated for 甲县", "What conclusions rest on", "Theil", "not identifiable", "held out"):
        assert said in page, said


def test_the_pictures_show_the_numbers_beside_them(fit: Path) -> None:
    assert {p.stem for p in (fit / "figures").glob("*.png")} == {
        "fit",
        "waterfall",
        "profiles",
        "learned",
        "residuals",
        "rests",
    }
    drawn, told = table(fit / "figures" / "fit.csv"), table(fit / "fit.csv")
    assert [row["fitted"] for row in drawn] == [row["fitted"] for row in told]


@pytest.mark.parametrize(
    ("content", "more", "says"),
    [
        ("place,variable,time,value,unit\nA,Land,2011,5,furlong\n", [], "row 2, column 'unit': unknown unit 'furlong'"),
        ("place,variable,time,value,unit\nA,Land,1999,5,mu\n", [], "row 2, column 'time': 1999 lies outside the run"),
        ("place,variable,time,value,unit\nA,Land,2011,-5,mu\n", [], "row 2, column 'value': -5 mu is negative"),
        ("", [], "is empty"),
        ("place,variable,time,value,unit\nA,Land,2011,5,mu\n", ["--fit", "rat"], "unknown parameter 'rat' in --fit"),
        ("place,variable,time,value,unit\nA,Land,2011,5,mu\n", ["--holdout", "2011"], "leaves no observation to fit"),
        ("place,variable,time,value,unit\nA,Land,2011,5,mu\n", ["--place", "B"], "unknown place 'B'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_written(
    county: Path, tmp_path: Path, content: str, more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "mine.csv"
    data.write_text(content, encoding="utf-8")
    code = main(["calibrate", str(county / "county.mdl"), "--data", str(data), *more, "--out", str(tmp_path / "fit")])
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("cluster-sd: error: ") and error.count("\n") == 1
    assert says in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.csv"]


def test_fewer_observations_than_parameters_is_a_warning_that_the_result_carries(county: Path, tmp_path: Path) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("place,variable,time,value,unit\nA,Land,2011,12,万亩\n", encoding="utf-8")
    asked = Asking([str(data)], fit=["first", "rate"], starts=2, grounds=0)
    study = carry_out(csd.load(county / "county.mdl"), asked)
    assert any("1 observations for 2 fitted parameters" in text for text in study.warnings)
    assert any("1 observations for 2 fitted parameters" in text for text in diagnostics(study)["warnings"])


def test_a_statistic_that_the_model_cannot_meet_is_told(county: Path, tmp_path: Path) -> None:
    data = tmp_path / "mine.csv"
    rows = ["A,Land,2020,12,万亩,a,census", "A,Land,2021,30,万亩,a,census", "A,Harvest,2020,18,万吨,a,census"]
    data.write_text("\n".join(["place,variable,time,value,unit,source,reliability", *rows]) + "\n", encoding="utf-8")
    study = carry_out(csd.load(county / "county.mdl"), Asking([str(data)], fit=["first", "crop"], starts=2, grounds=0))
    assert any("the model doesn't meet Land of 2021" in text for text in study.warnings)


@pytest.mark.parametrize("name", ["mine.csv", "mine.xlsx"])
def test_a_template_is_written_and_nothing_else(county: Path, tmp_path: Path, name: str) -> None:
    assert main(["calibrate", str(county / "county.mdl"), "--template", str(tmp_path / name), "--quiet"]) in (0, None)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert main(["calibrate", "orange", "--template", str(tmp_path / "x.doc")]) == 2


def test_data_and_out_are_needed(county: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", str(county / "county.mdl"), "--out", "x"]) == 2
    assert "--data is missing" in capsys.readouterr().err
