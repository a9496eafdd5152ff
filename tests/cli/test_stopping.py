"""A command that is stopped leaves nothing half done, and a long ensemble goes on from where it was."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

RUNS = 64_000
MEASURES = ["--measure", "final(Trees)", "--measure", "max(harvest)"]
ENSEMBLE = ["ensemble", "orchard.mdl", "--design", "design.csv", *MEASURES]
SLOWLY = ["--backend", "numpy", "--threads", "1"]


@pytest.fixture
def design(place):
    lives = np.random.default_rng(0).uniform(10, 40, RUNS)
    (place / "design.csv").write_text("life\n" + "\n".join(map(repr, lives.tolist())) + "\n")


@contextmanager
def started(*command):
    """A process that is not left running, whatever happens."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "ended before it could be stopped"
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_killed_ensemble_goes_on_to_the_same_bytes(place, design, cluster_sd):
    partial = place / ".killed.csv.partial"
    with started("-m", "cluster_sd", *ENSEMBLE, *SLOWLY, "--out", "killed.csv") as process:
        wait_for(lambda: partial.is_file() and partial.stat().st_size > 16_000 * 16, process)
    assert not (place / "killed.csv").exists()
    kept = partial.read_bytes()
    assert len(kept) < RUNS * 16  # not all runs were finished

    assert cluster_sd(*ENSEMBLE, *SLOWLY, "--out", "killed.csv", "--resume").status == 0
    assert cluster_sd(*ENSEMBLE, *SLOWLY, "--out", "whole.csv").status == 0
    assert (place / "killed.csv").read_bytes() == (place / "whole.csv").read_bytes()
    assert not partial.exists()


def test_who_interrupts_an_ensemble_is_told_how_to_go_on(place, design):
    partial = place / ".x.csv.partial"
    with started("-m", "cluster_sd", *ENSEMBLE, *SLOWLY, "--out", "x.csv") as process:
        wait_for(lambda: partial.is_file() and partial.stat().st_size > 1000, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "--resume" in err and "Traceback" not in err
    assert err.endswith("cluster-sd: error: interrupted\n")
    assert partial.is_file()


def test_going_on_with_other_settings_is_refused(place, design, mistake):
    partial = place / ".killed.csv.partial"
    with started("-m", "cluster_sd", *ENSEMBLE, *SLOWLY, "--out", "killed.csv") as process:
        wait_for(lambda: partial.is_file() and partial.stat().st_size > 1000, process)
    mistake([*ENSEMBLE, *SLOWLY, "--seed", "1", "--out", "killed.csv", "--resume"], ".killed.csv.partial")


SLEEPY = """
import sys, time
from cluster_sd import output
from cluster_sd.cli import main
def write(*_):
    print("writing", flush=True)
    time.sleep(60)
output._text = write
sys.argv = ["cluster-sd", "run", "orchard.mdl", "--out", "x.csv"]
sys.exit(main())
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_is_told_to_stop_leaves_no_file(place, number, status):
    with started("-c", SLEEPY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        assert any(path.suffix == ".tmp" for path in place.iterdir())
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in err
    assert [path.name for path in place.iterdir()] == ["orchard.mdl"]
