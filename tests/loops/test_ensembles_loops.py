"""Loops of many runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import loops_models as models
import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.loops import OTHER, Passage, analyse, analyse_ensemble, passages

Vensim = Callable[..., csd.Model]
ROWS = "id,name,variables,mechanism,kind\nR1,Growth,Population; net birth rate,M1,inward\n" + (
    "B1,Limit,Population; fraction used; fractional growth rate; net birth rate,M2,balancing\n"
)
MODEL = (*models.LOGISTIC[:2], "fractional growth rate= speed*(1-fraction used)", models.LOGISTIC[3], "speed= 0.12")


@pytest.fixture
def logistic(vensim: Vensim, tmp_path: Path) -> csd.Model:
    (tmp_path / "loops.csv").write_text(ROWS, encoding="utf-8")
    return vensim(*MODEL, stop=100, step=0.5)


def test_each_run_has_the_shares_of_its_own_analysis(logistic: csd.Model) -> None:
    speeds = [0.05, 0.12, 0.2, 0.3]
    many = analyse_ensemble(logistic, {"speed": speeds}, save_every=2.5)
    assert many.shares.shape == (4, 40, 2)
    assert many.complete
    assert many.missed == pytest.approx(0, abs=1e-12)
    for run, speed in enumerate(speeds):
        alone = analyse(logistic, {"speed": speed}, save_every=2.5)
        order = [alone.index(loop.id) for loop in many.loops]
        np.testing.assert_allclose(many.shares[run], alone.shares[:, order], rtol=1e-9, atol=1e-12)


def test_threads_and_blocks_change_nothing(logistic: csd.Model) -> None:
    design = {"speed": np.linspace(0.05, 0.3, 150)}
    one, two = (analyse_ensemble(logistic, design, threads=n, check=1) for n in (1, 2))
    assert (one.shares == two.shares).all()
    assert [loop.id for loop in one.loops] == [loop.id for loop in two.loops]


def test_there_are_no_more_than_64_times_unless_asked(logistic: csd.Model) -> None:
    many = analyse_ensemble(logistic, {"speed": [0.1, 0.2]}, check=0)
    assert (len(many.times), many.times[-1]) == (50, 100.0)
    assert len(analyse_ensemble(logistic, {"speed": [0.1]}, save_every=0.5, check=0).times) == 200


def test_a_failed_run_is_marked_and_left_out(vensim: Vensim) -> None:
    model = vensim("S= INTEG(up-down, 1)", "up= power*S*S", "down= 0.1*S", "power= 0.01", stop=20, step=0.5)
    many = analyse_ensemble(model, {"power": [0.01, 50.0, 0.02]}, check=2)
    assert many.failed.tolist() == [False, True, False]
    assert many.failed_variable.tolist() == ["", "S", ""]
    assert np.isnan(many.shares[1]).all()
    assert np.isfinite(many.shares[[0, 2]]).all()
    assert np.isfinite(many.bands().values).all()
    leads = many.leads("loop", named=False)
    assert np.isnan(leads.mean_share[1]).all()
    assert np.isfinite(leads.mean_share[0]).all()
    assert leads.probability.sum(axis=1) == pytest.approx(1)


def test_bands_are_quantiles_over_the_runs(logistic: csd.Model) -> None:
    many = analyse_ensemble(logistic, {"speed": np.linspace(0.05, 0.3, 21)}, check=0)
    bands = many.bands((0.0, 0.5, 1.0), by="mechanism")
    column = next(i for i, loop in enumerate(many.loops) if loop.mechanism == bands.names[0])
    values = np.abs(many.shares[:, :, column])
    expected = [values.min(axis=0), np.median(values, axis=0), values.max(axis=0)]
    np.testing.assert_allclose(bands.values[:, :, 0], expected)


def test_dominance_passes_at_half_of_the_limit(logistic: csd.Model) -> None:
    # Richardson 1995: where the stock is at half of its limit, here at ln(199) / speed
    speeds = np.array([0.08, 0.12, 0.3])
    many = analyse_ensemble(logistic, {"speed": speeds}, solver="rk4", save_every=0.5)
    leads = many.leads("mechanism")
    grows, limits = leads.names.index("M1"), leads.names.index("M2")
    assert leads.passing[:, grows, limits] == pytest.approx(np.log(199) / speeds, abs=1)
    assert np.isnan(leads.passing[:, limits, grows]).all()
    assert leads.first[:, grows] == pytest.approx(0.5)
    assert leads.last[:, limits] == pytest.approx(100)
    assert leads.part.sum(axis=1) == pytest.approx(1)
    assert (np.diff(leads.mean_time[:, limits]) < 0).all()
    outputs = leads.outputs()
    assert set(outputs) == {f"{what} of {m}" for what in ("mean share", "centre") for m in ("M1", "M2")}
    assert all(values.shape == (3,) for values in outputs.values())


def test_passages_are_where_the_lines_cross() -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0])
    shares = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.0, 0.0]])
    (found,) = passages(times, shares, ["a", "b"])
    assert found == Passage(found.time, "a", "b")
    assert found.time == pytest.approx(4 / 3)
    assert passages(times, shares[:, :1], ["a"]) == ()


def test_a_list_that_misses_loops_says_how_much(vensim: Vensim) -> None:
    model = vensim(*models.PREDATORS, stop=20, step=0.125)
    many = analyse_ensemble(model, {"Hares": [4.0, 5.0, 6.0, 7.0, 8.0]}, keep=2, check=2, save_every=0.5)
    assert not many.complete
    assert many.checked == (1, 3)
    assert 0 < many.missed < 1
    assert OTHER in many.grouped("mechanism").names


def test_a_design_that_names_nothing_is_refused(logistic: csd.Model) -> None:
    with pytest.raises(InputError, match="speeed"):
        analyse_ensemble(logistic, {"speeed": [0.1]})
