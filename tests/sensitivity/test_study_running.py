"""Runs of a sample: the same numbers as an ensemble's, whatever the blocks, the threads and the interruptions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.model.parameters import Parameter
from cluster_sd.sensitivity import Outcome, Problem, Sample, columns, problem_of
from cluster_sd.sensitivity.job import Engine, Job, make_job
from cluster_sd.sensitivity.measures_of import resolve, thinned
from cluster_sd.sensitivity.planning import Asking, plan
from cluster_sd.sensitivity.running import Here, run_sample
from cluster_sd.sensitivity.sampling import Matrix, check_outputs
from cluster_sd.sensitivity.study import carry_out
from cluster_sd.simulate import checkpoint
from cluster_sd.simulate.running import Settings

POND = (
    "Pond= INTEG(inflow - outflow, first)",
    "inflow= rain*(1 + wobble*RANDOM NORMAL(-3, 3, 0, 1, 7))",
    "outflow= Pond/delay",
    "overflow= LN(brim - Pond)",
    "rain= 5",
    "wobble= 0",
    "first= 10",
    "delay= 4",
    "brim= 100",
)
TIMES = np.arange(0, 10.25, 0.25)


@pytest.fixture
def pond(vensim) -> csd.Model:
    return vensim(*POND)


def rows_of(model: csd.Model, **ranges: tuple[float, float]) -> list[Parameter]:
    """Uncertain parameters with these ranges."""
    plain = ("uniform", "uncertain", "", None, None, "", "assumed", "", model.path, 1)
    return [Parameter(name, None, "", low, high, *plain) for name, (low, high) in ranges.items()]


def sample_of(problem: Problem, runs: int, seed: int = 1) -> Sample:
    """Plain random rows; those of a longer sample begin with those of a shorter one."""
    values = np.random.default_rng(seed).random((runs, len(problem.factors)))
    return Sample(problem, "plain", runs, seed, Matrix(values))


@pytest.fixture
def problem(pond) -> Problem:
    return problem_of(pond, rows_of(pond, rain=(2, 8), delay=(2, 6), first=(5, 15)))


MEASURES = ["final(Pond)", "mean(Pond)", "time_above(Pond, 12)", "Pond@2.5", "Pond"]


def test_outputs_are_those_of_an_ensemble_to_the_bit(pond, problem):
    sample = sample_of(problem, 300)
    asked = resolve(pond, TIMES, MEASURES)
    outputs = run_sample(pond, sample, asked, Settings()).outputs
    runs = pond.ensemble_arrays(sample.design(), MEASURES)
    for i, outcome in enumerate(outputs.outcomes):
        values = runs.values[outcome.measure]
        expected = values if outcome.time is None else values[:, np.searchsorted(runs.times, outcome.time)]
        np.testing.assert_array_equal(outputs.values[:, i], expected, err_msg=str(outcome))
    assert outputs.outcomes[0] == Outcome("final(Pond)")
    assert [o.time for o in outputs.outcomes[4:]] == TIMES.tolist()
    check_outputs(sample, outputs)


def test_results_do_not_depend_on_blocks_and_threads(pond, problem):
    sample, asked = sample_of(problem, 700), resolve(pond, TIMES, MEASURES)
    one = run_sample(pond, sample, asked, Settings(threads=1)).outputs
    three = run_sample(pond, sample, asked, Settings(), place=Here(3)).outputs
    assert one.values.tobytes() == three.values.tobytes()
    assert one.hashes.tobytes() == three.hashes.tobytes()


def test_the_analysis_takes_as_many_threads_as_the_runs(pond):
    rows = rows_of(pond, rain=(2, 8), delay=(2, 6))
    planned = plan(pond, Asking("sobol", 8, ["final(Pond)"], rows, step_sets=0), Settings(threads=1))
    seen = []

    def analyze(*args, **options):
        seen.append(columns._limit.get())
        return planned.method.analyze(*args, **options)

    carry_out(replace(planned, method=replace(planned.method, analyze=analyze)))
    assert seen == [1] and columns._limit.get() is None


def test_a_job_survives_its_bytes(pond, problem):
    sample, asked = sample_of(problem, 64), resolve(pond, TIMES, MEASURES)
    job, _ = make_job(pond, problem.columns, asked, Settings(), 64)
    again = Job.from_bytes(job.to_bytes())
    streams = np.arange(64)
    mine, theirs = (Engine(one).run(sample.physical(), streams) for one in (job, again))
    assert mine.values.tobytes() == theirs.values.tobytes()
    assert again.to_bytes() == job.to_bytes()


def test_runs_differ_by_their_parameters_alone_where_chance_is_involved(pond):
    """Common random numbers: two rows that are the same give the same, though the model draws."""
    problem = problem_of(pond, rows_of(pond, wobble=(0.1, 0.5)))
    twice = Sample(problem, "plain", 40, 0, Matrix(np.tile(np.linspace(0, 1, 20)[:, None], (2, 1))))
    asked = resolve(pond, TIMES, ["final(Pond)"])
    same = run_sample(pond, twice, asked, Settings(seed=3)).outputs.values
    np.testing.assert_array_equal(same[:20], same[20:])
    own = run_sample(pond, twice, asked, Settings(seed=3), streams=np.arange(40)).outputs.values
    assert (own[:20] != own[20:]).all()
    expected = pond.ensemble_arrays(twice.design(), ["final(Pond)"], seed=3).values["final(Pond)"]
    np.testing.assert_array_equal(own[:, 0], expected)


def test_failed_runs_are_marked_with_variable_and_time(pond):
    problem = problem_of(pond, rows_of(pond, brim=(11, 40)))
    sample, asked = sample_of(problem, 200), resolve(pond, TIMES, ["final(overflow)"])
    outputs = run_sample(pond, sample, asked, Settings()).outputs
    runs = pond.ensemble_arrays(sample.design(), ["final(overflow)"])
    assert 0 < outputs.failed.sum() < 200
    np.testing.assert_array_equal(outputs.failed, runs.failed)
    assert outputs.failed_variable is not None and outputs.failed_time is not None
    assert set(outputs.failed_variable[outputs.failed]) == {"overflow"}
    np.testing.assert_array_equal(outputs.failed_time, runs.failed_time)
    assert np.isnan(outputs.values[outputs.failed]).all()


# --- interruptions ----------------------------------------------------------------------------------------------------


class Stops:
    """A place where work stops after some blocks, as by an interrupt."""

    threads = 1

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks

    def run(self, job, todo, rows, store):
        engine = Engine(job)
        for first, last in todo[: self.blocks]:
            values, streams = rows(first, last)
            store(first, last, values, engine.run(values, streams))
        raise KeyboardInterrupt


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("cluster_sd.sensitivity.running.block_size", lambda *_: 64)


def test_stopped_work_goes_on_where_it_was_to_the_same_bytes(pond, problem, tmp_path, small_blocks):
    sample, asked, out = sample_of(problem, 500), resolve(pond, TIMES, MEASURES), tmp_path / "result"
    with pytest.raises(KeyboardInterrupt):
        run_sample(pond, sample, asked, Settings(), place=Stops(3), checkpoint=out)
    assert checkpoint.partial_path(out).exists()
    told = []
    again = run_sample(
        pond, sample, asked, Settings(), checkpoint=out, resume=True, progress=lambda done, total: told.append(done)
    )
    whole = run_sample(pond, sample, asked, Settings())
    assert again.restored == told[0] == 3 * 64
    assert again.outputs.values.tobytes() == whole.outputs.values.tobytes()
    assert again.outputs.hashes.tobytes() == whole.outputs.hashes.tobytes()


def test_a_larger_sample_goes_on_from_a_smaller_ones_runs(pond, problem, tmp_path, small_blocks):
    asked, out = resolve(pond, TIMES, ["final(Pond)"]), tmp_path / "result"
    run_sample(pond, sample_of(problem, 200), asked, Settings(), checkpoint=out)
    larger = run_sample(pond, sample_of(problem, 600), asked, Settings(), checkpoint=out, resume=True)
    assert larger.restored == 200
    fresh = run_sample(pond, sample_of(problem, 600), asked, Settings())
    assert larger.outputs.values.tobytes() == fresh.outputs.values.tobytes()


def test_kept_runs_of_other_rows_are_run_again(pond, problem, tmp_path, small_blocks):
    asked, out = resolve(pond, TIMES, ["final(Pond)"]), tmp_path / "result"
    sample = sample_of(problem, 200)
    run_sample(pond, sample, asked, Settings(), checkpoint=out)
    other = Sample(problem, "plain", 200, 1, Matrix(sample.unit()[::-1].copy()))
    made = run_sample(pond, other, asked, Settings(), checkpoint=out, resume=True)
    assert made.restored == 0
    check_outputs(other, made.outputs)


def test_runs_kept_for_other_settings_are_refused(pond, problem, tmp_path):
    asked, out = resolve(pond, TIMES, ["final(Pond)"]), tmp_path / "result"
    run_sample(pond, sample_of(problem, 100), asked, Settings(), checkpoint=out)
    with pytest.raises(InputError, match="the solver, the backend, the time settings or the seed changed"):
        run_sample(pond, sample_of(problem, 100), asked, Settings(seed=1), checkpoint=out, resume=True)


# --- measures ---------------------------------------------------------------------------------------------------------


def test_a_course_is_looked_at_in_whole_years_and_at_few_places():
    np.testing.assert_array_equal(thinned(np.arange(2000, 2040.1, 0.25)), np.arange(2000, 2041))
    assert len(thinned(np.arange(0, 5001.0))) <= 101 and thinned(np.arange(0, 5001.0))[-1] == 5000
    np.testing.assert_array_equal(thinned(np.array([0.1, 0.2, 0.3])), [0.1, 0.2, 0.3])


def test_without_measures_the_outcomes_are_taken_and_their_courses():
    model = csd.load("orange")
    asked = resolve(model, np.arange(2000, 2040.1, 0.25))
    texts = [one.text for one in asked]
    assert {row.measure for row in model.folder.outcomes} <= set(texts)
    course = asked[texts.index("Smallholder income")]
    assert course.times.tolist() == list(range(2000, 2041))
    number = asked[texts.index("final(Smallholder income)")]
    assert (number.title, number.better, number.width) == ("Income of smallholders", "high", 1)


def test_a_model_without_outcomes_gives_its_stocks(pond):
    assert [one.text for one in resolve(pond, TIMES)] == ["final(Pond)", "Pond"]


@pytest.mark.parametrize("measure", ["final(Pnod)", "Pnod", "mode(Pond)"])
def test_a_measure_that_is_none_is_refused_with_what_would_be_right(pond, measure):
    with pytest.raises(InputError, match=r"did you mean 'Pond'|unknown measure 'mode'"):
        resolve(pond, TIMES, [measure])
