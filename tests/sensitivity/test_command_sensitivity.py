"""``cluster-sd sensitivity``: files whole or not at all, with the right numbers; mistakes are told."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cluster_sd.cli import main
from cluster_sd.simulate.checkpoint import partial_path

MODEL = """{UTF-8}
x1= 0.5 ~ dmnl ~ ~|
x2= 0.5 ~ dmnl ~ ~|
x3= 0.5 ~ dmnl ~ ~|
idle= 0.5 ~ dmnl ~ ~|
y= SIN(x1) + 7*SIN(x2)^2 + 0.1*x3^4*SIN(x1) ~ yuan ~ Ishigami's function ~|
Level= INTEG(y, 0) ~ yuan*year ~ Its sum ~|
Cumulative public spending= INTEG(1e6*x1, 0) ~ yuan ~ What x1 costs ~|
still= 3 + 0*x1 ~ dmnl ~ Never moves ~|
rough= y*RANDOM UNIFORM(0, 2, 1) ~ dmnl ~ Chance ~|
broken= LN(3 - x1) ~ dmnl ~ Fails where x1 is large ~|
INITIAL TIME= 0 ~ year ~ ~|
FINAL TIME= 4 ~ year ~ ~|
TIME STEP= 1 ~ year ~ ~|
SAVEPER= 1 ~ year ~ ~|
"""
PARAMETERS = """name,value,unit,low,high,distribution,role,group,from,step
x1,0.5,dmnl,-3.141592653589793,3.141592653589793,uniform,lever,G1,,0.1
x2,0.5,dmnl,-3.141592653589793,3.141592653589793,uniform,lever,G1,,0.1
x3,0.5,dmnl,-3.141592653589793,3.141592653589793,uniform,uncertain,G2,,
idle,0.5,dmnl,0,1,uniform,lever,G3,,0.2
"""
OUTCOMES = """name,measure,unit,better,description
Income of the poor,final(y),yuan,high,What the poorest earn at the end
Sum,final(Level),yuan*year,low,What they earned in all
"""
#: Sobol and Levitan 1999, for a = 7 and b = 0.1.
TOTAL = {"x1": 0.5576, "x2": 0.4424, "x3": 0.2437, "idle": 0.0}
FIRST = {"x1": 0.3139, "x2": 0.4424, "x3": 0.0, "idle": 0.0}


@dataclass(frozen=True)
class Ended:
    status: int
    err: str


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a model whose indices are known."""
    folder = tmp_path / "place"
    folder.mkdir()
    for name, text in (("lab.mdl", MODEL), ("parameters.csv", PARAMETERS), ("outcomes.csv", OUTCOMES)):
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def sensitivity(place, capsys, monkeypatch) -> Callable[..., Ended]:
    """The command; figures are not drawn, which takes long, but in the tests that look at them."""
    monkeypatch.setattr("cluster_sd.report.figures.Figure._rendered", lambda *_: b"<svg/>")

    def call(*arguments: object) -> Ended:
        status = main(["sensitivity", "lab.mdl", *map(str, arguments)])
        return Ended(status, capsys.readouterr().err)

    return call


def table(folder: Path, index: str, measure: str = "final(y)") -> Any:
    """Rows of indices.csv of one index and measure that is a number."""
    found: Any = pd.read_csv(folder / "indices.csv", keep_default_na=False)
    found = found[(found["index"] == index) & (found["measure"] == measure) & (found["time"] == "")]
    return found.set_index("parameter")[["value", "ci_low", "ci_high", "rank"]].astype(float)


# --- what it gives ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The results of one analysis that many tests look at."""
    folder = tmp_path_factory.mktemp("made")
    for name, text in (("lab.mdl", MODEL), ("parameters.csv", PARAMETERS), ("outcomes.csv", OUTCOMES)):
        (folder / name).write_text(text, encoding="utf-8")
    model, out = str(folder / "lab.mdl"), str(folder / "out")
    assert main(["sensitivity", model, "--method", "sobol", "--samples", "1024", "--out", out, "--quiet"]) == 0
    return folder / "out"


def test_it_gives_tables_figures_and_a_page(made):
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert {"indices.csv", "steps.csv", "regional.csv", "summary.json", "run.json", "index.html"} <= files
    drawn = {name for name in files if name.startswith("figures/")}
    assert {"figures/bars-income-of-the-poor.svg", "figures/time-level.svg", "figures/heat-map.svg"} <= drawn
    for name in drawn:  # a figure never goes without its numbers
        stem = name.rsplit(".", 1)[0]
        assert {f"{stem}.svg", f"{stem}.png", f"{stem}.csv"} <= drawn
    assert not partial_path(made).exists()


