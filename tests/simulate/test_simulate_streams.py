"""Streams say which random numbers each run of an ensemble meets."""

from __future__ import annotations

import numpy as np
import pytest

import cluster_sd as csd

NOISE = ("x= a*RANDOM UNIFORM(0, 1, 7)", "Walk= INTEG(x, 0)", "a= 1")


def test_without_streams_each_run_has_its_number(vensim, backend):
    model = vensim(*NOISE)
    plain = model.ensemble_arrays({"a": [1.0, 2.0, 3.0]}, ["x"], seed=5, backend=backend)
    told = model.ensemble_arrays({"a": [1.0, 2.0, 3.0]}, ["x"], seed=5, backend=backend, streams=np.arange(3))
    assert plain.values["x"].tobytes() == told.values["x"].tobytes()


def test_runs_of_one_stream_meet_the_same_noise(vensim, backend):
    model = vensim(*NOISE)
    x = model.ensemble_arrays({"a": np.ones(5)}, ["x"], backend=backend, streams=[7, 7, 2, 7, 2]).values["x"]
    np.testing.assert_array_equal(x[[1, 3]], x[[0, 0]])
    np.testing.assert_array_equal(x[4], x[2])
    assert not np.array_equal(x[0], x[2])


def test_a_streams_noise_is_that_of_the_run_with_its_number(vensim):
    model = vensim(*NOISE)
    plain = model.ensemble_arrays({"a": np.ones(200)}, ["Walk"], seed=3).values["Walk"]
    order = np.random.default_rng(1).permutation(200)
    moved = model.ensemble_arrays({"a": np.ones(200)}, ["Walk"], seed=3, streams=order).values["Walk"]
    np.testing.assert_array_equal(moved, plain[order])


def test_blocks_and_threads_leave_streams_alone(vensim, monkeypatch):
    model = vensim(*NOISE)
    streams = np.arange(300) % 7
    whole = model.ensemble_arrays({"a": np.ones(300)}, ["x"], streams=streams, threads=1).values["x"]
    monkeypatch.setattr("cluster_sd.simulate.batch.BLOCK_BYTES", 1)
    cut = model.ensemble_arrays({"a": np.ones(300)}, ["x"], streams=streams, threads=2).values["x"]
    np.testing.assert_array_equal(cut, whole)


def test_large_streams_are_streams_of_their_own(vensim, backend):
    model = vensim(*NOISE)
    x = model.ensemble_arrays({"a": np.ones(3)}, ["x"], streams=[0, 2**32, 2**63 - 1], backend=backend).values["x"]
    assert len({row.tobytes() for row in x}) == 3


def test_a_checkpoint_of_other_streams_is_refused(vensim, tmp_path):
    model = vensim(*NOISE)
    out = tmp_path / "runs.csv"
    model.ensemble_arrays({"a": np.ones(4)}, ["x"], streams=[0, 0, 1, 1], checkpoint=out)
    with pytest.raises(csd.InputError, match="the streams"):
        model.ensemble_arrays({"a": np.ones(4)}, ["x"], streams=[0, 1, 1, 1], checkpoint=out, resume=True)


@pytest.mark.parametrize(
    ("streams", "words"),
    [([0, 1], "3 whole numbers"), ([0.0, 1.0, 2.0], "whole numbers"), ([0, 1, -1], "-1 to 1 can't be used")],
)
def test_streams_that_are_none_are_refused(vensim, streams, words):
    with pytest.raises(csd.InputError, match=words):
        vensim(*NOISE).ensemble_arrays({"a": np.ones(3)}, ["x"], streams=streams)


def test_pysd_has_no_streams(vensim):
    with pytest.raises(csd.InputError, match="pysd"):
        vensim(*NOISE).ensemble_arrays({"a": np.ones(2)}, ["x"], streams=[0, 0], backend="pysd")
