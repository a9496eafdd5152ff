"""Each standard test passes a sound model, and fails the one thing that is wrong with another."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from validation_models import CONTROL, fund

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.validation import CHECKS, Fit, Row, validate
from cluster_sd.validation.case import Case


def check(test: str, path: Path, **given) -> list[Row]:
    return list(CHECKS[test](Case(csd.load(path), **given)))


def last(rows: list[Row], subject: str) -> Row:
    return next(row for row in rows if row.subject == subject)


def told(rows: list[Row], result: str) -> list[str]:
    return [row.subject for row in rows if row.result == result]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv").replace("_toml", ".toml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


# --- documentation ----------------------------------------------------------------------------------------------------


def test_documentation_counts_what_has_none(tmp_path: Path) -> None:
    rows = check("documentation", fund(tmp_path, "Odd = 1 ~ ~ |"))
    assert told(rows, "fail") == ["units", "documentation", "evidence"]
    assert rows[0].figure == pytest.approx(8 / 9) and rows[0].limit == 1
    assert "Odd (fund.mdl:10)" in rows[1].detail
    assert told(check("documentation", fund(tmp_path)), "fail") == []


def test_evidence_is_asked_of_models_that_name_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.mdl"
    path.write_text("Growth = INTEG (1, 1) ~ kg ~ Grows |" + CONTROL, encoding="utf-8")
    assert [row.result for row in check("documentation", path)] == ["pass", "pass", "skipped"]


# --- boundary ---------------------------------------------------------------------------------------------------------

TABLE = "Rain table((2000,1),(2010,2)) ~ dmnl ~ Rain {} |\nRain = Rain table(Time) ~ dmnl ~ Rain [O1] |"


@pytest.mark.parametrize(
    ("more", "subject"),
    [
        (TABLE.format("[O1]"), "Rain table"),
        ("Rain = WITH LOOKUP(Time, ((2000,1),(2010,2))) ~ dmnl ~ Rain [O1] |", "Rain"),
        ("Ban = STEP(1, 2005) ~ dmnl ~ A ban [O1] |", "Ban"),
        ("Ban = IF THEN ELSE(Time > 2005, 1, 0) ~ dmnl ~ A ban [O1] |", "Ban"),
        ("Age = Time - 1990 ~ year ~ Age [O1] |", "Age"),
        ("Rain = WITH LOOKUP(Time, ((2000,1),(2010,2))) ~ dmnl ~ Rain [exogenous: ] |", "Rain"),
        (
            "Frozen = 0 ~ dmnl ~ |\nClock = IF THEN ELSE(Frozen > 0.5, INITIAL TIME, Time) ~ year ~ |\n"
            "Rain = WITH LOOKUP(Clock, ((2000,1),(2010,2))) ~ dmnl ~ |",
            "Rain",
        ),
    ],
)
def test_a_driver_or_date_that_nobody_declared_fails(tmp_path: Path, more: str, subject: str) -> None:
    rows = check("boundary", fund(tmp_path, more))
    assert told(rows, "fail") == [subject, "undeclared"]
    assert last(rows, "undeclared").figure == 1


@pytest.mark.parametrize(
    "more",
    [
        TABLE.format("[exogenous: weather station]"),
        "Ban year = 2005 ~ year ~ [O1] |\nBan = STEP(1, Ban year) ~ dmnl ~ [O1] |",
        "Effect table((0,0),(1,1)) ~ dmnl ~ |\nEffect = Effect table(Covered share) ~ dmnl ~ |",
    ],
)
def test_declared_drivers_named_dates_and_effects_pass(tmp_path: Path, more: str) -> None:
    rows = check("boundary", fund(tmp_path, more))
    assert told(rows, "fail") == []
    if "weather" in more:
        assert "Rain table (weather station)" in last(rows, "exogenous").detail


# --- parameters -------------------------------------------------------------------------------------------------------

HEADER = "name,value,unit,low,high,distribution,role,group,from,step,evidence,confidence,note\n"


def test_parameters_are_held_against_the_model_and_the_data(tmp_path: Path) -> None:
    rows = [
        "Levy rate,3,yuan/mu/year,1,4,uniform,lever,O13,,,county.csv levy,reported,",  # the model has 2
        "Payout time,4,month,2,8,uniform,uncertain,O13,,,county.csv payout,assumed,",  # unit; no such row
        "Area,50,mu,10,90,uniform,uncertain,O13,,,,measured,",  # no evidence
    ]
    write(
        tmp_path, parameters_csv=HEADER + "\n".join(rows) + "\n", data__county_csv="variable,time,value\nlevy,2020,2\n"
    )
    made = check("parameters", fund(tmp_path))
    assert told(made, "fail") == [
        "Levy rate", "values", "Area", "evidence", "Payout time", "units", "Payout time", "data cited",
    ]  # fmt: skip
    assert made[0].detail == "parameters.csv:2: value 3, in fund.mdl:6 2"
    assert last(made, "confidence").figure == pytest.approx(1 / 3)
    assert last(made, "ranges").result == "pass"


def test_a_value_outside_its_range_is_the_users_mistake(tmp_path: Path) -> None:
    write(tmp_path, parameters_csv=HEADER + "Levy rate,,yuan/mu/year,3,4,uniform,lever,,,,O13,reported,\n")
    rows = check("parameters", fund(tmp_path))
    assert told(rows, "fail") == ["Levy rate", "ranges"]
    assert "value 2 lies outside 3 to 4" in rows[1].detail


# --- runs, extreme conditions, conservation ---------------------------------------------------------------------------

CHECKS_TOML = """
[[check]]
id = "no levy"
description = "Without a levy the fund is spent"
set = { "Levy rate" = 0 }
measure = "final(Fund)"
relation = "<="
value = 10