def test_indices_have_exactly_the_columns_that_were_promised(made):
    with open(made / "indices.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == "method measure time parameter index value ci_low ci_high rank rank_low rank_high".split()
    assert {row[0] for row in rows} == {"sobol"}
    assert {row[4] for row in rows} == {"ST", "S1"}
    assert {row[3] for row in rows} == {"x1", "x2", "x3", "idle"}
    assert {row[2] for row in rows if row[1] == "final(y)"} == {""}
    assert {row[2] for row in rows if row[1] == "Level"} == {"0.0", "1.0", "2.0", "3.0", "4.0"}


@pytest.mark.parametrize("index, truth", [("ST", TOTAL), ("S1", FIRST)])
def test_indices_are_those_of_ishigamis_function(made, index, truth):
    found = table(made, index)
    for name, value in truth.items():
        assert found.loc[name, "value"] == pytest.approx(value, abs=0.05)
    if index == "ST":
        assert found["rank"].to_dict() == {"x1": 1, "x2": 2, "x3": 3, "idle": 4}


def test_a_constant_outcome_has_no_indices_and_the_reason_stands_in_the_summary(made):
    found: Any = pd.read_csv(made / "indices.csv")
    begin = found[(found["measure"] == "Level") & (found["time"] == 0)]
    assert len(begin) and begin["value"].isna().all()
    told = json.loads((made / "summary.json").read_text(encoding="utf-8"))["without_indices"]
    assert "constant" in told["Level at 0"]


def test_the_summary_tells_runs_ranking_and_how_sure_it_is(made):
    told = json.loads((made / "summary.json").read_text(encoding="utf-8"))
    about = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert told["runs"] == about["runs"] > 1024 * 6
    assert (told["failed"], about["failed"]) == (0, 0)
    assert told["levers"] == ["x1", "x2", "idle"]
    first = told["outcomes"][0]
    assert [place["name"] for place in first["levers"]] == ["x1", "x2", "idle"]
    assert first["first"] == ["x1", "x2", "x3", "idle"]
    assert first["probability_of_the_first_k"][1] > 0.9
    assert {"command", "model", "settings", "seed", "versions", "data", "seconds"} <= set(about)
    assert about["settings"]["method"] == "sobol" and "parameters.csv" in about["data"]


def test_steps_of_levers_are_told_with_what_they_cost(made):
    found: Any = pd.read_csv(made / "steps.csv")
    up = found[(found["measure"] == "final(y)") & (found["lever"] == "x2") & (found["step"] > 0)].iloc[0]
    expected = 7 * (np.sin(0.6) ** 2 - np.sin(0.5) ** 2)  # whatever x3 is
    assert up["mean"] == pytest.approx(expected) and up["spread_low"] == pytest.approx(expected)
    assert up["cost_verdict"] == "free"
    dear = found[(found["measure"] == "final(y)") & (found["lever"] == "x1") & (found["step"] > 0)].iloc[0]
    assert dear["cost_verdict"] == "costs" and dear["cost"] == pytest.approx(0.1 * 4e6)


def test_what_sets_the_worst_runs_apart_is_told(made):
    found: Any = pd.read_csv(made / "regional.csv")
    found = found[found["condition"] == "worst 20% of final(y)"].set_index("parameter")
    assert found["distance"].idxmin() == "idle"
    assert found.loc["x1", "inside"] > 0.2 > found.loc["x1", "outside"]
    assert "When it goes badly" in (made / "index.html").read_text(encoding="utf-8")


class _Links(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found += [
            v or "" for k, v in attrs if k in ("src", "href", "srcset", "data") and not (v or "").startswith("#")
        ]


def test_the_page_stands_alone_and_says_the_answer_first(made):
    page = (made / "index.html").read_text(encoding="utf-8")
    links = _Links()
    links.feed(page)
    assert links.found and all(link.startswith("data:") for link in links.found)
    assert "http" not in re.sub(r"data:[^\"']*", "", page).replace("http-equiv", "")
    answer = re.sub(r"<[^>]+>", " ", page.split('class="answer"')[1].split("</div>")[0])
    assert answer.index("Income of the poor (what the poorest earn at the end)") < answer.index("Sum")
    assert re.search(
        r"two of 3 levers matter most:\s+x1, 5\d % of the variance \(\d+ to \d+ %\); and x2, 4\d %", answer
    )
    assert "Of what nobody decides, x3 leads" in answer
    assert "No run failed." in answer


def test_the_same_seed_gives_the_same_bytes(sensitivity, place):
    for name in ("one", "two", "other"):
        seed = 5 if name == "other" else 0
        ended = sensitivity(
            "--method", "sobol", "--samples", 64, "--seed", seed, "--threads", 1 + (name == "two"), "--out", name
        )
        assert ended.status == 0, ended.err
    one, two, other = ((place / name / "indices.csv").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other
    for name in ("steps.csv", "summary.json", "figures/time-level.csv"):
        assert (place / "one" / name).read_bytes() == (place / "two" / name).read_bytes()


def test_a_figure_drawn_again_has_the_same_bytes(made):
    from cluster_sd.report.figures import Figure
    from cluster_sd.report.sensitivity.figures import heat_map

    def again() -> Figure:
        return heat_map(np.eye(2), ["a", "b"], ["c", "d"], "title", "name", "caption", "label")

    assert again().svg == again().svg and again().png == again().png


# --- what can be asked ------------------------------------------------------------------------------------------------


def test_second_order_gives_pairs(sensitivity, place):
    assert (
        sensitivity(
            "--method", "sobol", "--samples", 512, "--second-order", "--measure", "final(y)", "--out", "o"
        ).status
        == 0
    )
    pairs = table(place / "o", "S2")
    assert pairs.loc["x1 × x3", "value"] == pytest.approx(0.2437, abs=0.1)
    assert abs(pairs.loc["x1 × x2", "value"]) < 0.1


INDEX = {
    "morris": ("mu_star", 20),
    "fast": ("ST", 257),
    "rbd": ("S1", 256),
    "pawn": ("median", 4096),
    "delta": ("delta", 256),
    "shapley": ("shapley", 64),
    "dgsm": ("dgsm", 256),
}


@pytest.mark.parametrize("method", INDEX)
def test_every_method_ranks_what_has_no_influence_last(sensitivity, place, method):
    index, samples = INDEX[method]
    ended = sensitivity("--method", method, "--samples", samples, "--measure", "final(y)", "--steps", 0, "--out", "o")
    assert ended.status == 0, ended.err
    found = table(place / "o", index)
    assert set(found.index) == {"x1", "x2", "x3", "idle"}
    assert found["value"].idxmin() == "idle"


def test_groups_have_one_index(sensitivity, place):
    done = sensitivity("--method", "sobol", "--samples", 256, "--groups", "all", "--measure", "final(y)", "--out", "o")
    assert done.status == 0, done.err
    assert set(table(place / "o", "ST").index) == {"group:G1", "x3", "idle"}


def test_only_the_role_that_is_asked_for_varies(sensitivity, place):
    ended = sensitivity("--method", "sobol", "--samples", 64, "--role", "lever", "--measure", "final(y)", "--out", "o")
    assert ended.status == 0, ended.err
    assert set(table(place / "o", "ST").index) == {"x1", "x2", "idle"}


def test_a_measure_that_is_a_name_is_taken_at_every_saved_time(sensitivity, place):
    assert sensitivity("--method", "sobol", "--samples", 64, "--measure", "y", "--out", "o").status == 0
    found: Any = pd.read_csv(place / "o" / "indices.csv")
    assert sorted(set(found["time"])) == [0, 1, 2, 3, 4]


def test_a_path_takes_its_parameters_from_a_table(sensitivity, place):
    lines = PARAMETERS.splitlines()
    (place / "mine.csv").write_text("\n".join([lines[0], lines[1], lines[3]]) + "\n")
    (place / "parameters.csv").unlink()
    ended = sensitivity(
        "--method", "sobol", "--samples", 64, "--parameters", "mine.csv", "--measure", "final(y)", "--out", "o"
    )
    assert ended.status == 0, ended.err
    assert set(table(place / "o", "ST").index) == {"x1", "x3"}
    assert "mine.csv" in json.loads((place / "o" / "run.json").read_text())["data"]


def test_what_a_scenario_sets_does_not_vary(sensitivity, place):
    (place / "scenarios.toml").write_text('["calm"]\ndescription = "x1 is fixed"\nset = { "x1" = 1.0 }\n')
    ended = sensitivity(
        "--method", "sobol", "--samples", 64, "--scenario", "calm", "--measure", "final(y)", "--out", "o"
    )
    assert ended.status == 0
    assert "keep the value that the scenario 'calm' gives them: x1" in ended.err
    assert set(table(place / "o", "ST").index) == {"x2", "x3", "idle"}


def test_chance_is_a_factor_of_its_own_where_it_plays_a_part(sensitivity, place):
    ended = sensitivity("--method", "sobol", "--samples", 256, "--measure", "final(rough)", "--out", "o")
    assert ended.status == 0 and "the model draws random numbers" in ended.err
    assert table(place / "o", "ST", "final(rough)").loc["weather", "value"] > 0.1
    assert sensitivity("--method", "sobol", "--samples", 64, "--measure", "final(y)", "--out", "p").status == 0
    assert "weather" not in table(place / "p", "ST").index


def test_an_experiment_on_mechanisms_has_its_table_and_figures(sensitivity, place):
    (place / "e.toml").write_text(
        '["one"]\noff = { x1 = 0 }\non = { x1 = 1 }\n["two"]\noff = { x2 = 0 }\non = { x2 = 1 }\n'
    )
    ended = sensitivity(
        "--method", "sobol", "--samples", 64, "--experiment", "e.toml", "--measure", "final(y)", "--out", "o"
    )
    assert ended.status == 0, ended.err
    found: Any = pd.read_csv(place / "o" / "experiment.csv").set_index(["measure", "kind", "term"])["mean"]
    assert found["final(y)", "shapley", "two"] == pytest.approx(7 * np.sin(1) ** 2)
    assert (place / "o" / "figures" / "mechanisms-income-of-the-poor.svg").exists()


def test_a_posteriors_draws_stand_in_for_ranges(sensitivity, place):
    rng = np.random.default_rng(0)
    pd.DataFrame({"x3": rng.uniform(2.9, 3.1, 200)}).to_csv(place / "posterior.csv", index=False)
    ended = sensitivity(
        "--method", "sobol", "--samples", 256, "--over", "posterior", "--measure", "final(y)", "--out", "o"
    )
    assert ended.status == 0, ended.err
    found = table(place / "o", "ST")
    assert set(found.index) == {"x1", "x2", "idle", "posterior"}
    assert found.loc["posterior", "value"] < 0.05  # almost known, where over its whole range it is a quarter


# --- failures and interruptions ---------------------------------------------------------------------------------------


def test_failed_runs_are_counted_located_and_told(sensitivity, place):
    ended = sensitivity(
        "--method", "sobol", "--samples", 256, "--measure", "final(broken)", "--role", "lever", "--out", "o"
    )
    assert ended.status == 0, ended.err
    assert re.search(r"\d+ of [\d,]+ runs failed", ended.err)
    told = json.loads((place / "o" / "summary.json").read_text())
    assert told["failed"] > 0
    assert told["failures"]["where"][0]["parameter"] == "x1"
    assert told["failures"]["variables"] == {"broken": told["failed"]}
    assert "Where runs fail" in (place / "o" / "index.html").read_text()


def test_a_stopped_analysis_goes_on_to_the_same_bytes(sensitivity, place, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)
    asked = ("--method", "sobol", "--samples", 64, "--measure", "final(y)", "--threads", 1)
    assert sensitivity(*asked, "--out", "whole").status == 0
    from cluster_sd.sensitivity.job import Engine

    run, calls = Engine.run, []

    def stopping(self, rows, streams):
        calls.append(len(rows))
        if len(calls) > 3:
            raise KeyboardInterrupt
        return run(self, rows, streams)

    monkeypatch.setattr(Engine, "run", stopping)
    ended = sensitivity(*asked, "--out", "parts")
    assert ended.status == 130 and "--resume goes on" in ended.err
    assert not (place / "parts").exists() and (place / ".parts.partial").exists()
    monkeypatch.setattr(Engine, "run", run)
    assert sensitivity(*asked, "--out", "parts", "--resume").status == 0
    assert (place / "parts" / "indices.csv").read_bytes() == (place / "whole" / "indices.csv").read_bytes()
    assert not (place / ".parts.partial").exists()


def test_more_samples_go_on_from_kept_runs(sensitivity, place, monkeypatch):
    asked = ("--method", "sobol", "--measure", "final(y)", "--steps", 0, "--out", "o")
    assert sensitivity(*asked, "--samples", 64, "--keep-runs").status == 0
    from cluster_sd.sensitivity.job import Engine

    run, rows_run = Engine.run, []
    monkeypatch.setattr(Engine, "run", lambda self, rows, s: rows_run.append(len(rows)) or run(self, rows, s))
    assert sensitivity(*asked, "--samples", 128, "--resume").status == 0
    about = json.loads((place / "o" / "run.json").read_text())
    probes = 2 * 8  # of which chance is looked for
    assert sum(rows_run) == about["runs"] // 2 + probes
    first = (place / "o" / "indices.csv").read_bytes()
    assert sensitivity(*asked, "--samples", 128).status == 0
    assert (place / "o" / "indices.csv").read_bytes() == first


# --- mistakes ---------------------------------------------------------------------------------------------------------


MISTAKES = {
    "low above high": (
        "idle,0.5,dmnl,0,1",
        "idle,0.5,dmnl,1,0",
        r"parameters\.csv:5: 'idle': low 1 must be below high 0",
    ),
    "an unknown distribution": ("0,1,uniform", "0,1,cauchy", r"'cauchy' in parameters\.csv:5; it can be 'uniform'"),
    "a parameter that does not exist": ("idle,", "idel,", r"unknown parameter 'idel'.*did you mean 'idle'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_table_that_cannot_be_used_is_told_with_its_row(sensitivity, place, mistake):
    right, wrong, expected = MISTAKES[mistake]
    (place / "parameters.csv").write_text(PARAMETERS.replace(right, wrong))
    ended = sensitivity("--method", "sobol", "--samples", 64, "--out", "o")
    assert ended.status == 2
    assert re.search(expected, ended.err), ended.err
    assert ended.err.count("\n") == 1 and not (place / "o").exists() and not list(place.glob(".*"))


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--measure", "final(z)"], "unknown variable 'z'"),
        (["--over", "posterior"], "has no posterior.csv; 'cluster-sd calibrate lab"),
        (["--over", "nowhere"], "--over nowhere: holds no posterior"),
        (["--scheduler", "nonsense"], "--scheduler nonsense: no Dask scheduler answers there"),
        (["--correlation", "c.csv"], "--correlation goes with --method shapley"),
        (["--jumps", "omit"], "--jumps goes with --method dgsm"),
        (["--backend", "pysd"], "--backend pysd makes one run at a time"),
        (["--scenario", "calm"], "unknown scenario 'calm'"),
        (["--role", "boss"], "--role"),
        (["--samples", "0"], "'0' is not a whole number from 1"),
        (["--experiment", "no.toml"], "no.toml"),
        (["--out", "lab.mdl"], "is a file, not a folder"),
        (["--method", "tarot"], "invalid choice: 'tarot'"),
    ],
)
def test_mistakes_are_told_in_one_line_before_any_work(sensitivity, place, arguments, expected, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.cluster.PATIENCE", 0.2)
    before = sorted(place.rglob("*"))
    ended = sensitivity("--method", "sobol", "--samples", 64, "--out", "o", *arguments)
    assert ended.status == 2
    assert expected in ended.err and ended.err.startswith("cluster-sd: error: ") and ended.err.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_samples_that_are_no_power_of_two_are_rounded_up_and_that_is_said(sensitivity, place):
    ended = sensitivity("--method", "sobol", "--samples", 100, "--measure", "final(y)", "--out", "o")
    assert ended.status == 0
    assert "128" in ended.err
    assert json.loads((place / "o" / "summary.json").read_text())["samples"] == 128


def test_a_measure_that_never_moves_says_so(sensitivity, place):
    ended = sensitivity("--method", "sobol", "--samples", 64, "--measure", "final(still)", "--out", "o")
    assert ended.status == 0, ended.err
    assert "constant at 3" in (place / "o" / "index.html").read_text()
    assert table(place / "o", "ST", "final(still)")["value"].isna().all()


def test_help_costs_no_heavy_import():
    import subprocess

    heavy = ("scipy", "pandas", "matplotlib", "distributed", "SALib")
    code = f"""
import sys
from cluster_sd.cli import main
try:
    main(["sensitivity", "--help"])
except SystemExit:
    print(*(m for m in {heavy} if m in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--second-order" in done.stdout and done.stderr.strip() == ""
