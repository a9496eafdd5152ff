"""The commands give what they say, whole or not at all, and the same again for the same seed."""

import csv
import io
import json
import math
import os
import pty
import re
import shlex
import subprocess
import sys
import termios

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

import cluster_sd as csd
from cluster_sd import output, progress
from cluster_sd.cli import main
from cluster_sd.commands import REGISTRY

RUN = ["run", "orchard.mdl"]
ENSEMBLE = ["ensemble", "orchard.mdl", "--design", "design.csv"]


@pytest.fixture
def design(place):
    """Twenty runs; in the seventh a variable is infinite at the first time."""
    lives = [5.0 if i == 7 else 10.0 + i for i in range(20)]
    rows = [f"{life},{0.05 * i!r}" for i, life in enumerate(lives)]
    (place / "design.csv").write_text("life,subsidy@2010\n" + "\n".join(rows) + "\n")
    return pd.read_csv(place / "design.csv")


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def numbers(path):
    """The columns of a CSV file of numbers, read by Python itself."""
    header, *lines = rows(path.read_text(encoding="utf-8"))
    return {name: np.array(column, dtype=float) for name, column in zip(header, zip(*lines, strict=True), strict=True)}


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_run_as_csv_has_time_first_and_every_variable_as_the_model_names_it(cluster_sd, place):
    ended = cluster_sd(*RUN, "--out", "x.csv")
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert ended.made == {"x.csv", "run.json"}
    header, first, *_, last = rows((place / "x.csv").read_text(encoding="utf-8"))
    assert header[0] == "time"
    assert {"Trees", "planting rate", "harvest of grade[first]", "TIME STEP"} <= set(header)
    assert (first[0], last[0]) == ("2000.0", "2030.0")


def test_csv_holds_exactly_the_numbers_of_the_run(cluster_sd, place):
    cluster_sd(*RUN, "--out", "x.csv", "--seed", "3")
    run = csd.load("orchard.mdl").run(seed=3)
    table = numbers(place / "x.csv")
    assert list(table) == ["time", *run.data_vars]
    for name in table:
        assert table[name].tobytes() == run[name].to_numpy().astype(float).tobytes(), name


def test_a_run_follows_the_closed_form(cluster_sd, place):
    cluster_sd(*RUN, "--set", "Life=20", "--set", "initial trees=50", "--time-step", "0.5", "--out", "x.csv")
    table = pd.read_csv(place / "x.csv", index_col="time")
    steps = (table.index - 2000) / 0.5
    expected = 400 - 350 * (1 - 0.5 / 20) ** steps
    np.testing.assert_allclose(table["Trees"], expected, rtol=1e-12)


def test_a_change_from_a_year_on_leaves_the_years_before_alone(cluster_sd, place):
    cluster_sd(*RUN, "--out", "before.csv")
    cluster_sd(*RUN, "--set", "planting rate@2010=40", "--out", "after.csv")
    before, after = (pd.read_csv(place / name, index_col="time")["Trees"] for name in ("before.csv", "after.csv"))
    assert (before.loc[:2010] == after.loc[:2010]).all()
    assert (before.loc[2011:] < after.loc[2011:]).all()


def test_without_out_the_csv_goes_to_standard_output(cluster_sd, place):
    ended = cluster_sd(*RUN)
    assert ended.made == frozenset()
    cluster_sd(*RUN, "--out", "x.csv")
    assert ended.out == (place / "x.csv").read_text(encoding="utf-8")


def test_netcdf_is_a_dataset_with_units_and_documentation(cluster_sd, place):
    cluster_sd(*RUN, "--out", "x.nc")
    with xr.open_dataset(place / "x.nc") as found:
        assert found["Trees"].attrs["units"] == "tree"
        assert found["Trees"].attrs["documentation"] == "Trees that stand."
        assert found["Trees"].dims == ("time",)
        xr.testing.assert_equal(found.load(), csd.load("orchard.mdl").run())


def test_parquet_holds_the_same_table_as_csv(cluster_sd, place):
    cluster_sd(*RUN, "--out", "x.csv")
    cluster_sd(*RUN, "--out", "x.parquet")
    text = pd.DataFrame(numbers(place / "x.csv"))
    pd.testing.assert_frame_equal(pd.read_parquet(place / "x.parquet"), text, check_exact=True)
    assert pq.read_schema(place / "x.parquet").field("Trees").metadata[b"units"] == b"tree"


def test_only_the_asked_variables_in_the_asked_order(cluster_sd):
    ended = cluster_sd(*RUN, "--variables", "harvest of grade[second],TREES", "--variables", "life")
    assert rows(ended.out)[0] == ["time", "harvest of grade[second]", "Trees", "life"]