[[check]]
id = "too strict"
measure = "min(Fund)"
relation = ">"
value = 1000

[[invariant]]
id = "money"
description = "What is not in the fund was spent"
variable = "Balance"
tolerance = 1e-9
"""
BALANCED = (
    "In = INTEG(Levy, Initial fund) ~ yuan ~ |\nOut = INTEG(Relief, 0) ~ yuan ~ |\nBalance = In - Out - Fund ~ yuan ~ |"
)


def test_extreme_conditions_and_balances_hold_or_not_with_their_figures(tmp_path: Path) -> None:
    write(tmp_path, checks_toml=CHECKS_TOML)
    path = fund(tmp_path, BALANCED)
    first, second = check("extreme conditions", path)
    euler = 100 * (1 - 0.0625 / 4) ** 160
    assert (first.subject, first.result, first.limit) == ("no levy", "pass", 10)
    assert first.figure == pytest.approx(euler, rel=1e-12)
    assert (second.result, second.figure) == ("fail", pytest.approx(100))
    (balance,) = check("conservation", path)
    assert balance.result == "pass" and balance.figure is not None and 0 <= balance.figure < 1e-9
    (leak,) = check("conservation", fund(tmp_path, BALANCED.replace("INTEG(Relief, 0)", "INTEG(Relief, 1)")))
    assert (leak.result, leak.figure) == ("fail", pytest.approx(1))


def test_without_declared_checks_these_tests_are_skipped(tmp_path: Path) -> None:
    path = fund(tmp_path)
    for test in ("extreme conditions", "conservation", "parameters", "reproduction", "claims"):
        rows = check(test, path)
        assert {row.result for row in rows} == {"skipped"} and all(row.detail for row in rows), test


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[check]]\nid = 'a'\nmeasure = 'final(Fnd)'\nrelation = '<='\nvalue = 1", "did you mean 'Fund'"),
        (
            "[[check]]\nid = 'a'\nset = {Levy = 'x'}\nmeasure = 'final(Fund)'\nrelation = '<='\nvalue = 1",
            "must be a number",
        ),
        ("[[check]]\nid = 'a'\nmeasure = 'final(Fund)'\nrelation = '~'\nvalue = 1", "it can be '<='"),
        ("[[check]]\nid = 'a'\nmeasure = 'Fund'\nrelation = '<='\nvalue = 1", "a check needs a number"),
        (
            "[[check]]\nid = 'a'\nscenario = 'x'\nmeasure = 'final(Fund)'\nrelation = '<='\nvalue = 1",
            "unknown scenario",
        ),
        ("[[check]]\nid = 'a'\nmeasure = 'final(Fund)'\nrelation = '<='", "value must be a number"),
        ("[[chek]]\nid = 'a'", "did you mean 'check'"),
        ("[check]\nid = 'a'", "[[check]]"),
        ("[[invariant]]\nid = 'a'\nvariable = 'Fund'\n[[invariant]]\nid = 'a'\nvariable = 'Fund'", "stands twice"),
        ("[bounds]\nmay_be_negative = 'Fund'", "list of names"),
        ("[bounds]\nmay_be_negativ = []", "did you mean 'may_be_negative'"),
        ("[[check", "TOML"),
    ],
)
def test_a_mistake_in_the_checks_is_said_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    write(tmp_path, checks_toml=text)
    with pytest.raises(InputError) as error:
        check("extreme conditions", fund(tmp_path))
    assert "checks.toml" in str(error.value) or "scenario" in words
    assert words in str(error.value)


def test_a_world_that_breaks_is_named_with_variable_and_time(tmp_path: Path) -> None:
    write(tmp_path, scenarios_toml='["no time"]\nset = { "Payout time" = 0 }\n')
    rows = check("runs", fund(tmp_path))
    assert told(rows, "fail") == ["no time", "all worlds"]
    assert "Relief is not finite at time 2000" in rows[0].detail


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_stocks_of_things_shares_and_ranges_are_kept(tmp_path: Path) -> None:
    more = """
