"""A model that adds what can't be added is told so, with the place, the two units and the words of the equation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from validation_models import CONTROL, fund

import cluster_sd as csd
from cluster_sd.model.names import clean
from cluster_sd.validation import CHECKS, Row
from cluster_sd.validation.case import Case
from cluster_sd.validation.dimensions import unit_of_time, units_of
from cluster_sd.validation.expressions import equations
from cluster_sd.validation.inference import Inference
from cluster_sd.validation.units import Unit, Units

CONTROL_NAMES = ("initial_time", "final_time", "time_step", "saveper")


def dimensions(path: Path) -> list[Row]:
    return list(CHECKS["dimensions"](Case(csd.load(path))))


#: One fault each: what stands in the model, and what must be said of it.
FAULTS = {
    "a flow that is no rate": (
        {"Relief": "Relief = Fund ~ yuan ~ |"},
        "Fund",
        "yuan/year and yuan in a sum: Levy - Relief",
    ),
    "flows that are all amounts": (
        {"Relief": "Relief = Fund ~ yuan ~ |", "Levy": "Levy = Levy rate * Area * Payout time ~ yuan ~ |"},
        "Fund",
        "year*yuan and yuan in the stock's flow times the unit of time",
    ),
    "an initial value of another kind": (
        {"Fund": "Fund = INTEG (Levy - Relief, Area) ~ yuan ~ |"},
        "Fund",
        "mu and yuan in the stock's initial value against its unit: Area",
    ),
    "a sum": ("Odd = 2 * (Fund + Levy) ~ yuan ~ |", "Odd", "yuan and yuan/year in a sum: Fund + Levy"),
    "a number that is added": ("Odd = Fund + 5 ~ yuan ~ |", "Odd", "yuan and dmnl in a sum: Fund + 5"),
    "MAX": ("Odd = MAX(Fund, Area) ~ yuan ~ |", "Odd", "yuan and mu in the arguments of MAX"),
    "EXP": ("Odd = EXP(Payout time) ~ dmnl ~ |", "Odd", "year and dmnl in EXP, whose argument must be dimensionless"),
    "LN": ("Odd = LN(Fund) ~ dmnl ~ |", "Odd", "LN(Fund)"),
    "an exponent": ("Odd = 2^Payout time ~ dmnl ~ |", "Odd", "an exponent, which must be dimensionless"),
    "a base": ("Odd = Area^Covered share ~ mu ~ |", "Odd", "the base of a power that is no plain number"),
    "a square": ("Odd = Area^2 ~ mu ~ |", "Odd", "mu^2 and mu in the equation"),
    "a root": ("Odd = SQRT(Area) ~ mu ~ |", "Odd", "mu^(1/2) and mu"),
    "branches": ("Odd = IF THEN ELSE(Fund > 0, Fund, Levy) ~ yuan ~ |", "Odd", "the branches of a choice"),
    "a comparison": (
        "Odd = IF THEN ELSE(Fund > Area, 1, 0) ~ dmnl ~ |",
        "Odd",
        "yuan and mu in a comparison: Fund > Area",
    ),
    "a smooth's time": ("Odd = SMOOTH(Fund, Area) ~ yuan ~ |", "Odd", "mu and year in a delay's time"),
    "a smooth's unit": ("Odd = SMOOTH(Fund, Payout time) ~ yuan/year ~ |", "Odd", "yuan and yuan/year in the equation"),
    "a delay's beginning": ("Odd = DELAY3I(Levy, Payout time, Fund) ~ yuan/year ~ |", "Odd", "a delay's initial value"),
    "a quotient": ("Odd = Fund / Area ~ yuan ~ |", "Odd", "yuan/mu and yuan in the equation"),
    "a table": ("Tab((0,0),(1,1)) ~ mu ~ |\nOdd = Tab(Covered share) ~ yuan ~ |", "Odd", "mu and yuan"),
    "XIDZ": ("Odd = XIDZ(Fund, Area, Fund) ~ yuan/mu ~ |", "Odd", "XIDZ and what stands in for it"),
    "STEP": ("Odd = STEP(Fund, Area) ~ yuan ~ |", "Odd", "mu and year in a time in STEP"),
    "RAMP": ("Odd = RAMP(Fund, Payout time, Payout time) ~ yuan ~ |", "Odd", "year*yuan and yuan"),
    "PULSE": ("Odd = PULSE(2001, 1) ~ yuan ~ |", "Odd", "dmnl and yuan"),
    "MODULO": ("Odd = MODULO(Time, Area) ~ year ~ |", "Odd", "year and mu"),
    "kilograms and tonnes": ("A = 1 ~ kg ~ |\nB = 1 ~ t ~ |\nOdd = A + B ~ kg ~ |", "Odd", "kg and t in a sum: A + B"),
    "one element": (
        "who: small, large ~ ~ |\nOdd[small] = Fund ~ yuan ~ |\nOdd[large] = Levy ~ yuan ~ |",
        "Odd[large]",
        "yuan/year and yuan",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_once_with_its_place_and_its_units(tmp_path: Path, fault: str) -> None:
    change, subject, words = FAULTS[fault]
    path = fund(tmp_path, change) if isinstance(change, str) else fund(tmp_path, **change)
    *told, whole = dimensions(path)
    assert [row.subject for row in told] == [subject]
    assert words in told[0].detail
    text = path.read_text(encoding="utf-8").splitlines()
    line = int(told[0].detail.split(":")[1])
    assert text[line - 1].startswith(subject.split("[")[0])
    assert (whole.result, whole.figure, whole.limit) == ("fail", 1, 0)


RIGHT = {
    "synonyms": "A = 1 ~ households ~ |\nB = 2 ~ Household ~ |\nFine = A + B ~ household ~ |",
    "nought fits everything": "Fine = MAX(0, Fund - 0) ~ yuan ~ |",
    "one less a share": "Fine = 1 - Covered share ~ fraction ~ |",
    "times": "Fine = MAX(0, Time - INITIAL TIME) ~ year ~ |",
    "a smooth over a time": "Fine = SMOOTHI(Fund, Payout time, 3) / Payout time ~ yuan/year ~ |",
    "numbers as times": "Fine = STEP(Fund, 2005) + RAMP(Levy, 2001, 2003) ~ yuan ~ |",
    "a square root of a square": "Fine = SQRT(Area^2) ~ mu ~ |",
    "a chain of products": "Fine = Levy rate * Area / Levy ~ dmnl ~ |",
    "random numbers": "Fine = Covered share * RANDOM NORMAL(0, 3, 1, 0.5, 7) ~ dmnl ~ |",
    "a stock with numbers": "Fine = INTEG(0, 12) ~ person ~ |",
    "a variable without a unit": "Other = Fund * 3 ~ ~ |\nFine = Other + Area ~ mu ~ |",
    "an elasticity": "Fine = (Fund / Initial fund)^-0.5 ~ dmnl ~ |",
    "no branch but nought": "Fine = IF THEN ELSE(Covered share > 0.5, Levy, 0) ~ yuan/year ~ |",
    "a sum over elements": "who: small, large ~ ~ |\nA[who] = 1, 2 ~ mu ~ |\nFine = SUM(A[who!]) ~ mu ~ |",
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_consistent_model_passes(tmp_path: Path, name: str) -> None:
    rows = dimensions(fund(tmp_path, RIGHT[name]))
    assert [(r.result, r.figure) for r in rows if r.subject == "all equations"] == [("pass", 0)]
    assert {r.result for r in rows} == {"pass"}


def test_two_faults_are_both_told_and_what_follows_from_one_is_not(tmp_path: Path) -> None:
    rows = dimensions(fund(tmp_path, "Odd = (Fund + Levy) * (Area + Payout time) / Area ~ yuan ~ |"))
    assert [r.detail.split(": ", 1)[1] for r in rows[:-1]] == [
        "yuan and yuan/year in a sum: Fund + Levy",
        "mu and year in a sum: Area + Payout time",
    ]


def test_a_table_that_is_read_in_two_units_is_a_finding(tmp_path: Path) -> None:
    more = "Tab((0,0),(1,1)) ~ dmnl ~ |\nFine = Tab(Covered share) + Tab(Fund) ~ dmnl ~ |"
    rows = dimensions(fund(tmp_path, more))
    assert [r.result for r in rows] == ["finding", "pass"]
    assert "is read in dmnl (Tab(Covered share)) and in yuan (Tab(Fund))" in rows[0].detail


def test_a_unit_that_can_not_be_read_fails_by_name(tmp_path: Path) -> None:
    rows = dimensions(fund(tmp_path, "Odd = Fund ~ yuan/(mu ~ |"))
    assert (rows[0].subject, rows[0].result) == ("Odd", "fail") and "')' is missing" in rows[0].detail


def test_a_model_without_units_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "bare.mdl"
    path.write_text("Growth = INTEG (Growth, 1) ~ ~ |" + CONTROL, encoding="utf-8")
    assert [r.result for r in dimensions(path)] == ["skipped"]


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_every_equation_of_the_shipped_models_is_consistent(name: str) -> None:
    model = csd.load(name)
    (row,) = CHECKS["dimensions"](Case(model))
    assert (row.result, row.figure) == ("pass", 0)
    assert f"{len(model.metadata.variables)} of {len(model.metadata.variables)} variables declare" in row.detail


def undetected(name: str, every: int) -> list[str]:
    """Variables of a shipped model whose unit can be made wrong without a fault: every so manieth is tried."""
    case = Case(csd.load(name))
    declared, _ = units_of(case)
    tables = frozenset(clean(v.name) for v in case.model.metadata.variables if v.kind == "table")
    definitions = list(equations(case.source))
    wrong = Units().read("widget")

    def consistent(units: Mapping[str, Unit | None]) -> bool:
        walk = Inference(units, tables, unit_of_time(case))
        return not any(walk.equation(ast, units.get(key)) for key, ast in definitions)

    assert consistent(declared)
    known = {k: u for k, u in declared.items() if u is not None and k not in CONTROL_NAMES}
    return [k for k, u in list(known.items())[::every] if consistent({**declared, k: u * wrong})]


def test_any_wrong_unit_in_a_shipped_model_is_found() -> None:
    assert undetected("lead", 40) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["orange", "lead"])
def test_every_wrong_unit_in_the_shipped_models_is_found(name: str) -> None:
    assert undetected(name, 1) == []
