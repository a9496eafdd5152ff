"""The lead model as a text and as data: units, documentation, loops, tables, checks, and two readers who agree."""

from __future__ import annotations

import csv
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lead_draws import latin_hypercube
from lead_units import Checker

import cluster_sd as csd
from cluster_sd.model.names import clean

Frame = Any  # a pandas.DataFrame, whose type stubs make a union of every element

TAG = re.compile(r"\[[^\]]*(L\d+|assumption|exogenous|inferred|definition|unit conversion|model control)[^\]]*\]\s*$")
SHARED = {"Trade ties": "tie", "Policy ties": "tie", "Industry ties": "tie", "Reputation": "dmnl"} | {
    "Government capability": "dmnl",
    "Firm capability": "dmnl",
}

EVENTS = ("own smelting", "acceptance", "park opening", "consolidation", "first battery plant")


def read(path: Path) -> Frame:
    """Read a table of the model's folder."""
    return pd.read_csv(path)


def bare(name: str) -> str:
    """A name without its elements."""
    return re.sub(r"\[.*?\]", "", name).strip()


def entries(folder: Path) -> list[tuple[str, str, str, str]]:
    """Name, equation, unit and documentation of every entry of the model file."""
    text = (folder / "lead.mdl").read_text(encoding="utf-8")
    pattern = re.compile(r"^([A-Z][^\n=]*?)\s*=(.*?)\n\t~\t(.*?)\n\t~\t(.*?)\n\t\|", re.M | re.S)
    return [m.groups() for m in pattern.finditer(text)]  # type: ignore[misc]


# ---- text --------------------------------------------------------------------------------------------------------


def test_every_equation_has_the_unit_that_it_declares(folder: Path) -> None:
    checker = Checker(folder / "lead.mdl")
    assert len(checker.elements) > 400
    assert checker.wrong() == []


def test_the_unit_check_finds_wrong_equations(folder: Path, tmp_path: Path) -> None:
    text = (folder / "lead.mdl").read_text(encoding="utf-8")
    wrong = {
        "	Pressure from above * Stake\n": "	Pressure from above * Stake * Jobs at stake\n",
        "	Air burden / Air residence time\n": "	Air burden * Air residence time\n",
        "	Scrap payable share * Lead price\n": "	Scrap payable share + Lead price\n",
    }
    for old, new in wrong.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (tmp_path / "wrong.mdl").write_text(text, encoding="utf-8")
    found = Checker(tmp_path / "wrong.mdl").wrong()
    assert [f.split(":")[0] for f in found] == ["Scrap price", "Settling", "Fear"]


def test_every_variable_has_unit_documentation_and_evidence(folder: Path) -> None:
    found = entries(folder)
    assert len(found) > 500
    for name, _, unit, documentation in found:
        assert unit.strip(), name
        assert "\n" not in documentation.strip(), f"{name}: one line"
        assert len(documentation) > 15, name
        assert TAG.search(documentation), f"{name}: no evidence at the end of '{documentation}'"


def test_drivers_over_time_name_their_source(folder: Path) -> None:
    for name, equation, _, documentation in entries(folder):
        if "WITH LOOKUP(" in equation:
            assert "WITH LOOKUP(Driver time," in equation, f"{name} is no table of time"
            assert re.search(r"\[exogenous: .+\]$", documentation), name


def test_only_drivers_know_the_time(folder: Path) -> None:
    for name, equation, _, _ in entries(folder):
        if re.search(r"\bTime\b", equation):
            assert name in ("Driver time", "Illness peak date"), f"{name} follows time"
    used = {cause for causes in uses(folder).values() for cause in causes}
    assert "Illness peak date" not in used  # it reports, and nothing hangs on it


def test_step_is_a_power_of_two(base: Frame) -> None:
    step = base["TIME STEP"].iloc[0]
    assert np.log2(step) == round(np.log2(step))


def test_shared_names_have_the_agreed_units(model: csd.Model) -> None:
    units = model.variables.set_index("name")["unit"]
    assert {name: units[name] for name in SHARED} == SHARED


# ---- tables ------------------------------------------------------------------------------------------------------