Trees = INTEG (-Felling, 10) ~ tree ~ |
Felling = 2 ~ tree/year ~ |
Debt = INTEG (-Levy, 0) ~ yuan ~ |
Odd share = Covered share * 3 ~ dmnl ~ |
Ranged = Fund / Initial fund ~ dmnl [0,1.5] ~ |
"""
    rows = check("bounds", fund(tmp_path, more))
    assert told(rows, "fail") == ["Trees", "stocks", "Odd share", "shares", "Ranged", "ranges of the model file"]
    assert last(rows, "Trees").figure == pytest.approx(10 - 2 * 10)
    assert told(rows, "finding") == ["Debt"]  # money may be owed
    write(tmp_path, checks_toml='[bounds]\nmay_be_negative = ["Trees", "Debt"]\nmay_exceed_one = ["Odd share"]\n')
    assert told(check("bounds", fund(tmp_path, more.replace("[0,1.5]", "[0,9]"))), "fail") == []


# --- integration error ------------------------------------------------------------------------------------------------


def test_half_the_step_and_better_solvers_change_what_theory_says(tmp_path: Path) -> None:
    path = fund(tmp_path, Levy="Levy = 0 ~ yuan/year ~ |", Payout_time="Payout time = 0.5 ~ year ~ |")
    z = 0.0625 / 0.5

    def change(one: float, other: float) -> float:
        return abs(one - other) / other

    outcomes = "name,measure,unit,better,description\nFund,Fund@2002,yuan,high,\n"
    write(tmp_path, outcomes_csv=outcomes)
    euler, half = (1 - z) ** 32, (1 - z / 2) ** 64
    heun, rk4 = (1 - z + z**2 / 2) ** 32, (1 - z + z**2 / 2 - z**3 / 6 + z**4 / 24) ** 32
    halved = check("step halving", path)
    assert told(halved, "fail") == ["Fund@2002", "base run"]
    assert halved[-1].figure == pytest.approx(change(euler, half), rel=1e-9)
    solvers = [row for row in check("solvers", path) if row.subject == "base run"]
    assert [row.figure for row in solvers] == [pytest.approx(change(euler, heun)), pytest.approx(change(euler, rk4))]
    assert rk4 == pytest.approx(math.exp(-4), rel=1e-4)
    slow = fund(tmp_path, Levy="Levy = 0 ~ yuan/year ~ |")
    assert told(check("step halving", slow), "fail") == [] and told(check("solvers", slow), "fail") == []


def test_random_worlds_are_left_out_of_step_halving(tmp_path: Path) -> None:
    path = fund(tmp_path, Levy="Levy = 400 * RANDOM UNIFORM(0, 1, 0) ~ yuan/year ~ |")
    assert [row.result for row in check("step halving", path)] == ["skipped"]


def test_a_model_that_reads_its_step_is_not_failed_by_another_solver(tmp_path: Path) -> None:
    event = "Event = IF THEN ELSE(MODULO(Time, One) < 0.5 * TIME STEP, 1, 0) ~ dmnl ~ |\nOne = 1 ~ year ~ |"
    rows = check("solvers", fund(tmp_path, event, Levy="Levy = 40 * Event / TIME STEP * One ~ yuan/year ~ |"))
    assert told(rows, "fail") == [] and told(rows, "finding").count("base run") == 2
    assert "Levy, Event" in last(rows, "events").detail


# --- reproduction, PySD, claims ---------------------------------------------------------------------------------------

FITS = (Fit("fund", "yuan", 5, 0.25, 30.0, 0.5, 0.3, 0.2), Fit("area", "mu", 1, 0.02, 1.0, 1.0, 0.0, 0.0))


def test_reproduction_fails_only_where_the_folder_declares_a_limit(tmp_path: Path) -> None:
    path = fund(tmp_path)
    rows = check("reproduction", path, fits=FITS)
    assert told(rows, "finding") == ["fund", "area"]
    assert "bias 0.50, variation 0.30, covariation 0.20" in rows[0].detail and "Theil" not in rows[1].detail
    date = Fit("park opened", "year", 1, 0.001, 2.0, 1.0, 0.0, 0.0)
    assert check("reproduction", path, fits=[date])[0].figure == 2.0  # no share of the year 2005
    write(
        tmp_path,
        checks_toml='[[reproduction]]\nseries = "fund"\nlimit = 0.2\n[[reproduction]]\nseries = "x"\nlimit = 1',
    )
    assert told(check("reproduction", path, fits=FITS), "fail") == ["fund", "x"]


@pytest.mark.filterwarnings("ignore")
def test_pysd_agrees_with_a_plain_model_and_shows_its_known_fault(tmp_path: Path) -> None:
    """PySD 3.14.3 cuts the first input of a smooth that begins at a whole number."""
    path = fund(tmp_path, "Drawn = RANDOM UNIFORM(0, 1, 0) * Fund ~ yuan ~ |")
    (row,) = check("agreement with PySD", path)
    assert row.result == "pass" and row.figure is not None and row.figure < 1e-12 and "12 series" in row.detail
    path = fund(tmp_path, "Seen = SMOOTHI(Covered share, Payout time, 1) ~ dmnl ~ |")
    rows = check("agreement with PySD", path)
    assert told(rows, "fail") == ["Seen", "base run"]


def test_what_pysd_can_not_run_is_skipped_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = csd.load(fund(tmp_path))
    case = Case(model)
    real = Case.run

    def run(self: Case, world, **settings):
        if settings.get("backend") == "pysd":
            raise NotImplementedError("no such thing")
        return real(self, world, **settings)

    monkeypatch.setattr(Case, "run", run)
    (row,) = CHECKS["agreement with PySD"](case)
    assert row.result == "skipped" and "no such thing" in row.detail


def test_a_contradicted_claim_is_a_finding_and_fails_nothing(tmp_path: Path) -> None:
    first, second = "O1,It grows,contradicted,0.02,2000,analysis", "O2,It stays,supported,0.95,2000,"
    write(tmp_path, claims_csv=f"id,claim,verdict,share,runs,source\n{first}\n{second}\n")
    made = validate(csd.load(fund(tmp_path)), tests=["claims"])
    assert made.passed and made.counts == {"pass": 0, "fail": 0, "skipped": 0, "finding": 3}
    row, _, total = made
    assert (row.subject, row.figure) == ("O1", 0.02) and row.detail.startswith("contradicted: It grows (")
    assert total.detail == "1 supported, 1 contradicted, 0 undetermined"


def test_results_do_not_depend_on_threads_and_an_unknown_test_is_refused(tmp_path: Path) -> None:
    write(tmp_path, checks_toml=CHECKS_TOML, scenarios_toml='["twice"]\nset = { "Levy rate" = 4 }\n')
    model = csd.load(fund(tmp_path, BALANCED))
    quick = [test for test in CHECKS if "PySD" not in test]
    one, two = (validate(model, tests=quick, threads=n) for n in (1, 2))
    assert one.rows == two.rows and (one.runs, one.failed) == (two.runs, two.failed)
    assert list(dict.fromkeys(row.test for row in one)) == quick
    with pytest.raises(InputError, match="did you mean 'dimensions'"):
        validate(model, tests=["dimension"])
