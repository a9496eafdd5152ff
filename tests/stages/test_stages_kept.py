"""Finished stages are kept, reused where nothing changed, and made again where anything did."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stages_county import write_county

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.stages import STAGES, Case, Found, Keep, LeftOut, Stage, carry_out
from cluster_sd.stages.beside import Beside
from cluster_sd.stages.found import from_json, to_json
from cluster_sd.stages.keeping import key_of
from cluster_sd.stages.registry import REASONS

QUICK = ("model", "data", "base", "calibration", "scenarios")


def keys(path: Path, **settings) -> dict[str, str]:
    case = Case(csd.load(path), **settings)
    return {name: key_of(case, name, stage) for name, stage in STAGES.items()}


def results_of(case: Case, *only: str) -> dict[str, Any]:
    """What some stages found."""
    return dict(carry_out(case, only=only).results)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.fixture
def copy(county: Path, tmp_path: Path) -> Path:
    shutil.copytree(county.parent, tmp_path / "copy")
    return tmp_path / "copy" / county.name


def test_all_is_reused_when_nothing_has_changed(county, keep, carried):
    assert carried.reused == ()
    again = carry_out(Case(csd.load(county), samples=512, threads=2), keep=keep)
    assert again.reused == tuple(STAGES)
    assert again.seconds == carried.seconds
    for name, found in again.results.items():
        assert json.dumps(to_json(found)) == json.dumps(to_json(carried.results[name]))


def test_runs_of_all_stages_are_counted(carried):
    one_by_one = [found.facts.get("runs", 0) for found in carried.results.values()]
    assert carried.runs == sum(one_by_one) > 512 * 4
    failed = {name: found.facts.get("failed", 0) for name, found in carried.results.items()}
    assert failed["scenarios"] == ["impossible"] and carried.failed == 1 + failed["validation"]


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("loops.csv", {"loops"}),
        ("outcomes.csv", {"model", "scenarios", "mechanisms", "validation", "levers"}),
        ("mechanisms.toml", {"model", "scenarios", "mechanisms"}),
        ("estimates.csv", {"calibration"}),
        ("data/county.csv", {"data", "base", "calibration", "validation"}),
        ("posterior.csv", {"base", "calibration"}),
        ("names_en.csv", {"model"}),
        ("notes.txt", set()),
    ],
)
def test_a_changed_file_changes_what_depends_on_it(copy, file, stages):
    before = keys(copy)
    path = copy.parent / file
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + "\n", encoding="utf-8")
    assert changed(before, keys(copy)) == stages


def test_settings_change_what_depends_on_them(county):
    before = keys(county)
    assert changed(before, keys(county, samples=64)) == {"mechanisms", "levers"}
    assert changed(before, keys(county, seed=1)) == {"base", "mechanisms", "levers"}
    assert changed(before, keys(county, threads=1)) == set()


def test_another_equation_changes_all_and_a_moved_box_the_model_alone(copy):
    before = keys(copy)
    text = copy.read_text(encoding="utf-8")
    copy.write_text(text + "\\\\\\---/// Sketch information - do not modify anything except names\n", encoding="utf-8")
    assert changed(before, keys(copy)) == {"model"}
    copy.write_text(text.replace("0.2\n", "0.3\n", 1), encoding="utf-8")
    assert changed(before, keys(copy)) == set(STAGES)


@pytest.mark.parametrize("damage", [b"", b"no gzip", "half", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"])
def test_a_damaged_entry_counts_as_absent(tmp_path, damage):
    shelf = Keep(tmp_path)
    assert shelf.load("key") is None
    assert shelf.save("key", Found({"a": {"x": [1.5, float("nan")]}}, {"n": 1}), 2.0)
    (path,) = tmp_path.iterdir()
    found, seconds = shelf.load("key") or (None, None)
    assert isinstance(found, Found) and found.tables["a"]["x"][0] == 1.5 and seconds == 2.0
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage == "half" else damage)
    assert shelf.load("key") is None


def test_an_entry_that_is_something_else_counts_as_absent(tmp_path):
    import gzip

    for content in (
        {},
        [],
        {"result": {"tables": {"a": {"x": [1], "y": []}}, "facts": {}}, "seconds": 1},
        {"result": 1},
    ):
        (tmp_path / "key.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
        assert Keep(tmp_path).load("key") is None


def test_a_folder_that_cant_be_written_is_no_error(tmp_path):
    assert not Keep(tmp_path / "nowhere").save("key", LeftOut("left_out.no_outcomes"), 0.0)


def test_the_oldest_entries_go_first(tmp_path, monkeypatch):
    import os

    monkeypatch.setattr("cluster_sd.stages.keeping.MOST_ENTRIES", 3)
    shelf = Keep(tmp_path)
    for i in range(5):
        shelf.save(f"key{i}", LeftOut("left_out.no_outcomes"), 0.0)
        os.utime(tmp_path / f"key{i}.json.gz", (i, i)) if i < 4 else None
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"key{i}.json.gz" for i in (2, 3, 4)]


def test_results_survive_json_to_the_bit():
    found = Found(
        {"t": {"x": [0.1 + 0.2, -0.0, float("inf"), 1e-320], "y": ["a", "é", "面", ""]}}, {"n": 3, "of": [None]}
    )
    back = from_json(json.loads(json.dumps(to_json(found))))
    assert repr(back) == repr(found)
    left = LeftOut("left_out.failed", {"text": "why"})
    assert from_json(json.loads(json.dumps(to_json(left)))) == left


# --- what can't be had ------------------------------------------------------------------------------------------------


def test_a_model_without_a_folder_gives_what_it_can(tmp_path):
    path = write_county(tmp_path, plain=True)
    results = results_of(Case(csd.load(path)), *(name for name in STAGES if name != "validation"))
    left = {name: found.reason for name, found in results.items() if isinstance(found, LeftOut)}
    assert left == {
        "data": "left_out.no_statistics",
        "calibration": "left_out.no_calibration",
        "scenarios": "left_out.no_outcomes",
        "mechanisms": "left_out.no_mechanisms",
        "levers": "left_out.no_parameters",
    }
    base = results["base"]
    assert isinstance(base, Found)
    assert set(base.tables["course"]["series"]) == {"Land", "Cumulative public spending"}  # its stocks
    assert base.facts["without"] == {"reason": "left_out.no_statistics"}
    assert results["loops"].tables["loops"]["variables"] == ["Land; planting"]


def test_a_model_without_a_loop_says_so(tmp_path, vensim):
    model = vensim("Stock= INTEG(1, 0)")
    found = results_of(Case(model), "loops")["loops"]
    assert isinstance(found, LeftOut) and "no feedback loop" in found.values["text"]
    assert str(tmp_path) not in found.values["text"]


def test_a_base_run_that_fails_is_told_by_those_that_need_it(vensim):
    model = vensim("Stock= INTEG(growth, 1)\ngrowth= EXP(1000*Stock)")
    results = results_of(Case(model), "base", "loops")
    assert {found.reason for name, found in results.items() if name != "model"} == {"left_out.run_fails"}


def test_a_table_beside_the_model_that_cant_be_used_leaves_its_stage_out(copy):
    (copy.parent / "loops.csv").write_text("id,name,variables\nR1,x,Nothing; Land\n", encoding="utf-8")
    (copy.parent / "mechanisms.toml").write_text("[advice]\nof = {}\n", encoding="utf-8")
    (copy.parent / "estimates.csv").write_text("parameter,estimate\n", encoding="utf-8")
    results = carry_out(Case(csd.load(copy), samples=16), only=[*QUICK, "loops", "mechanisms"]).results
    told = {name: found.values["text"] for name, found in results.items() if isinstance(found, LeftOut)}
    assert set(told) == {"loops", "mechanisms", "calibration"}
    assert "Nothing" in told["loops"] and "'of'" in told["mechanisms"] and "estimates.csv" in told["calibration"]
    assert all(str(copy.parent) not in text for text in told.values())


def test_statistics_beside_the_model_that_cant_be_used_leave_the_base_run_alone(copy):
    path = copy.parent / "data" / "county.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("万亩", "spoons"), encoding="utf-8")
    base = carry_out(Case(csd.load(copy)), only=["base"]).results["base"]
    assert isinstance(base, Found) and base.facts["without"]["reason"] == "left_out.bad_statistics"
    assert "spoons" in base.facts["without"]["text"]


def test_the_users_own_statistics_are_read_first_and_their_mistakes_are_errors(copy, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("place,variable,time,value,unit\nC,Land,2010,3,spoons\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"own.csv.*spoons"):
        carry_out(Case(csd.load(copy), [own]), only=["base"])
    own.write_text("place,variable,time,value,unit\nC,Land,2010,13,万亩\nC,room,2010,40,万亩\n", encoding="utf-8")
    results = results_of(Case(csd.load(copy), [own]), "base", "calibration", "data")
    base = results["base"]
    (room,) = base.facts["supplied"]
    assert base.facts["place"] == "C"
    assert (room["name"], room["unit"], room["value"]) == ("room", "mu", pytest.approx(400_000))
    assert base.facts["without_posterior"] == "left_out.other_data"
    assert results["calibration"] == LeftOut("left_out.other_data")
    assert results["data"].facts["own"]


def test_a_changed_model_or_file_makes_the_shipped_calibration_an_old_one(copy):
    def current() -> bool:
        return results_of(Case(csd.load(copy)), "calibration")["calibration"].facts["current"]

    assert current()
    about = {"date": "2026-11-21", "model": "0" * 64, "data": {"county.csv": "1" * 64}, "holdout": "2012-"}
    (copy.parent / "calibration.json").write_text(json.dumps(about), encoding="utf-8")
    assert not current()
    (copy.parent / "calibration.json").unlink()
    copy.write_text(copy.read_text(encoding="utf-8").replace("0.2\n", "0.21\n", 1), encoding="utf-8")
    assert not current()


def test_every_reason_can_be_told_in_both_languages():
    from cluster_sd.report.words import LANGUAGES, Words

    for language in LANGUAGES:
        for reason, values in REASONS.items():
            assert Words(language)(reason, **dict.fromkeys(values, "text"))


# --- the process beside -----------------------------------------------------------------------------------------------


def test_stages_beside_and_stages_here_are_the_same(county, carried):
    """The county's stages were made by the process beside; the same made here are equal to the bit."""
    for name in ("base", "scenarios", "mechanisms", "loops"):
        here = STAGES[name].make(Case(csd.load(county), samples=512), lambda *_: None)
        assert json.dumps(to_json(here)) == json.dumps(to_json(carried.results[name])), name