def test_parameters_are_enough_and_hold_the_models_own_values(model: csd.Model, folder: Path) -> None:
    table = read(folder / "parameters.csv")
    roles = table["role"].value_counts()
    assert roles["lever"] >= 15
    assert roles["uncertain"] >= 25
    assert not table["name"].duplicated().any()
    run = model.run(stop=1970.25).isel(time=0)
    for row in table.itertuples():
        assert row.low <= row.value <= row.high, row.name
        assert float(run[row.name]) == pytest.approx(row.value, rel=1e-6), row.name
    units = {bare(n): u for n, _, u, _ in entries(folder)}
    assert all(units[bare(row.name)] == row.unit for row in table.itertuples())


def test_evidence_of_parameters_is_a_mechanism_or_a_statistic(folder: Path) -> None:
    table = read(folder / "parameters.csv")
    known = {f"L{i}" for i in range(1, 19)}
    for file in ("county.csv", "national.csv", "studies.csv"):
        known |= {f"{file} {key}" for key in read(folder / "data" / file)["variable"]}
    cited = {one for text in table["evidence"] for one in text.split("; ")}
    assert cited <= known
    assert len([one for one in cited if ".csv" in one]) >= 20
    assert set(table["group"]) <= {f"L{i}" for i in range(1, 19)}
    assert set(table["confidence"]) <= {"measured", "reported", "inferred", "assumed"}


def test_values_without_evidence_stand_in_the_middle_of_their_range(folder: Path) -> None:
    """The neutral rule of the README: no exceptions among what is drawn, decided or started from."""
    table = read(folder / "parameters.csv").query(
        "confidence == 'assumed' and role in ('uncertain', 'initial', 'lever')"
    )
    assert len(table) > 150
    logs = table["distribution"] == "loguniform"
    assert set(table["distribution"]) == {"uniform", "loguniform"}
    middle = np.where(
        logs, np.sqrt(table["low"].to_numpy() * table["high"].to_numpy()), (table["low"] + table["high"]) / 2
    )
    off = table[np.abs(table["value"] / middle - 1) > 0.006]  # three digits
    assert off["name"].tolist() == []


def test_no_uncertain_value_is_taken_from_what_the_model_is_judged_by(folder: Path) -> None:
    table = read(folder / "parameters.csv").query("role in ('uncertain', 'initial', 'lever')")
    judged = {f"county.csv {key}" for key in read(folder / "observations.csv")["statistic"]}
    taken = table[[bool(judged & set(text.split("; "))) for text in table["evidence"]]]
    assert taken["name"].tolist() == ["Initial potters"], "a stock at the start is what was counted then"


def test_inferred_values_name_what_they_are_inferred_from(folder: Path) -> None:
    table = read(folder / "parameters.csv").query("confidence == 'inferred' and role == 'uncertain'")
    rows = table["evidence"].str.fullmatch(r"L\d+")
    assert table[rows]["note"].str.len().gt(5).all()
    assert (~rows).sum() >= 15


def test_levers_act_from_a_year_in_which_somebody_could_decide(folder: Path) -> None:
    levers = read(folder / "parameters.csv").query("role == 'lever'")
    assert levers["from"].between(1985, 2015).all()
    assert (levers["step"] > 0).all()
    assert (levers["step"] <= levers["high"] - levers["low"]).all()


def test_every_scenario_runs_and_says_something_else(model: csd.Model, base: Frame) -> None:
    names = model.scenarios["name"].tolist()
    assert len(names) >= 20
    measures = [
        f"sum({n})" for n in ("Lead output", "Policy ties", "Battery capacity", "Reputation", "Development fund")
    ]
    usual = [base[m[4:-1]].sum() for m in measures]
    for name in set(names) - {"networks TPI"}:
        runs = model.ensemble(pd.DataFrame({"Initial collectors": [0.0]}), measures=measures, scenario=name)
        assert not runs["failed"].any(), name
        values = [float(runs[m].to_numpy()[0]) for m in measures]
        assert values != pytest.approx(usual, rel=1e-4), f"{name} changes nothing"


