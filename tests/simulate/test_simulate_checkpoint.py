"""A long ensemble is killed and goes on: the same bytes, and never with the blocks of another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.simulate import batch
from cluster_sd.simulate.checkpoint import discard, partial_path

MEASURES = ["final(Stock)", "Stock", "max(Stock)"]
DESIGN = {"rate": np.linspace(-0.5, 0.5, 1000)}


class InterruptedError_(Exception):
    pass


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(batch, "BLOCK_RUNS", 64)


def interrupted(model, out, after: int) -> None:
    """Begin the ensemble and break it off after some runs."""

    def stop(done: int, total: int) -> None:
        if done >= after:
            raise InterruptedError_

    with pytest.raises(InterruptedError_):
        model.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, threads=1, progress=stop)


def same(a, b) -> bool:
    return all(a.values[name].tobytes() == b.values[name].tobytes() for name in MEASURES) and (
        a.failed.tobytes() == b.failed.tobytes() and list(a.failed_variable) == list(b.failed_variable)
    )


def test_going_on_gives_the_bytes_of_a_run_in_one_go(growth, tmp_path, monkeypatch):
    whole = growth.ensemble_arrays(DESIGN, MEASURES)
    out = tmp_path / "runs.nc"
    interrupted(growth, out, 300)
    told = []
    monkeypatch.setattr(batch, "BLOCK_RUNS", 192)  # later blocks need not be the earlier ones
    rest = growth.ensemble_arrays(
        DESIGN, MEASURES, checkpoint=out, resume=True, progress=lambda *x: told.append(x), threads=2
    )
    assert told[0][0] >= 300
    assert told[-1] == (1000, 1000)
    assert same(whole, rest)
    again = growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True)
    assert same(whole, again)


def test_failures_are_kept_too(vensim, tmp_path):
    model = vensim("Stock= INTEG(1/(c - Time), 0)", "c= 4")
    design = {"c": np.repeat([4.0, 40.0], 200)}
    out = tmp_path / "runs.csv"
    first = model.ensemble_arrays(design, ["final(Stock)"], checkpoint=out)
    again = model.ensemble_arrays(design, ["final(Stock)"], checkpoint=out, resume=True)
    assert list(first.failed_variable) == list(again.failed_variable)
    np.testing.assert_array_equal(first.failed_time, again.failed_time)


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_half_written_end_is_cut_off(growth, tmp_path, cut):
    out = tmp_path / "runs.nc"
    whole = growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out)
    content = partial_path(out).read_bytes()
    partial_path(out).write_bytes(content[:-cut])
    assert same(whole, growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True))
    assert sorted(partial_path(out).read_bytes()) == sorted(content)


def test_a_damaged_block_is_made_again(growth, tmp_path):
    out = tmp_path / "runs.nc"
    whole = growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out)
    content = bytearray(partial_path(out).read_bytes())
    content[len(content) // 2] ^= 1
    partial_path(out).write_bytes(content)
    assert same(whole, growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True))


@pytest.mark.parametrize("content", [b"", b"nonsense", b'{"file": "other"}\n', b"{}\n", b"[1]\n\xff\xfe"])
def test_a_file_that_is_no_beginning_is_begun_afresh(growth, tmp_path, content):
    out = tmp_path / "runs.nc"
    partial_path(out).write_bytes(content)
    made = growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True)
    assert same(made, growth.ensemble_arrays(DESIGN, MEASURES))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"design": {"rate": np.linspace(-0.5, 0.4, 1000)}}, "the design"),
        ({"design": {"rate": np.linspace(-0.5, 0.5, 900)}}, "the design"),
        ({"measures": ["final(Stock)"]}, "the measures"),
        ({"seed": 1}, "the seed"),
        ({"time_step": 0.5}, "time settings"),
        ({"solver": "rk4"}, "the solver"),
    ],
)
def test_another_ensemble_is_refused_with_what_changed_and_what_to_do(growth, tmp_path, other, words):
    out = tmp_path / "runs.nc"
    interrupted(growth, out, 300)
    before = partial_path(out).read_bytes()
    asked = {"design": DESIGN, "measures": MEASURES, **other}
    with pytest.raises(csd.InputError) as error:
        growth.ensemble_arrays(asked.pop("design"), asked.pop("measures"), checkpoint=out, resume=True, **asked)
    assert words in str(error.value)
    assert "without --resume" in str(error.value)
    assert partial_path(out).read_bytes() == before


def test_a_changed_model_is_refused(growth, tmp_path):
    out = tmp_path / "runs.nc"
    interrupted(growth, out, 300)
    growth.path.write_text(growth.path.read_text().replace("first= 2", "first= 3"))
    with pytest.raises(csd.InputError, match="the model"):
        csd.load(growth.path).ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True)


def test_without_resume_it_begins_afresh(growth, tmp_path):
    out = tmp_path / "runs.nc"
    interrupted(growth, out, 300)
    told = []
    growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, progress=lambda *x: told.append(x))
    assert told[0][0] < 300


def test_bad_input_leaves_no_file(growth, tmp_path):
    with pytest.raises(csd.InputError):
        growth.ensemble_arrays({"rte": [1]}, MEASURES, checkpoint=tmp_path / "runs.nc")
    assert not partial_path(tmp_path / "runs.nc").exists()


def test_a_finished_ensemble_is_tidied_up(growth, tmp_path):
    out = tmp_path / "runs.nc"
    growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out)
    assert partial_path(out) == tmp_path / ".runs.nc.partial"
    assert partial_path(out).exists()
    discard(out)
    discard(out)
    assert not partial_path(out).exists()


def test_a_folder_that_is_not_there_is_said(growth, tmp_path):
    with pytest.raises(csd.InputError, match="can't be written"):
        growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=tmp_path / "none" / "runs.nc")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_is_continued(growth, tmp_path):
    out = tmp_path / "runs.nc"
    code = textwrap.dedent(
        f"""
        import time, numpy as np, cluster_sd as csd
        from cluster_sd.simulate import batch
        batch.BLOCK_RUNS = 64
        model = csd.load({str(growth.path)!r})
        design = {{"rate": np.linspace(-0.5, 0.5, 1000)}}
        slow = lambda done, total: time.sleep(0.05)
        model.ensemble_arrays(design, {MEASURES!r}, checkpoint={str(out)!r}, progress=slow)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 60
    while time.monotonic() < until and not (partial_path(out).exists() and partial_path(out).stat().st_size > 10_000):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    told = []
    rest = growth.ensemble_arrays(DESIGN, MEASURES, checkpoint=out, resume=True, progress=lambda *x: told.append(x))
    assert told[0][0] >= 64
    assert same(rest, growth.ensemble_arrays(DESIGN, MEASURES))
