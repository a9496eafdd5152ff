"""``cluster-sd report``: one page, its numbers and what it rests on; whole or not at all, and reused the next time."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stages_county import write_county

from cluster_sd.cli import main
from cluster_sd.commands import report as command
from cluster_sd.report.diagram_stage import DIAGRAMS, diagrams_from, draw
from cluster_sd.stages import STAGES, Case, Keep

ASKED = ["--samples", "16", "--threads", "1"]


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run_json(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the county's model, and a cache of its own."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "model").mkdir()
    write_county(folder / "model")
    (folder / "cache").mkdir(mode=0o700)
    return folder


@pytest.fixture(autouse=True)
def own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(place / "cache"))
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def first(place: Path) -> Path:
    """The report of the county, in a process of its own as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "cluster_sd", "report", "model/county.mdl", *ASKED, "--out", "first"],
        cwd=place,
        env={**os.environ, "CLUSTER_SD_CACHE": str(place / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr.count("\n") == 1 and "runs failed" in done.stderr  # the impossible scenario; no bar in a pipe
    return place / "first"


def test_every_table_of_every_stage_is_delivered(first):
    files = set(contents(first))
    assert {"index.html", "run.json", "data/levers/indices.csv", "data/base/course.csv"} <= files
    assert {name.split("/")[1] for name in files if name.startswith("data/")} == set(STAGES)
    with (first / "data" / "scenarios" / "numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["scenario"], row["outcome"]): row["value"] for row in csv.DictReader(file)}
    assert rows["no care", "Points"] == "4.0" and rows["impossible", "Points"] == "nan"


def test_run_json_says_what_the_report_rests_on(first):
    said = run_json(first)
    assert said["settings"]["samples"] == 16 and said["seed"] == 0
    assert set(said["stages"]) == {*STAGES, "diagrams"}
    assert not any(stage["reused"] for stage in said["stages"].values())
    assert said["runs"] > 16 * 6 and said["failed"] >= 1
    assert {"parameters.csv", "data/county.csv", "posterior.csv", "mechanisms.toml"} <= set(said["data"])
    assert set(said["files"]) == set(contents(first)) - {"run.json"}


def test_the_page_is_one_file_in_both_languages_and_asks_nobody(first):
    page = (first / "index.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    assert "Points" in page and "得分" in page and "Orchards" in page
    assert str(first.parent) not in page  # no path of this machine


def test_a_second_report_reuses_all_and_gives_the_same_numbers(first, place, capsys):
    begun = time.process_time()
    assert main(["report", "model/county.mdl", *ASKED, "--lang", "zh", "--out", "second"]) == 0
    assert time.process_time() - begun < 10
    said = run_json(place / "second")
    assert all(stage["reused"] for stage in said["stages"].values())
    numbers = {name: content for name, content in contents(first).items() if name.startswith("data/")}
    assert numbers == {n: c for n, c in contents(place / "second").items() if n.startswith("data/")}
    page = (place / "second" / "index.html").read_text(encoding="utf-8")
    assert page.index("得分") < page.index("Points")  # Chinese first


def test_some_parts_alone(first, place, capsys):
    assert main(["report", "model/county.mdl", *ASKED, "--parts", "base, Scenarios", "--out", "some"]) == 0
    assert set(run_json(place / "some")["stages"]) == {"model", "base", "scenarios"}
    assert (place / "some" / "index.html").stat().st_size > 10_000


def test_a_plain_model_gives_a_page_that_says_what_is_left_out(place, capsys):
    plain = place / "plain"
    plain.mkdir()
    write_county(plain, plain=True)
    parts = "data,base,calibration,scenarios,mechanisms,loops,levers,diagrams"
    assert main(["report", "plain/county.mdl", *ASKED, "--parts", parts, "--out", "out"]) == 0
    said = run_json(place / "out")["stages"]
    assert said["levers"]["left_out"] == "left_out.no_parameters"
    page = (place / "out" / "index.html").read_text(encoding="utf-8")
    assert "there is no parameters.csv" in page and "parameters.csv。" in page


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def mistake(place, capsys):
    """Call the command with a mistake in it: status 2, one line, no file."""

    def call(*arguments: str) -> str:
        before = contents(place)
        assert main(["report", *arguments]) == 2
        told = capsys.readouterr().err
        assert told.startswith("cluster-sd: error: ") and told.count("\n") == 1
        assert {n for n in contents(place) if not n.startswith("cache/")} == {
            n for n in before if not n.startswith("cache/")
        }
        return told

    return call


def test_an_output_folder_that_cant_be_written_is_told_before_any_work(mistake, place, monkeypatch):
    def worked(*_, **__):
        raise AssertionError("work was done")

    monkeypatch.setattr("cluster_sd.api.load", worked)
    (place / "file").write_text("x")
    assert "is a file" in mistake("model/county.mdl", "--out", "file/deep")
    assert "is a file" in mistake("model/county.mdl", "--out", "file")


def test_a_misspelt_part_gets_a_suggestion(mistake):
    assert "'levers'" in mistake("model/county.mdl", "--parts", "lever", "--out", "x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("place,variable,time,value,unit\nA,Land,2010,3,spoons\n", ("own.csv", "row 2", "spoons")),
        ("place,variable,time,value,unit\nA,Land,1990,3,mu\n", ("own.csv", "row 2", "1990")),
        ("", ("own.csv", "empty")),
    ],
)
def test_statistics_that_cant_be_used_are_told_before_any_run(mistake, place, content, words):
    (place / "own.csv").write_text(content, encoding="utf-8")
    told = mistake("model/county.mdl", "--data", "own.csv", "--out", "x")
    assert all(word in told for word in words), told


def test_a_missing_model_and_a_missing_file(mistake):
    assert "nowhere.mdl" in mistake("nowhere.mdl", "--out", "x")
    assert "none.csv" in mistake("model/county.mdl", "--data", "none.csv", "--out", "x")


@pytest.mark.parametrize("samples", ["20000000", "0", "-1", "many"])
def test_a_sample_that_cant_be_had_is_told_before_any_run(mistake, samples):
    assert "--samples" in mistake("model/county.mdl", "--samples", samples, "--out", "x")


def test_a_broken_table_of_parameters_is_an_error_that_names_its_row(mistake, place):
    shutil.copytree(place / "model", place / "broken", dirs_exist_ok=True)
    path = place / "broken" / "parameters.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.15,0.25", "0.25,0.15"), encoding="utf-8")
    assert "parameters.csv:5" in mistake("broken/county.mdl", "--out", "x")


# --- stopping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_report_that_is_stopped_leaves_what_is_finished_and_no_process(place, tmp_path, number, status):
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    asked = ["report", "model/county.mdl", "--threads", "1"]
    running = subprocess.Popen(
        [sys.executable, "-m", "cluster_sd", *asked, "--samples", "400000", "--out", str(tmp_path / "out")],
        cwd=place,
        env={**os.environ, "CLUSTER_SD_CACHE": str(cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while len(list((cache / "stages").glob("*.json.gz"))) < 2 and time.monotonic() < end:
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        beside = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.send_signal(number)
        _, told = running.communicate(timeout=30)
    finally:
        running.kill()
        running.communicate()
    assert running.returncode == status
    assert "Traceback" not in told
    if number == signal.SIGINT:
        assert "the same command goes on from the stages that are finished" in told
        assert told.endswith("cluster-sd: error: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert len(beside) == 1 and not Path(f"/proc/{beside[0]}").exists()
    assert len(list((cache / "stages").glob("*.json.gz"))) >= 2


# --- pictures and names -----------------------------------------------------------------------------------------------


def test_diagrams_survive_being_kept(county, tmp_path):
    import cluster_sd as csd

    found = draw(Case(csd.load(county)), lambda *_: None)
    Keep(tmp_path).save("key", found, 1.0)
    kept = Keep(tmp_path).load("key")
    assert kept is not None
    assert diagrams_from(kept[0]) == diagrams_from(found)
    assert set(diagrams_from(found)) == {"en", "zh"} and "<svg" in diagrams_from(found)["zh"].whole
    assert diagrams_from(None) == {}


def test_parts_are_the_stages_and_the_sample_is_the_cases():
    assert set(command.PARTS) | {"model"} == {*STAGES, "diagrams"}
    assert Case.__dataclass_fields__["samples"].default == command.SAMPLES
    assert DIAGRAMS.weight > 0


# --- signs of life ----------------------------------------------------------------------------------------------------


def test_all_stages_count_by_their_time_and_those_at_work_are_named():
    shown = []
    tell = command._overall(lambda text, part: shown.append((text, part)), {"diagrams": DIAGRAMS}, ["loops", "levers"])
    tell("model", 1, 1)  # always done, and soon
    tell("levers", 1, 2)
    tell("loops", 1, 4)
    tell("loops", 1, 1)
    tell("levers", 1, 1)
    weights = STAGES["levers"].weight, STAGES["loops"].weight
    assert shown[1] == ("levers", pytest.approx(weights[0] / 2 / sum(weights)))
    assert shown[2][0] == "loops, levers"
    assert shown[3][0] == "levers"
    assert shown[-1] == ("levers", 1.0)
    assert [part for _, part in shown] == sorted(part for _, part in shown)


NAMING = """
import time
from cluster_sd import progress
progress.PATIENCE = 0.05
with progress.naming(quiet={quiet}) as update:
    for done in range(5):
        time.sleep(0.1)
        if update is not None:
            update("levers, validation", done / 4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_shows_what_is_done_and_the_time_left(quiet):
    import pty
    import termios

    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    running = subprocess.Popen([sys.executable, "-c", NAMING.format(quiet=quiet)], stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:  # the terminal's end
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert running.wait() == 0
    told = shown.decode()
    assert (told == "") if quiet else ("levers, validation" in told and " 50 %" in told and "left]" in told)
