"""Runs on a Dask cluster: the same bytes as here, the program shipped once to each worker, lost workers survived."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.cli import main
from cluster_sd.errors import InputError
from cluster_sd.model.parameters import Parameter
from cluster_sd.sensitivity import Problem, Sample, problem_of
from cluster_sd.sensitivity import cluster as module
from cluster_sd.sensitivity.measures_of import resolve
from cluster_sd.sensitivity.running import run_sample
from cluster_sd.sensitivity.sampling import Matrix
from cluster_sd.simulate.running import Settings

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own threads warn of what is theirs

EQUATIONS = (
    "Stock= INTEG(gain - Stock/life, 1)",
    "gain= push*(1 + 0.1*RANDOM NORMAL(-2, 2, 0, 1, 3))",
    "push= 1",
    "life= 5",
)
TIMES = np.arange(0, 10.25, 0.25)
MEASURES = ["final(Stock)", "max(Stock)", "Stock"]


@pytest.fixture(scope="module")
def scheduler():
    """A cluster of two workers in threads of this process."""
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
        ) as local,
    ):
        yield local.scheduler_address


def sample_of(model: csd.Model, runs: int) -> Sample:
    plain = ("uniform", "uncertain", "", None, None, "", "assumed", "", model.path, 1)
    rows = [Parameter("push", None, "", 0.5, 2, *plain), Parameter("life", None, "", 2, 8, *plain)]
    problem: Problem = problem_of(model, rows)
    return Sample(problem, "plain", runs, 0, Matrix(np.random.default_rng(0).random((runs, 2))))


@pytest.fixture
def stock(vensim) -> csd.Model:
    return vensim(*EQUATIONS)


def test_outputs_are_those_of_this_machine_byte_by_byte(stock, scheduler, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)
    sample, asked = sample_of(stock, 1000), resolve(stock, TIMES, MEASURES)
    with module.cluster(scheduler) as place:
        assert place.threads == 2
        far = run_sample(stock, sample, asked, Settings(seed=5), place=place, streams=np.arange(1000))
    near = run_sample(stock, sample, asked, Settings(seed=5), streams=np.arange(1000))
    assert far.outputs.values.tobytes() == near.outputs.values.tobytes()
    assert far.outputs.hashes.tobytes() == near.outputs.hashes.tobytes()
    assert far.settings == near.settings


def test_the_program_is_shipped_once_and_made_once_a_process(stock, scheduler, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)
    made, shipped = [], []
    engine, scatter = module.engine_of, distributed.Client.scatter
    monkeypatch.setattr(module, "engine_of", lambda content: made.append(id(found := engine(content))) or found)
    monkeypatch.setattr(distributed.Client, "scatter", lambda *a, **k: shipped.append(k) or scatter(*a, **k))
    with module.cluster(scheduler) as place:
        run_sample(stock, sample_of(stock, 640), resolve(stock, TIMES, MEASURES), Settings(), place=place)
    assert len(made) == 10 and len(set(made)) == 1
    assert [one["broadcast"] for one in shipped] == [True]


def test_interrupted_work_on_a_cluster_goes_on(stock, scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)
    sample, asked = sample_of(stock, 640), resolve(stock, TIMES, MEASURES)
    out = tmp_path / "levers"

    def stop(done: int, total: int) -> None:
        if done >= 192:
            raise KeyboardInterrupt

    with module.cluster(scheduler) as place:
        with pytest.raises(KeyboardInterrupt):
            run_sample(stock, sample, asked, Settings(), place=place, checkpoint=out, progress=stop)
        again = run_sample(stock, sample, asked, Settings(), place=place, checkpoint=out, resume=True)
    assert again.restored == 192
    assert again.outputs.values.tobytes() == run_sample(stock, sample, asked, Settings()).outputs.values.tobytes()


def test_the_command_gives_the_same_bytes_with_a_scheduler(stock, scheduler, monkeypatch):
    monkeypatch.setattr("cluster_sd.report.figures.Figure._rendered", lambda *_: b"<svg/>")
    folder = stock.path.parent
    table = "name,value,low,high,distribution,role\npush,1,0.5,2,uniform,lever\nlife,5,2,8,uniform,uncertain\n"
    (folder / "parameters.csv").write_text(table)
    asked = ["sensitivity", str(stock.path), "--method", "sobol", "--samples", "64", "--quiet"]
    assert main([*asked, "--out", str(folder / "near")]) == 0
    assert main([*asked, "--out", str(folder / "far"), "--scheduler", scheduler]) == 0
    near, far = ((folder / name / "indices.csv").read_bytes() for name in ("near", "far"))
    assert near == far and b"Stock" in near


def test_an_address_where_nobody_answers_is_told(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    with pytest.raises(InputError, match=r"--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there"):
        with module.cluster("tcp://127.0.0.1:9"):
            pass


def test_a_scheduler_without_workers_is_told():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp") as local,
        pytest.raises(InputError, match="has no workers; 'dask worker tcp://"),
        module.cluster(local.scheduler_address),
    ):
        pass


def test_without_dask_the_user_is_told_what_brings_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'cluster_sd\[cluster\]'"):
        with module.cluster("tcp://10.0.0.5:8786"):
            pass


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_by_another(stock, monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)
    sample, asked = sample_of(stock, 3200), resolve(stock, TIMES, MEASURES)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        killed = []

        def kill(done: int, total: int) -> None:
            if not killed:
                worker = next(iter(local.workers.values()))
                worker.process.process._process.kill()
                killed.append(True)

        with module.cluster(local.scheduler_address) as place:
            far = run_sample(stock, sample, asked, Settings(), place=place, progress=kill)
    assert killed
    assert far.outputs.values.tobytes() == run_sample(stock, sample, asked, Settings()).outputs.values.tobytes()