def test_outcomes_and_observations_can_be_measured(model: csd.Model, folder: Path) -> None:
    outcomes = read(folder / "outcomes.csv")
    observations = read(folder / "observations.csv")
    measures = sorted({*outcomes["measure"], *observations["measure"]})
    runs = model.ensemble(pd.DataFrame({"Founder": [1.0]}), measures=measures)
    assert all(np.isfinite(runs[m].to_numpy()).all() for m in measures)
    statistics = {r for f in ("county.csv", "national.csv") for r in read(folder / "data" / f)["variable"]}
    assert set(observations["statistic"]) <= statistics
    units = model.variables.set_index("name")["unit"]
    for row in observations.itertuples():
        name = re.sub(r"^\w+\((.*)\)$", r"\1", row.measure)
        unit = "year" if row.measure.startswith("time_of") else units[bare(name)]
        assert unit == row.unit, row.statistic


def test_statistics_are_tidy_and_events_are_among_them(folder: Path) -> None:
    for file in ("county.csv", "national.csv", "studies.csv"):
        table = read(folder / "data" / file)
        assert not table[["place", "variable", "time", "value", "unit", "source", "reliability"]].isna().any().any(), (
            file
        )
        assert set(table["relation"]) <= {"=", ">=", "<=", "~"}
    county = read(folder / "data" / "county.csv")
    events = {
        "own_smelting_date",
        "acceptance_date",
        "park_opening_date",
        "consolidation_date",
        "first_battery_plant_date",
    }
    assert events <= set(county["variable"])
    scopes = county[county["note"].fillna("").str.contains("scope break")]
    assert len(scopes) >= 5
    assert not set(scopes["variable"]) & set(read(folder / "observations.csv")["statistic"])


def test_lead_price_in_the_model_is_the_statistic(model: csd.Model, folder: Path) -> None:
    table = read(folder / "data" / "national.csv").query("variable == 'lead_price_annual_mean'")
    price = model.run(variables=["World lead price"])["World lead price"].to_series()
    for row in table.itertuples():
        assert price.loc[float(row.time)] == pytest.approx(float(row.value), abs=0.06), row.time


def test_national_output_keeps_the_sums_that_are_known(model: csd.Model) -> None:
    output = model.run(variables=["National secondary lead output"])["National secondary lead output"].to_series()
    yearly = output.loc[[float(y) for y in range(1970, 2031)]]
    assert yearly.loc[2001:2016].sum() == pytest.approx(14_821_500, rel=0.01)
    assert yearly.loc[2012] == pytest.approx(1.35e6)
    assert yearly.loc[2018] == pytest.approx(2.25e6)


def shown_texts(folder: Path) -> set[str]:
    """Every name and text of the folder that a page in Chinese shows."""
    text = (folder / "lead.mdl").read_text(encoding="utf-8")
    ranges = re.findall(r"^([a-z][a-z ]*):\n\t(.*?)\n\t~", text, re.M)
    found = {name for name, _ in ranges} | {one.strip() for _, elements in ranges for one in elements.split(",")}
    found |= {bare(name) for name, *_ in entries(folder)} | {unit.strip() for _, _, unit, _ in entries(folder)}
    found |= set(re.findall(r"^\*{20,}\n\t\.(.*?)\n", text, re.M))
    outcomes, parameters = read(folder / "outcomes.csv"), read(folder / "parameters.csv")
    found |= set(outcomes["name"]) | set(outcomes["description"]) | set(outcomes["unit"])
    found |= {bare(name) for name in parameters["name"]}
    for column in ("group", "role", "confidence", "unit"):
        found |= set(parameters[column])
    loops = read(folder / "loops.csv")
    found |= set(loops["name"]) | set(loops["kind"]) | set(loops["mechanism"])
    found |= set(read(folder / "observations.csv")["statistic"])
    for name, scenario in tomllib.loads((folder / "scenarios.toml").read_text(encoding="utf-8")).items():
        found |= {name, scenario["description"]} if name != "calibrated" else {name}  # its text holds dates and hashes
    asked = tomllib.loads((folder / "loops.toml").read_text(encoding="utf-8"))
    found |= {asked["question"], *asked["grouping"]["groups"]}
    for beside in asked["beside"]:
        found |= {beside["name"], beside["leads"], *beside["series"]}
    checks = tomllib.loads((folder / "checks.toml").read_text(encoding="utf-8"))
    for check in (*checks["check"], *checks["invariant"]):
        found |= {check["id"], check["description"]}
    return found


