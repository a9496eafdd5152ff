"""``cluster-sd loops`` as a user calls it: what it writes, and what it says where it can't."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cluster_sd.cli import main

TOWN = """{UTF-8}
Town= INTEG(births - deaths, 10)
	~	person
	~	People [T1]
	|
births= rate*Town*room
	~	person/year
	~	
	|
room= 1 - Town/limit
	~	dmnl
	~	
	|
deaths= Town*mortality
	~	person/year
	~	
	|
rate= 0.5
	~	1/year
	~	
	|
mortality= 0.05
	~	1/year
	~	
	|
limit= 1000
	~	person
	~	
	|
INITIAL TIME= 2000 ~~|
FINAL TIME= 2030 ~~|
TIME STEP= 0.125 ~~|
SAVEPER= 0.5 ~~|
"""
NAMES = """id,name,variables,mechanism,kind
R1,People have children,Town; births,T1,outward
B1,Room runs out,Town; room; births,T2,balancing
"""
QUESTION = """question = "What drives the town?"
drives = ["Town"]
[grouping]
name = "sector"
groups = { "people" = ["T1"], "land" = ["T2"] }
[[beside]]
name = "Who fills it"
leads = "fills it"
series = { "born" = "births", "dead" = "deaths" }
"""
PARAMETERS = """name,value,unit,low,high,distribution,role
rate,0.5,1/year,0.3,0.7,uniform,uncertain
limit,1000,person,500,2000,loguniform,lever
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    """A town that grows until its room is used up, with named loops, a question and ranges."""
    folder = tmp_path_factory.mktemp("town")
    texts = {"town.mdl": TOWN, "loops.csv": NAMES, "loops.toml": QUESTION, "parameters.csv": PARAMETERS}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def call(*arguments) -> int:
    return main([str(argument) for argument in ("loops", *arguments, "--quiet")])