def collect(case, stages):
    """What a process beside gives: results by stage, and how far they said to be."""
    found, told = {}, []
    with Beside(
        case, stages, lambda *said: told.append(said), lambda name, result, _: found.update({name: result})
    ) as beside:
        beside.wait()
    return found, told


def test_the_process_beside_answers_and_tells(county):
    found, told = collect(Case(csd.load(county)), dict.fromkeys(["model", "scenarios"]))
    assert list(found) == ["model", "scenarios"] and isinstance(found["scenarios"], Found)
    assert ("scenarios", 1, 4) in told


def shout(case, tell):
    """A stage of a test: prints, tells, and gives."""
    print("this is not an answer")
    tell(1, 2)
    return Found({}, {"name": case.model.name})


def stumble(case, tell):
    """A stage with a fault of the program."""
    raise ZeroDivisionError("fault")


@pytest.fixture
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_a_stage_of_the_callers_own_is_done_beside_too(county, importable):
    found, told = collect(Case(csd.load(county)), {"mine": Stage(shout)})
    assert found["mine"].facts == {"name": "county"} and ("mine", 1, 2) in told


def test_a_fault_beside_is_a_fault_here(county, importable):
    with pytest.raises(RuntimeError, match="ZeroDivisionError: fault"):
        collect(Case(csd.load(county)), {"mine": Stage(stumble)})


def test_without_a_process_all_is_done_here(county, monkeypatch):
    def refused(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refused)
    results = carry_out(Case(csd.load(county), samples=16), only=["scenarios", "loops", "levers"]).results
    assert all(isinstance(found, Found) for found in results.values())


def test_a_process_that_dies_leaves_its_stages_to_us(county, monkeypatch):
    monkeypatch.setattr("cluster_sd.stages.beside.BOOT", "import os; os._exit(9)  # {path!r}")
    results = carry_out(Case(csd.load(county), samples=16), only=["scenarios", "loops", "levers"]).results
    assert all(isinstance(found, Found) for found in results.values())


def test_a_process_beside_ends_with_us(county):
    code = (
        "import os, sys, cluster_sd as csd\n"
        "from cluster_sd.stages import Case\nfrom cluster_sd.stages.beside import Beside\n"
        f"beside = Beside(Case(csd.load({str(county)!r})), {{'validation': None}}, lambda *_: 0, lambda *_: 0)\n"
        "beside.__enter__(); print(beside._process.pid, flush=True); os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    pid = int(done.stdout)
    assert gone(pid, 20)


def gone(pid: int, seconds: float) -> bool:
    """Whether a process ends within so many seconds."""
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False