def test_everything_that_a_page_shows_has_a_name_in_chinese(folder: Path) -> None:
    with (folder / "names_zh.csv").open(encoding="utf-8", newline="") as file:
        names = {clean(row["name"]): row["zh"] for row in csv.DictReader(file)}
    shown = shown_texts(folder)
    assert len(shown) > 900
    assert sorted(text for text in shown if clean(text) not in names) == []
    assert sorted(zh for zh in names.values() if not re.search(r"[\u4e00-\u9fff]", zh)) == []
    assert sorted(zh for zh in names.values() if re.search(r"[\u4e00-\u9fff][,;:?(]", zh)) == []  # not full-width


def test_a_statistic_named_in_chinese_means_one_variable(model: csd.Model, folder: Path) -> None:
    with (folder / "names_zh.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    variables = {clean(variable.name) for variable in model.metadata.variables}
    own = [row["zh"] for row in rows if clean(row["name"]) in variables]
    assert len(own) == len(set(own))


# ---- loops -------------------------------------------------------------------------------------------------------


def uses(folder: Path) -> dict[str, set[str]]:
    """For every variable, the variables that its equations name."""
    equations: dict[str, str] = {}
    for name, equation, *_ in entries(folder):
        equations[bare(name)] = equations.get(bare(name), "") + equation
    longest = sorted(equations, key=len, reverse=True)
    names = re.compile(r"(?<![A-Za-z])(?:" + "|".join(map(re.escape, longest)) + r")(?![A-Za-z])")
    return {name: set(names.findall(equation)) for name, equation in equations.items()}


def test_every_named_loop_closes_in_the_equations(folder: Path) -> None:
    causes = uses(folder)
    table = read(folder / "loops.csv")
    assert set(table["kind"]) == {"inward", "outward", "balancing"}
    assert len(table) >= 15
    for row in table.itertuples():
        names = [bare(n) for n in row.variables.split("; ")]
        for cause, effect in zip(names, names[1:] + names[:1], strict=True):
            assert cause in causes[effect], f"{row.id}: {cause} is no cause of {effect}"


# ---- views -------------------------------------------------------------------------------------------------------

SHADOW = "2"  # the bits of a word that only repeats a variable of another view


def views(folder: Path) -> dict[str, tuple[dict[int, tuple[str, str]], list[tuple[int, int]]]]:
    """By view: its words (name and bits by number) and its arrows (from, to)."""
    text = (folder / "lead.mdl").read_text(encoding="utf-8")
    found = {}
    for part in text.split("\\\\\\---///")[1:]:
        title = re.search(r"^\*(.*)$", part, re.M)
        assert title
        words = re.findall(r"^10,(\d+),([^,]+),(?:[^,]+,){5}(\d+),", part, re.M)
        arrows = re.findall(r"^1,\d+,(\d+),(\d+),", part, re.M)
        found[title[1]] = {int(n): (v, b) for n, v, b in words}, [(int(a), int(b)) for a, b in arrows]
    return found


def test_every_variable_stands_in_one_view_of_readable_size(folder: Path) -> None:
    shown = [v for words, _ in views(folder).values() for v, bits in words.values() if bits != SHADOW]
    wanted = {bare(n) for n, *_ in entries(folder)} - {"FINAL TIME", "INITIAL TIME", "SAVEPER", "TIME STEP"}
    assert sorted(shown) == sorted(wanted)
    for title, (words, _) in views(folder).items():
        assert sum(bits != SHADOW for _, bits in words.values()) <= 28, title


def test_arrows_in_the_views_are_causes_in_the_equations(folder: Path) -> None:
    causes = uses(folder)
    drawn = 0
    for title, (words, arrows) in views(folder).items():
        for cause, effect in arrows:
            if not {cause, effect} <= set(words) or words[cause][0] == "Time":  # a side of a pipe; a clock
                continue
            assert words[cause][0] in causes[words[effect][0]], f"{title}: {words[cause]} -> {words[effect]}"
        drawn += len(arrows)
    assert drawn > 800


# ---- checks as data ----------------------------------------------------------------------------------------------

CHECKS = tomllib.loads((Path(__file__).parents[2] / "sd_models" / "lead" / "checks.toml").read_text(encoding="utf-8"))
RELATIONS = {"<=": np.less_equal, ">=": np.greater_equal, "<": np.less, ">": np.greater}


@pytest.mark.parametrize("check", CHECKS["check"], ids=lambda c: c["id"])
def test_extreme_condition(model: csd.Model, check: dict) -> None:
    runs = model.ensemble(pd.DataFrame([check["set"]]), measures=[check["measure"]], scenario=check.get("scenario"))
    value = float(runs[check["measure"]].to_numpy()[0])
    assert RELATIONS[check["relation"]](
        value, check["value"] + check["tolerance"] * (1 if "<" in check["relation"] else -1)
    ), value


@pytest.mark.parametrize("invariant", CHECKS["invariant"], ids=lambda c: c["id"])
def test_invariant_over_the_ranges(model: csd.Model, draws: Frame, invariant: dict) -> None:
    name = invariant["variable"]
    runs = model.ensemble(draws.head(100), measures=[f"max({name})", f"min({name})"])
    worst = max(np.abs(runs[f"max({name})"].to_numpy()).max(), np.abs(runs[f"min({name})"].to_numpy()).max())
    assert worst <= invariant["tolerance"]


def test_every_row_of_the_mechanism_table_has_a_test() -> None:
    text = (Path(__file__).parent / "test_lead_mechanisms.py").read_text(encoding="utf-8")
    rows = set(re.findall(r"^def test_(L\d+)_", text, re.M))
    assert rows == {f"L{i}" for i in range(1, 19)}


# ---- numbers -----------------------------------------------------------------------------------------------------


def outcomes_of(model: csd.Model, scenario: str | None = None, **settings: Any) -> np.ndarray:
    """Outcomes of one run."""
    measures = model.outcomes["measure"].tolist()
    runs = model.ensemble_arrays({"Founder": np.ones(1)}, measures, scenario=scenario, **settings)
    return np.array([float(runs.values[measure][0]) for measure in measures])


@pytest.mark.parametrize("scenario", [None, "unheard and intolerant", "frozen 2010"])
def test_halving_the_step_changes_no_outcome_by_one_per_cent(
    model: csd.Model, base: Frame, scenario: str | None
) -> None:
    """In the base run, and in the scenarios in which outcomes die away and so err most."""
    assert model.control.method == "heun"
    step = float(base["TIME STEP"].iloc[0])
    size = np.abs(outcomes_of(model))
    usual, half = (outcomes_of(model, scenario, time_step=s) for s in (step, step / 2))
    assert (np.abs(half - usual) <= 0.005 * np.maximum(np.abs(half), 0.01 * size)).all()


def test_dates_move_smoothly_with_parameters_and_gradients_know_it(model: csd.Model) -> None:
    """No date hangs on the step or on a jump, so that calibration may follow gradients."""
    measures = [f"final(Event date[{event}])" for event in EVENTS] + ["final(Illness peak date)"]
    name, value = "Persuasion rate", 0.245
    found = model.gradient([name], measures)
    assert not found["discontinuous"].any()
    ends = model.ensemble_arrays({name: value + np.array([-1e-5, 1e-5])}, measures).values
    for measure in measures:
        slope = (ends[measure][1] - ends[measure][0]) / 2e-5
        assert float(found["gradient"].sel(measure=measure, parameter=name)) == pytest.approx(slope, rel=1e-3), measure


def test_an_event_takes_place_when_its_level_passes_one(model: csd.Model) -> None:
    shown = [f"Event level[{event}]" for event in EVENTS] + [f"Event date[{event}]" for event in EVENTS]
    run = model.run(variables=shown, save_every=1 / 64).to_dataframe()
    for event in EVENTS:
        passed = run.index[int(np.argmax(run[f"Event level[{event}]"].to_numpy() >= 1))]
        assert run[f"Event date[{event}]"].iloc[-1] == pytest.approx(passed, abs=0.25), event


def test_the_date_of_most_illness_is_near_its_peak(base: Frame) -> None:
    assert base["Illness peak date"].iloc[-1] == pytest.approx(base["Ill people"].idxmax(), abs=1.0)


def test_over_the_ranges_no_run_fails_and_every_share_stays_a_share(ensemble) -> None:
    assert not ensemble["failed"].any()
    for name in ensemble.data_vars:
        if not str(name).startswith("failed") and name not in ("Industry state", "Lead output"):
            values = ensemble[name].to_numpy()
            assert values.min() >= -1e-9, name
            assert values.max() <= 1 + 1e-9, name


def test_over_levers_and_ranges_stocks_stay_finite_and_not_negative(model: csd.Model) -> None:
    table: Frame = model.parameters[model.parameters["role"].isin(["uncertain", "initial", "lever"])]
    unit = np.random.default_rng(3).random((100, len(table)))
    low, high = table["low"].to_numpy(float), table["high"].to_numpy(float)
    design = pd.DataFrame(low + unit * (high - low), columns=table["name"].to_list())
    kinds = model.variables.set_index("name")["kind"]
    columns = model.run(stop=1970.25).data_vars
    measures = [
        f"min({n})" for n in columns if kinds.get(bare(str(n))) == "stock" and not str(n).startswith("Cumulative")
    ]
    assert len(measures) > 60
    runs = model.ensemble(design, measures=measures)
    assert not runs["failed"].any()
    lowest = {m: float(runs[m].to_numpy().min()) for m in measures}
    assert {m: v for m, v in lowest.items() if v < -1e-6} == {}


def test_before_calibration_the_known_numbers_lie_within_the_90_per_cent_interval(model: csd.Model) -> None:
    known = {
        "final(Event date[own smelting])": (1985, 1987),
        "time_of_max(Ill people)": (1996, 2000),
        "final(Event date[acceptance])": (2002, 2002.5),
        "final(Event date[park opening])": (2005, 2006),
        "final(Event date[consolidation])": (2012, 2014),
        "Lead output@2006": (180_000, 180_000),
        "Capacity over reported output@2017": (1 / 3, 1 / 3),
        "Plate and battery share@2017": (0.2, 0.2),
    }
    runs = model.ensemble(latin_hypercube(model, 1024), measures=list(known))
    for measure, (low, high) in known.items():
        q05, q95 = np.quantile(runs[measure].to_numpy(), [0.05, 0.95])
        assert q05 <= high, measure
        assert q95 >= low, measure


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_pysd_and_this_engine_give_the_same_series(model: csd.Model, folder: Path, tmp_path: Path) -> None:
    """From a cluster at work amid the windows of 2012, so that every equation counts."""
    pysd = pytest.importorskip("pysd")
    shutil.copy(folder / "lead.mdl", tmp_path / "lead.mdl")
    settings = {"Drivers frozen": 1.0, "Freeze year": 2012.4, "Initial collectors": 20_000.0, "Initial technique": 0.7}
    settings |= {"Initial local capital": 1e8, "Initial tie endowment": 0.6, "Initial government capability": 0.3}
    shown = ["Lead output", "Collectors", "Policy ties", "Pressure from above", "Scrap payable share", "Bridging share"]
    theirs = pysd.read_vensim(str(tmp_path / "lead.mdl")).run(
        params=settings, time_step=0.25, final_time=1973, saveper=0.25, return_columns=shown
    )
    ours = model.run(settings, solver="euler", time_step=0.25, stop=1973, save_every=0.25).to_dataframe()
    assert len(theirs) == len(ours) == 13
    assert ours["Lead output"].iloc[-1] > 100
    for column in theirs.columns:
        name = column.replace(", ", ",")
        assert ours[name].to_numpy() == pytest.approx(theirs[column].to_numpy(float), rel=1e-9, abs=1e-12), column
