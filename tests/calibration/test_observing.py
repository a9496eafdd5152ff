"""From statistics and a model to what is compared with what: units, places, times, and everything that is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.calibration.holdout import parse_holdout
from cluster_sd.calibration.mapping import Mapped, read_mapping
from cluster_sd.calibration.observation import ObservationModel
from cluster_sd.calibration.observing import observe
from cluster_sd.calibration.reading import read_statistics
from cluster_sd.calibration.reliability import classify
from cluster_sd.calibration.targets import mapping_of
from cluster_sd.errors import InputError

COUNTY = (
    "Planted land= INTEG(planting, first)\n\t~\tmu\n\t~\tLand\n\t|",
    "planting= 10\n\t~\tmu/year\n\t~\tNew land\n\t|",
    "first= 100\n\t~\tmu\n\t~\tLand at the start\n\t|",
    "Harvest= Planted land*crop\n\t~\tkg/year\n\t~\tHarvest of the year\n\t|",
    "crop= 1000\n\t~\tkg/mu/year\n\t~\tYield\n\t|",
    "Income= Harvest*3 - 100000\n\t~\tyuan/year\n\t~\tMay be a loss\n\t|",
    "Member share= Planted land/1000\n\t~\tdmnl\n\t~\tShare\n\t|",
    "Works= 3\n\t~\tdmnl\n\t~\tNumber of works\n\t|",
)
HEAD = "place,variable,time,value,unit,source,reliability,note,relation\n"


@pytest.fixture
def county(vensim) -> csd.Model:
    return vensim(*COUNTY, start=2010, stop=2030, step=0.25, save="1")


@pytest.fixture
def see(county: csd.Model, tmp_path: Path):
    def made(*rows: str, **more) -> ObservationModel:
        path = tmp_path / "county.csv"
        path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
        return observe(county, read_statistics(path), **more)

    return made


def test_a_statistic_named_as_a_variable_needs_no_mapping_and_comes_in_the_models_unit(see) -> None:
    made = see("A,planted LAND,2018,0.0188,万亩", "A,Harvest,2018,19,万吨", "A,Harvest,2019,19,t/year")
    assert made.observed.tolist() == pytest.approx([188, 1.9e8, 1.9e4])
    assert made.measures == ("Planted land@2018", "Harvest@2018", "Harvest@2019")
    assert [s.error for s in made.series] == ["lognormal", "lognormal"]
    assert "amount of a year" in made.observations[1].remarks[0]


def test_predictions_of_times_between_and_of_several_years_are_means(see) -> None:
    made = see("A,Planted land,2018.25,1,mu", "A,Planted land,2015-2017,1,mu")
    values = np.array([[float(text.rpartition("@")[2]) for text in made.measures]])
    assert sorted(made.predict(values)[0]) == pytest.approx([2016, 2018.25])
    assert made.pull_back(np.eye(2)).tolist() == made.weights.tolist()


def test_a_constant_that_the_statistics_give_is_set_and_not_fitted(see) -> None:
    made = see("A,first,2018,90,mu,,survey", "A,Planted land,2018,188,mu")
    (given,) = made.supplied
    assert (given.name, given.value, given.distribution) == ("first", pytest.approx(90), "lognormal")
    assert given.low < 90 * np.exp(-1.9 * 0.05) and given.high > 90 * np.exp(1.9 * 0.05)
    assert [s.name for s in made.series] == ["Planted land"]


def test_the_place_with_most_rows_is_the_place_and_others_are_listed(see) -> None:
    rows = ("A,Planted land,2018,1,mu", "A,Planted land,2019,1,mu", "B,Planted land,2018,5,mu", "A,roads,2018,5,km")
    made = see(*rows)
    assert made.place == "A"
    assert [(row.row, row.reason.partition(":")[0]) for row in made.unused] == [
        (4, "of another place"),
        (5, "no measure"),
    ]
    assert made.warnings == ("the place is A; rows with a measure that are of other places: 1 (B)",)
    assert see(*rows, place="b").observed.tolist() == [5]
    with pytest.raises(InputError, match="unknown place 'C'"):
        see(*rows, place="C")
    with pytest.raises(InputError, match="name the place with --place"):
        see("A,Planted land,2018,1,mu", "B,Planted land,2018,5,mu")


def test_a_mapping_names_places_scales_scopes_and_what_is_only_shown(see) -> None:
    mapping = (
        Mapped("area", "Planted land", "ha", "normal", 2.0, places=("A park",)),
        Mapped("value", "Income", "yuan/year", scope="estimated"),
        Mapped("share", "Member share", use="check"),
    )
    rows = ("A park,area,2018,1,mu", "A,value,2018,5,万元", "A,value,2019,5,万元", "A,share,2018,0.6,,,,,>=")
    made = see(*rows, mapping=mapping)
    assert made.series[0].scale == pytest.approx(30)  # 2 ha
    assert [n.kind for n in made.nuisances] == ["scope"]
    assert made.held_out.tolist() == [False, False, False, True]
    assert not made.series[2].fitted


def test_errors_come_from_reliability_approximation_rounding_and_disagreement(see) -> None:
    mapping = (Mapped("area", "Planted land", error="lognormal", scale=0.01),)

    def floor(*rows: str) -> float:
        return see(*rows, mapping=mapping).observations[0].floor

    assert floor("A,area,2018,100.00,mu,,统计公报") == pytest.approx(0.03, rel=1e-3)
    assert floor("A,area,2018,约100.00,mu,,newspaper (county claim)") == pytest.approx(np.hypot(0.1, 0.1), rel=1e-3)
    assert floor("A,area,2018,0.01,万亩,,measured") == pytest.approx(np.hypot(0.01, 1 / np.sqrt(12)))
    two = see("A,area,2018,100.00,mu,x", "A,area,2018,110.00,mu,y", mapping=mapping)
    assert two.observations[0].floor == pytest.approx(np.log(1.1) / np.sqrt(2), rel=1e-3)
    assert [row.copies for row in two.observations] == [2, 2]


def test_a_scale_is_estimated_from_three_values_on(see) -> None:
    three = see(*(f"A,Planted land,{year},100,mu" for year in (2018, 2019, 2020)))
    assert [n.name for n in three.nuisances] == ["scale of Planted land"]
    two = see("A,Planted land,2018,100,mu,,newspaper", "A,Planted land,2019,100,mu")
    assert not two.nuisances
    assert two.terms.given == pytest.approx([0.1, 0.15], rel=1e-2)


def test_a_least_reliable_word_decides_and_none_says_nothing() -> None:
    assert classify("trade page citing official").name == "trade page"
    assert classify("official statistic (FAOSTAT)").name == "official statistic"
    assert (classify("").floor, classify("hearsay").name) == (0, "unknown")


WRONG = {
    "an unknown unit": ("A,Planted land,2018,25,furlong", "row 2, column 'unit': unknown unit 'furlong'"),
    "an unfitting unit": ("A,Planted land,2018,25,kg", "row 2, column 'unit': 'kg' doesn't fit the model's unit mu"),
    "no unit": ("A,Planted land,2018,25,", "row 2, column 'unit': is empty; the model's unit is mu"),
    "a year before the run": ("A,Planted land,1998,25,mu", "row 2, column 'time': 1998 lies outside the run"),
    "a year after the run": ("A,Planted land,2025-2031,25,mu", "row 2, column 'time': 2031 lies outside the run"),
    "no year": ("A,Planted land,n.d.,25,mu", "row 2, column 'time': 'n.d.' is no time"),
    "a negative area": ("A,Planted land,2018,-25,mu", "row 2, column 'value': -25 mu is negative"),
    "a text": ("A,Planted land,2018,some,mu", "row 2, column 'value': 'some' is no number"),
    "nothing that the model knows": ("A,Planted lnd,2018,5,mu", "did you mean 'Planted land'?"),
    "an equal row twice": (
        "A,Harvest,2018,5,t,x\nA,Harvest,2018,5,t,x",
        "row 3, column 'value': 'Harvest' of A for 2018",
    ),
    "another row twice": ("A,Harvest,2018,5,t,x\nA,Harvest,2018,6,t,x", "stands already in row 2 (6 against 5)"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_a_clear_line_with_row_and_column(see, wrong: str) -> None:
    rows, says = WRONG[wrong]
    with pytest.raises(InputError) as error:
        see(*rows.split("\n"))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_loss_may_be_negative_but_not_under_a_lognormal_error(see) -> None:
    assert see("A,Income,2018,-5,万元").series[0].error == "normal"
    with pytest.raises(InputError, match="can't be under a log-normal error"):
        see("A,Income,2018,-5,万元", mapping=(Mapped("Income", "Income", error="lognormal"),))


def test_a_count_is_a_number_only_where_a_mapping_says_so(see) -> None:
    with pytest.raises(InputError, match="'firm' doesn't fit"):
        see("A,Works,2018,11,firm", "A,Planted land,2018,5,mu")


def test_hold_outs_are_spans_of_years(see) -> None:
    rows = [f"A,Planted land,{year},100,mu" for year in range(2018, 2025)]
    for text, held in (("2023-", {2023, 2024}), ("2018-2020", {2018, 2019, 2020}), ("2024", {2024}),
                       ("-2018, 2021", {2018, 2021}), ("2020–2021", {2020, 2021})):  # fmt: skip
        made = see(*rows, holdout=text)
        assert set(made.times[made.held_out]) == held, text
    with pytest.raises(InputError, match="no observation lies there; they go from 2018 to 2024"):
        see(*rows, holdout="2030-")
    with pytest.raises(InputError, match="leaves no observation to fit"):
        see(*rows, holdout="2000-")
    assert parse_holdout("2023-").holds(2023) and parse_holdout("2024").holds(2024.5)


@pytest.mark.parametrize("text", ["soon", "-", "2020-2018", "2018..2020"])
def test_what_is_no_span_of_years_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="--holdout"):
        parse_holdout(text)


def test_a_mapping_file_is_checked_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "observations.csv"
    head = "statistic,measure,unit,error_model,scale,note,place,scope,rho,use\n"
    for row, says in {
        "a,A,,cauchy,,,,,,": "unknown error_model 'cauchy'",
        "a,A,,normal,-1,,,,,": "scale -1 must be above 0",
        "a,A,,normal,,,,most,,": "column 'scope' holds 'most'; it is a number, or estimated",
        "a,A,,normal,,,,,1,": "rho 1 must lie from 0 to below 1",
        "a,A,,,,,,,,\na,B,,,,,,,,": "statistic 'a' stands twice",
        "a,,,,,,,,,": "column 'measure' is empty",
    }.items():
        path.write_text(head + row + "\n", encoding="utf-8")
        with pytest.raises(InputError) as error:
            read_mapping(path)
        assert says in str(error.value) and "observations.csv:" in str(error.value)


def test_a_measure_that_the_model_lacks_is_an_error_of_its_row(county: csd.Model, tmp_path: Path, see) -> None:
    path = tmp_path / "observations.csv"
    path.write_text("statistic,measure\narea,Planted lend\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"observations\.csv:2: .*Planted lend"):
        see("A,area,2018,1,mu", mapping=mapping_of(county, path))


def test_the_county_of_the_orange_is_read_as_it_stands() -> None:
    model = csd.load("orange")
    made = observe(model, read_statistics("sd_models/orange/data/county.csv"), holdout="2024-")
    assert made.place == "Mayang county"
    by_time = {(made.series[row.series].name, row.time): (row.low, row.high, row.held_out) for row in made.observations}
    assert by_time["bingtang_area", 2024.0] == (285_000, 285_000, True)
    assert by_time["bingtang_output", 2018.0] == (4e8, 4e8, False)
    assert by_time["bingtang_output", 2025.0] == (530_100_000, np.inf, True)
    assert not any(row.statistic.place == "Hongjiang city" for row in made.observations)


def test_the_statistics_of_the_lead_cluster_have_dates_ranges_and_bounds() -> None:
    model = csd.load("lead")
    mapping = [
        dataclasses.replace(row, places=("Tianying park",)) if row.statistic == "park_opening_date" else row
        for row in mapping_of(model)
    ]
    made = observe(model, read_statistics("sd_models/lead/data/county.csv"), mapping=mapping)
    rows = {made.series[row.series].name: row for row in made.observations}
    assert (rows["own_smelting_date"].kind, rows["own_smelting_date"].high) == ("interval", 1987)
    assert (rows["pottery_workers"].kind, rows["pottery_workers"].high) == ("at most", 5000)
    assert rows["park_opening_date"].statistic.place == "Tianying park"
    assert "counted as a number" in rows["merged_firms_HX"].remarks[0]