def test_names_with_commas_and_quotes_come_back(cluster_sd, place):
    text = (place / "orchard.mdl").read_text()
    (place / "odd.mdl").write_text(re.sub(r"(?<!per )\blife\b", r'"life, \\"mean\\" of a/b"', text))
    cluster_sd("run", "odd.mdl", "--out", "x.csv")
    cluster_sd("run", "odd.mdl", "--out", "x.nc")
    cluster_sd("run", "odd.mdl", "--out", "x.parquet")
    name = next(name for name in rows((place / "x.csv").read_text())[0] if "mean" in name)
    assert name in pd.read_csv(place / "x.csv").columns
    assert name in pd.read_parquet(place / "x.parquet").columns
    with xr.open_dataset(place / "x.nc") as found:
        assert name in [variable.attrs.get("name") for variable in found.data_vars.values()]


# --- what stands beside a result --------------------------------------------------------------------------------------


def test_run_json_says_where_a_result_came_from(cluster_sd, place):
    cluster_sd(*RUN, "--set", "life=20", "--solver", "euler", "--seed", "7", "--out", "x.csv")
    about = json.loads((place / "run.json").read_text(encoding="utf-8"))
    assert about["out"] == "x.csv"
    assert about["command"] == "run"
    assert about["model"] == {"name": "orchard", "file": "orchard.mdl", "sha256": output.digest("orchard.mdl")}
    assert about["settings"]["changes"] == {"life": 20.0}
    assert (about["settings"]["solver"], about["settings"]["time_step"]) == ("euler", 0.25)
    assert (about["seed"], about["runs"], about["failed"]) == (7, 1, 0)
    assert 0 < about["seconds"] < 60
    assert about["versions"]["cluster_sd"] == csd.__version__


def test_run_json_of_the_result_before_is_kept_beside_it(cluster_sd, place):
    cluster_sd(*RUN, "--seed", "1", "--out", "a.csv")
    assert cluster_sd(*RUN, "--seed", "2", "--out", "b.csv").made == {"b.csv", "run.json", "a.csv.run.json"}
    assert json.loads((place / "a.csv.run.json").read_text())["seed"] == 1
    assert json.loads((place / "run.json").read_text())["seed"] == 2
    cluster_sd(*RUN, "--seed", "3", "--out", "a.csv")
    assert sorted(path.name for path in place.glob("*.json")) == ["b.csv.run.json", "run.json"]
    assert json.loads((place / "run.json").read_text())["seed"] == 3


def test_a_missing_folder_is_made(cluster_sd, design):
    assert cluster_sd(*RUN, "--out", "new/folder/x.csv").made == {"new/folder/x.csv", "new/folder/run.json"}
    assert cluster_sd(*ENSEMBLE, "--quiet", "--out", "other/folder/x.nc").made == {
        "other/folder/x.nc",
        "other/folder/run.json",
    }


def test_a_result_that_cannot_be_written_leaves_nothing_and_keeps_the_old_one(place, monkeypatch, capsys):
    (place / "x.csv").write_text("precious")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "_text", full)
    assert main([*RUN, "--out", "x.csv"]) == 2
    assert capsys.readouterr().err == "cluster-sd: error: --out x.csv: can't be written (No space left on device)\n"
    assert sorted(path.name for path in place.iterdir()) == ["orchard.mdl", "x.csv"]
    assert (place / "x.csv").read_text() == "precious"


