"""The model file as a reader meets it: units, documentation, evidence, and the tables beside it."""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path

import orange_dimensions
import pytest

import cluster_sd as csd

MODEL = Path(__file__).parents[2] / "sd_models" / "orange"
MECHANISMS = {f"O{i}" for i in range(1, 23)}


def table(name: str) -> list[dict[str, str]]:
    """The rows of a file in the model's folder."""
    with (MODEL / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def parsed() -> orange_dimensions.Model:
    """The model file, as PySD's translator reads it."""
    return orange_dimensions.read(MODEL / "orange.mdl")


def test_every_equation_is_dimensionally_consistent(parsed: orange_dimensions.Model) -> None:
    assert orange_dimensions.faults(parsed) == []


SMALL = """{{UTF-8}}
Pool= INTEG ({flow}, 0)
	~	yuan
	~	|
Levy=
	2
	~	yuan/year
	~	|
Levy time=
	3
	~	year
	~	|
INITIAL TIME=
	0
	~	year
	~	|
FINAL TIME=
	1
	~	year
	~	|
TIME STEP=
	1
	~	year
	~	|
SAVEPER=
	1
	~	year
	~	|
"""


@pytest.mark.parametrize(
    ("flow", "right"),
    [("Levy-Pool/Levy time", True), ("Levy-Pool", False), ("Levy*EXP(Levy time)", False), ("MAX(Levy, Pool)", False)],
)
def test_dimensional_analysis_finds_faults(tmp_path: Path, flow: str, right: bool) -> None:
    (tmp_path / "small.mdl").write_text(SMALL.format(flow=flow), encoding="utf-8")
    assert (orange_dimensions.faults(orange_dimensions.read(tmp_path / "small.mdl")) == []) == right


def test_every_variable_has_a_unit_and_a_line_of_documentation(orange: csd.Model) -> None:
    variables = orange.variables
    assert (variables["unit"].str.strip() != "").all()
    short = variables[variables["documentation"].str.len() < 15]
    assert short.empty, list(short["name"])


def test_every_variable_names_its_evidence(orange: csd.Model) -> None:
    proof = re.compile(r"\[(O\d+|assumption|definition|exogenous:|Li Ze 2026|\w+\.csv|[^\]]*\.csv)[^\]]*\]")
    bare = [r["name"] for r in orange.variables.to_dict("records") if not proof.search(r["documentation"])]
    assert bare == []


def test_evidence_from_the_data_is_there(orange: csd.Model) -> None:
    known = {row["variable"] for file in (MODEL / "data").glob("*.csv") for row in table(f"data/{file.name}")}
    texts = " ".join(orange.variables["documentation"])
    cited = {key.strip() for keys in re.findall(r"\w+\.csv ([a-z0-9_, ]+)", texts) for key in keys.split(",")}
    assert len(cited) > 25
    assert cited - known - {""} == set()


def test_every_mechanism_is_cited_by_a_variable_and_by_a_test(orange: csd.Model) -> None:
    cited = set(re.findall(r"\bO\d+\b", " ".join(orange.variables["documentation"])))
    assert MECHANISMS - cited == set()
    tests = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_orange_*.py"))
    assert {o for o in MECHANISMS if not re.search(rf"def test_{o}_", tests)} == set()


def test_tables_over_time_are_declared_drivers(orange: csd.Model) -> None:
    tables = orange.variables.query("kind == 'table'")
    assert len(tables) >= 8
    undeclared = [r["name"] for _, r in tables.iterrows() if "[exogenous:" not in r["documentation"]]
    assert undeclared == []


def test_parameters_agree_with_the_model_file(orange: csd.Model, parsed: orange_dimensions.Model) -> None:
    base = orange.run(variables=None)
    for row in table("parameters.csv"):
        name = row["name"]
        assert float(base[name].values[0]) == pytest.approx(float(row["value"])), name
        assert orange_dimensions.parse_unit(row["unit"]) == parsed.units[name.split("[")[0].lower()], name
        if row["low"]:
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"]), name
        assert row["evidence"], name


def test_there_are_levers_and_uncertain_parameters_enough() -> None:
    rows = table("parameters.csv")
    levers = [r for r in rows if r["role"] == "lever"]
    assert len(levers) >= 20 and len([r for r in rows if r["role"] == "uncertain"]) >= 25
    for lever in levers:
        assert float(lever["from"]) == 2025 and float(lever["step"]) > 0, lever["name"]


def test_papers_numbers_are_the_levers_values() -> None:
    value = {r["name"]: float(r["value"]) for r in table("parameters.csv")}
    assert (value["Levy rate"], value["Green levy"], value["Match ratio"], value["Covered share"]) == (0.2, 0.1, 1, 0.3)
    assert value["Premium share"] - value["Premium float"] == pytest.approx(0.35)
    assert value["Premium share"] + value["Premium float"] == pytest.approx(0.45)
    assert value["Days saved by pool"] == 20


def test_levers_leave_history_alone(orange: csd.Model) -> None:
    scenario = orange.run(scenario="digital push without skill", variables=["Digital coverage", "Planted area"])
    base = orange.run(variables=["Digital coverage", "Planted area"])
    until = {"time": slice(2000, 2025)}
    for name in ("Digital coverage", "Planted area"):
        assert (scenario[name].sel(until) == base[name].sel(until)).all()
    assert float(scenario["Digital coverage"].sel(time=2035)) > 1.2 * float(base["Digital coverage"].sel(time=2035))


def test_all_sixteen_combinations_stand_under_both_allocations() -> None:
    scenarios = tomllib.loads((MODEL / "scenarios.toml").read_text(encoding="utf-8"))
    for tag in ("linkage", "buffering"):
        assert len([s for s in scenarios if s.startswith("mechanisms") and s.endswith(f"({tag})")]) == 16
    for needed in (
        "no governance",
        "2023 drought",
        "price slump",
        "cost squeeze",
        "over-expansion",
        "elite capture",
        "digital push without skill",
        "county plan 2025-2027",
        "climate drying",
        "H village",
    ):
        assert needed in scenarios and scenarios[needed]["zh"]


def test_every_scenario_runs(orange: csd.Model) -> None:
    scenarios = tomllib.loads((MODEL / "scenarios.toml").read_text(encoding="utf-8"))
    for name in (n for n in scenarios if not n.startswith("mechanisms")):
        run = orange.run(scenario=name, variables=["Planted area", "Farmer capital"])
        assert float(run["Planted area"].min()) > 0, name


def test_loops_are_closed_chains_of_causes(orange: csd.Model) -> None:
    equations: dict[str, str] = {}
    for row in orange.equations.to_dict("records"):
        equations[row["name"].lower()] = f"{equations.get(row['name'].lower(), '')} {row['equation']}".lower()
    loops = table("loops.csv")
    assert {r["kind"] for r in loops} == {"inward", "outward", "balancing"}
    for loop in loops:
        chain = [v.split("[")[0].strip().lower() for v in loop["variables"].split(";")]
        for cause, effect in zip(chain, chain[1:] + chain[:1], strict=True):
            assert re.search(rf"(?<!\w)(?<!\w ){cause}(?!\w)(?! \w)", equations[effect]), (loop["id"], cause, effect)


#: Statistics that have a variable's name, so that its Chinese is theirs.
SAME_AS_A_VARIABLE = {"household_income", "retail_price"}


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    """The Chinese for every name and text of the model."""
    return {row["name"]: row["zh"] for row in table("names_zh.csv")}


def test_chinese_names_name_what_there_is(chinese: dict[str, str]) -> None:
    others = [p for p in MODEL.iterdir() if p.is_file() and p.name != "names_zh.csv"]
    text = "\n".join(p.read_text(encoding="utf-8").lower().replace('""', '"') for p in others)
    assert {name for name in chinese if name.lower() not in text} == set()


def test_every_variable_and_element_has_a_chinese_name_of_its_own(orange: csd.Model, chinese: dict[str, str]) -> None:
    text = (MODEL / "orange.mdl").read_text(encoding="utf-8")
    ranges = re.findall(r"^(\w+):\n\t([^~]+?)\n", text, flags=re.M)
    elements = {one.strip() for _, listed in ranges for one in listed.split(",")}
    variables = {name.split("[")[0] for name in orange.variables["name"]}
    assert len(ranges) == 6 and len(variables) > 830
    assert (variables | elements | {name for name, _ in ranges}) - set(chinese) == set()
    given = [chinese[name] for name in sorted(variables)]
    assert {zh for zh in given if given.count(zh) > 1} == set()


def test_whatever_a_chinese_page_shows_has_a_chinese_text(orange: csd.Model, chinese: dict[str, str]) -> None:
    text = (MODEL / "orange.mdl").read_text(encoding="utf-8")
    scenarios = tomllib.loads((MODEL / "scenarios.toml").read_text(encoding="utf-8"))
    checks = tomllib.loads((MODEL / "checks.toml").read_text(encoding="utf-8"))
    mechanisms = tomllib.loads((MODEL / "mechanisms.toml").read_text(encoding="utf-8"))
    shown = {
        "sector": set(re.findall(r"^\t?\.([A-Z][^\n]*)$", text, flags=re.M)),
        "unit": set(orange.variables["unit"]) | {row["unit"] for row in table("parameters.csv")},
        "outcome": {row[key] for row in table("outcomes.csv") for key in ("name", "unit", "description")},
        "scenario": set(scenarios) | {v["description"] for k, v in scenarios.items() if k != "calibrated"},
        "check": {check["description"] for kind in ("check", "invariant") for check in checks[kind]},
        "loop": {row[key] for row in table("loops.csv") for key in ("name", "kind")},
        "mechanism": set(mechanisms),
        "statistic": {row["statistic"] for row in table("observations.csv")} - SAME_AS_A_VARIABLE,
    }
    assert all(shown.values()), {kind for kind, texts in shown.items() if not texts}
    assert {kind: texts - set(chinese) for kind, texts in shown.items() if texts - set(chinese)} == {}
    assert {k: chinese[k] for k in scenarios} == {k: v["zh"] for k, v in scenarios.items()}
    assert {row["group"] for row in table("groups.csv")} == MECHANISMS and all(row["zh"] for row in table("groups.csv"))


def test_chinese_texts_are_chinese(chinese: dict[str, str]) -> None:
    assert {zh for zh in chinese.values() if not re.search(r"[\u4e00-\u9fff]", zh)} == set()


def test_statistics_are_tidy_and_mapped(orange: csd.Model) -> None:
    columns = ["place", "variable", "time", "value", "unit", "source", "reliability", "note", "relation"]
    for name in ("county", "national", "studies"):
        rows = table(f"data/{name}.csv")
        assert list(rows[0]) == columns
        assert all(r["source"] and r["unit"] for r in rows)
    assert all(r["reason"] for r in table("data/left_out.csv"))
    known = {r["variable"] for r in table("data/county.csv")}
    names = set(orange.variables["name"])
    for row in table("observations.csv"):
        assert row["statistic"] in known and row["measure"] in names, row


def test_every_variable_stands_in_a_view_and_views_show_nothing_else(orange: csd.Model) -> None:
    text = (MODEL / "orange.mdl").read_text(encoding="utf-8")
    _, *views = text.split("\\\\\\---/// Sketch information")
    words = re.findall(r"^10,\d+,([^,]+),(?:[^,]+,){5}(\d+),", "".join(views), flags=re.M)
    shown = [name for name, bits in words if bits == "3"]  # 2: repeated from another view
    assert len(shown) == len(set(shown))
    control = {"INITIAL TIME", "FINAL TIME", "TIME STEP", "SAVEPER"}
    assert set(shown) == {name.split("[")[0] for name in orange.variables["name"]} - control
    assert {name for name, _ in words} <= {*shown, "Time"}
    for view in views:  # arrows and pipes join variables, valves and clouds of their own view
        numbers = set(re.findall(r"^1[0-2],(\d+),", view, flags=re.M))
        assert all({a, b} <= numbers for a, b in re.findall(r"^1,\d+,(\d+),(\d+),", view, flags=re.M))