@pytest.fixture(scope="module")
def made(town, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    assert call(town / "town.mdl", "--out", out, "--years", "2010") == 0
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_loops_csv_names_each_loop_in_the_order_of_its_links(made):
    found = {row["loop"]: row for row in rows(made / "loops.csv")}
    assert list(found["R1"]) == ["loop", "name", "polarity", "length", "variables", "mean_share"]
    assert found["R1"]["name"] == "People have children" and found["R1"]["polarity"] == "R"
    assert found["B1"]["variables"] == "Town; room; births" and found["B1"]["length"] == "3"
    assert sorted(row["variables"] for row in found.values())[0] == "Town; births"
    assert len(found) == 3 and "Town; deaths" in {row["variables"] for row in found.values()}


def test_scores_csv_has_each_loop_at_the_end_of_each_step(made):
    table = rows(made / "scores.csv")
    assert list(table[0]) == ["time", "loop", "score", "share"]
    times = sorted({float(row["time"]) for row in table})
    assert times[0] == 2000.5 and times[-1] == 2030 and len(table) == 3 * len(times)
    for time in (times[0], times[30], times[-1]):
        assert sum(abs(float(row["share"])) for row in table if float(row["time"]) == time) == pytest.approx(1)


def test_mean_share_is_the_mean_of_the_shares(made):
    table = rows(made / "scores.csv")
    for loop in rows(made / "loops.csv"):
        own = [float(row["share"]) for row in table if row["loop"] == loop["loop"]]
        assert float(loop["mean_share"]) == pytest.approx(sum(own) / len(own))


def test_growth_drives_first_and_room_holds_back_later(made):
    summary = json.loads((made / "summary.json").read_text(encoding="utf-8"))
    assert summary["complete"] is True
    assert summary["partitions"] == [{"stocks": ["Town"], "loops": 3}]
    assert summary["dominant"][0]["loop"] == "R1" and summary["dominant"][-1]["loop"] == "B1"
    assert {spell["loop"] for spell in summary["driving"]} == {"R1"}
    assert summary["beside"] == [{"name": "Who fills it", "passes": []}]


def test_the_folder_is_whole(made):
    record = json.loads((made / "run.json").read_text(encoding="utf-8"))
    assert record["command"] == "loops" and record["runs"] == 1 and record["failed"] == 0
    assert set(record["files"]) >= {"loops.csv", "scores.csv", "summary.json", "index.html", "figures/shares.svg"}
    for stem in ("shares", "groups", "every-loop", "beside-1", "diagram-2010", "second-opinion"):
        for kind in ("svg", "png", "csv"):
            assert (made / "figures" / f"{stem}.{kind}").stat().st_size > 0
    assert "What drives the town?" in (made / "index.html").read_text(encoding="utf-8")


def test_many_runs_give_bands_passes_and_what_moves_them(town, tmp_path):
    out = tmp_path / "out"
    options = ("--runs", 60, "--seed", 0, "--years", 2010, "--no-second-opinion", "--save-every", 2)
    assert call(town / "town.mdl", "--out", out, *options) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["ensemble"]["runs"] == 64 and summary["ensemble"]["failed"] == 0
    bands = rows(out / "figures" / "bands.csv")
    for row in bands:
        assert float(row["R1 5 %"]) <= float(row["R1 50 %"]) <= float(row["R1 95 %"])
    influence = rows(out / "figures" / "influence.csv")
    assert {row["parameter"] for row in influence} == {"rate", "limit"}
    page = (out / "index.html").read_text(encoding="utf-8")
    assert ("Over the uncertain ranges" in page and "limit (lever)" in page) or "influence" in page


@pytest.mark.slow
def test_runs_over_a_posterior_take_its_draws_and_the_ranges_of_the_rest(town, tmp_path):
    draws = tmp_path / "posterior.csv"
    draws.write_text("rate\n0.31\n0.32\n0.33\n", encoding="utf-8")
    out = tmp_path / "out"
    options = ("--runs", 60, "--over", draws, "--years", 2010, "--no-second-opinion", "--save-every", 2)
    assert call(town / "town.mdl", "--out", out, *options) == 0
    assert {row["parameter"] for row in rows(out / "figures" / "influence.csv")} == {"posterior", "limit"}


@pytest.mark.slow
def test_a_design_is_run_row_by_row(town, tmp_path):
    design = tmp_path / "design.csv"
    design.write_text("rate\n" + "\n".join(str(0.3 + 0.02 * i) for i in range(12)) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    options = ("--design", design, "--no-second-opinion", "--years", 2010, "--save-every", 2)
    assert call(town / "town.mdl", "--out", out, *options) == 0
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["runs"] == 13 and list(record["design"]) == ["design.csv"]


@pytest.fixture
def mistake(tmp_path, capsys):
    """Call with a mistake in it: status 2, one line that holds the words, and nothing written."""

    def check(arguments, *words):
        assert call(*arguments, "--out", tmp_path / "out") == 2
        told = capsys.readouterr().err
        assert told.startswith("cluster-sd: error: ") and told.count("\n") == 1
        for word in words:
            assert word in told, told
        assert not (tmp_path / "out").exists()

    return check


def model(folder: Path, *lines: str) -> Path:
    control = ("INITIAL TIME= 0", "FINAL TIME= 10", "TIME STEP= 1", "SAVEPER= 1")
    path = folder / "model.mdl"
    path.write_text("{UTF-8}\n" + "\n".join(f"{line} ~~|" for line in (*lines, *control)) + "\n", encoding="utf-8")
    return path


def test_a_model_without_loops_says_so(mistake, tmp_path):
    mistake([model(tmp_path, "Tank= INTEG(inflow, 0)", "inflow= 2")], "loop")


def test_a_run_that_is_not_finite_says_where(tmp_path, capsys):
    path = model(tmp_path, "Tank= INTEG(Tank/left, 1)", "left= 5 - Time")
    assert call(path, "--out", tmp_path / "out") in (1, 2)
    told = capsys.readouterr().err
    assert "Tank" in told and "not finite" in told and "time" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--runs", 50, "--design", "d.csv"], ["--runs", "--design", "exclude"]),
        (["--over", "posterior"], ["--over needs --runs"]),
        (["--runs", 60, "--over", "posterior"], ["--over posterior", "calibrate"]),
        (["--runs", 3], ["--runs 3", "at least 10"]),
        (["--years", "2010,soon"], ["--years", "soon"]),
        (["--scenario", "none"], ["scenario", "none"]),
        (["--names", "nowhere.csv"], ["nowhere.csv"]),
        (["--set", "rat=1"], ["rat", "rate"]),
    ],
)
def test_mistakes_are_told_in_a_line(options, words, town, mistake):
    mistake([town / "town.mdl", *options], *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('drives = ["Twon"]', ["loops.toml", "Twon", "Town"]),
        ('drive = ["Town"]', ["loops.toml", "drive", "drives"]),
        ("drives = 3", ["loops.toml", "drives", "list"]),
        ('[[beside]]\nname = "x"', ["loops.toml", "series"]),
        ("question = ", ["loops.toml", "TOML"]),
    ],
)
def test_a_question_that_cannot_be_read_is_told_with_its_file(text, words, mistake, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "loops.toml").write_text(text, encoding="utf-8")
    mistake([model(folder, "Town= INTEG(births, 10)", "births= 0.5*Town")], *words)