def test_a_fault_of_the_program_is_one_line_and_status_1(place, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("of our own\nmaking")

    monkeypatch.setattr(output, "_text", broken)
    assert main([*RUN, "--out", "x.csv"]) == 1
    line = capsys.readouterr().err
    assert line.startswith("cluster-sd: error: ZeroDivisionError: of our own making (") and line.count("\n") == 1
    assert "CLUSTER_SD_DEBUG=1" in line
    assert [path.name for path in place.iterdir()] == ["orchard.mdl"]
    monkeypatch.setenv("CLUSTER_SD_DEBUG", "1")
    assert main([*RUN, "--out", "x.csv"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_one_line_and_leaves_nothing(place, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(output, "_text", interrupted)
    assert main([*RUN, "--out", "x.csv"]) == 130
    assert capsys.readouterr().err == "cluster-sd: error: interrupted\n"
    assert [path.name for path in place.iterdir()] == ["orchard.mdl"]


# --- the same again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "nc", "parquet"])
def test_the_same_seed_gives_the_same_bytes(cluster_sd, place, suffix):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        cluster_sd(*RUN, "--seed", seed, "--out", f"{name}.{suffix}")
    a, b, c = ((place / f"{name}.{suffix}").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_results_of_an_ensemble_do_not_depend_on_threads(cluster_sd, place, design):
    for threads in (1, 2, 5):
        cluster_sd(*ENSEMBLE, "--measure", "harvest", "--threads", threads, "--quiet", "--out", f"{threads}.csv")
    assert len({(place / f"{threads}.csv").read_bytes() for threads in (1, 2, 5)}) == 1


# --- ensemble ---------------------------------------------------------------------------------------------------------


def test_an_ensemble_of_numbers_is_a_row_a_run(cluster_sd, place, design):
    ended = cluster_sd(*ENSEMBLE, "--measure", "final(Trees)", "--measure", "Harvest@2010", "--out", "x.csv")
    assert ended.status == 0
    table = pd.read_csv(place / "x.csv")
    assert list(table.columns) == ["run", "final(Trees)", "Harvest@2010", "failed"]
    assert list(table["run"]) == list(range(20))
    model, found = csd.load("orchard.mdl"), table["final(Trees)"].to_numpy()
    for i in (0, 3, 19):
        run = model.run(dict(design.loc[i]), variables=["Trees"])
        assert math.isclose(run["Trees"].to_numpy()[-1], found[i], rel_tol=1e-12)


def test_an_ensemble_of_series_is_a_row_a_run_and_time(cluster_sd, place, design):
    cluster_sd(*ENSEMBLE, "--measure", "Trees", "--save-every", "10", "--out", "x.csv")
    table = pd.read_csv(place / "x.csv")
    assert list(table.columns) == ["run", "time", "Trees", "failed"]
    assert list(table["time"][:4]) == [2000, 2010, 2020, 2030]
    assert len(table) == 20 * 4


def test_failed_runs_are_marked_counted_and_without_numbers(cluster_sd, place, design):
    ended = cluster_sd(*ENSEMBLE, "--measure", "final(trees per life)", "--out", "x.csv")
    assert ended.status == 0
    assert re.fullmatch(r"cluster-sd: warning: 1 of 20 runs failed; first, run 7: trees per life .* 2000\n", ended.err)
    table = pd.read_csv(place / "x.csv")
    assert np.flatnonzero(table["failed"]).tolist() == [7]
    assert np.flatnonzero(np.isnan(table["final(trees per life)"])).tolist() == [7]
    about = json.loads((place / "run.json").read_text())
    assert (about["runs"], about["failed"]) == (20, 1)
    assert about["failures"] == [{"run": 7, "variable": "trees per life", "time": 2000.0}]
    assert about["design"] == {"design.csv": output.digest("design.csv")}


def test_a_run_fails_only_by_what_is_kept(cluster_sd, place, design):
    assert cluster_sd(*ENSEMBLE, "--measure", "final(Trees)", "--out", "x.csv").err == ""
    assert not np.any(pd.read_csv(place / "x.csv")["failed"])


def test_quiet_keeps_warnings_to_itself(cluster_sd, design):
    assert cluster_sd(*ENSEMBLE, "--measure", "final(trees per life)", "--quiet", "--out", "x.csv").err == ""


def test_numbers_and_series_together_in_netcdf_and_parquet(cluster_sd, place, design):
    asked = [*ENSEMBLE, "--measure", "final(Trees)", "--measure", "Trees"]
    cluster_sd(*asked, "--out", "x.nc")
    cluster_sd(*asked, "--out", "x.parquet")
    with xr.open_dataset(place / "x.nc") as found:
        assert found["final(Trees)"].dims == ("run",)
        assert found["Trees"].dims == ("run", "time")
        assert found["Trees"].attrs["units"] == "tree"
        assert not found["failed"].any()
        series, times = found["Trees"].to_numpy(), found["time"].to_numpy()
    table = pd.read_parquet(place / "x.parquet")
    assert list(table.columns) == ["run", "final(Trees)", "Trees", "failed"]
    assert (np.stack(table["Trees"].to_list()) == series).all()
    assert (table["final(Trees)"].to_numpy() == series[:, -1]).all()
    assert json.loads(pq.read_schema(place / "x.parquet").metadata[b"time"]) == times.tolist()


def test_without_measures_all_stocks_are_kept(cluster_sd, place, design):
    cluster_sd(*ENSEMBLE, "--out", "x.csv")
    assert list(pd.read_csv(place / "x.csv").columns) == ["run", "time", "Trees", "failed"]


def test_an_ensemble_without_out_goes_to_standard_output(cluster_sd, design):
    ended = cluster_sd(*ENSEMBLE, "--measure", "final(Trees)")
    assert ended.made == frozenset()
    assert rows(ended.out)[0] == ["run", "final(Trees)", "failed"]


def test_a_large_table_is_written_the_same_in_blocks(place, monkeypatch):
    columns = [np.arange(1000), np.linspace(0, 1, 1000), np.arange(1000) % 3 == 0]
    whole, cut = io.StringIO(), io.StringIO()
    output.write_csv(whole, ["a", "b", "c"], [columns])
    monkeypatch.setattr(output, "ROWS", 7)
    output.write_csv(cut, ["a", "b", "c"], [[c[:300] for c in columns], [c[300:] for c in columns]])
    assert whole.getvalue() == cut.getvalue()


@pytest.mark.parametrize("value", [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3, math.inf, -math.inf, math.nan])
def test_csv_numbers_read_back_bit_for_bit(value):
    text = io.StringIO()
    output.write_csv(text, ["x"], [[np.array([value])]])
    assert np.float64(text.getvalue().split()[1]).tobytes() == np.float64(value).tobytes()


# --- as a process -----------------------------------------------------------------------------------------------------


def process(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "cluster_sd", *arguments], capture_output=True, text=True, **options)


def test_the_command_is_a_module_too(cluster_sd, place):
    done = process(*RUN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cluster_sd(*RUN).out


def test_a_mistake_is_status_2_of_the_process(place):
    done = process("run", "nowhere.mdl")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cluster-sd: error: ") and done.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_error(place):
    run = f"{shlex.quote(sys.executable)} -m cluster_sd run orchard.mdl --time-step 0.01 --save-every 0.01"
    command = f"{run} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("time,")
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(place):
    command = [sys.executable, "-m", "cluster_sd", *RUN]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "cluster-sd: error: No space left on device\n")


def test_a_closed_standard_output_does_not_matter_where_there_is_a_file(place):
    command = f"{shlex.quote(sys.executable)} -m cluster_sd run orchard.mdl --out x.csv >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warm_run_imports_neither_pysd_nor_xarray(cluster_sd, place):
    cluster_sd(*RUN, "--out", "x.csv")
    code = f"import sys; from cluster_sd.cli import main; main({[*RUN, '--out', 'y.csv']!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert {"pysd", "xarray", "pandas", "scipy", "pint", "tqdm", "pyarrow", "matplotlib"}.isdisjoint(loaded)


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *REGISTRY])
def test_help_has_an_example(cluster_sd, command):
    ended = cluster_sd(*command.split(), "--help")
    assert ended.status == 0
    assert re.search(r"example.*\n  cluster-sd ", ended.out)


def examples():
    for name, command in REGISTRY.items():
        for i, line in enumerate(re.findall(r"^  (cluster-sd .*)$", command.EXAMPLE, flags=re.M)):
            yield pytest.param(line, id=f"{name} {i}")


@pytest.mark.parametrize("line", list(examples()))
def test_the_examples_of_help_run(cluster_sd, place, line):
    levers = csd.load("orange").parameters
    lever = levers[levers["role"] == "lever"].iloc[0]
    pd.DataFrame({lever["name"]: [lever["low"], lever["high"]]}).to_csv(place / "design.csv", index=False)
    ended = cluster_sd(*shlex.split(line)[1:])
    assert ended.status == 0, ended.err


def test_models_lists_name_purpose_size_and_period(cluster_sd):
    ended = cluster_sd("models")
    assert ended.status == 0
    header, *lines = ended.out.splitlines()
    assert header.split() == ["name", "stocks", "variables", "parameters", "period", "purpose"]
    models = [line for line in lines if not line.startswith(" ")]  # a long purpose goes on below
    assert [line.split()[0] for line in models] == ["lead", "orange"]
    for line in models:
        assert re.match(r"\w+ +\d+ +\d+ +\d+ +\d{4}-\d{4}( +\S.*)?$", line), line


def test_version(cluster_sd):
    assert cluster_sd("--version").out == f"cluster-sd {csd.__version__}\n"


# --- signs of life ----------------------------------------------------------------------------------------------------


def on_a_terminal(command, folder):
    """What a command shows on a terminal as its standard error."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=follower, cwd=folder)
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
    return shown.decode()


BAR = """
import time
from cluster_sd import progress
progress.PATIENCE = 0.05
with progress.bar("run", quiet={quiet}) as update:
    for done in range(5):
        time.sleep(0.04)
        if update is not None:
            update(done + 1, 5)
with progress.waiting("reading", quiet={quiet}):
    time.sleep(0.2)
"""


def test_a_terminal_shows_progress_of_long_work(tmp_path):
    shown = on_a_terminal([sys.executable, "-c", BAR.format(quiet=False)], tmp_path)
    assert "/5.00" in shown
    assert "reading" in shown


def test_quiet_shows_no_progress(tmp_path):
    assert on_a_terminal([sys.executable, "-c", BAR.format(quiet=True)], tmp_path) == ""


def test_a_pipe_shows_no_progress(tmp_path):
    done = subprocess.run([sys.executable, "-c", BAR.format(quiet=False)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_short_work_shows_no_progress(tmp_path):
    code = BAR.format(quiet=False).replace("0.05", "60")
    assert on_a_terminal([sys.executable, "-c", code], tmp_path) == ""


def test_progress_waits_two_seconds():
    assert progress.PATIENCE == 2
