"""A posterior's draws in place of ranges: rows are whole draws, and what they fix no longer matters."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

import cluster_sd as csd
from cluster_sd.errors import InputError
from cluster_sd.model.parameters import Parameter
from cluster_sd.sensitivity.draws import find_posterior, read_draws
from cluster_sd.sensitivity.planning import Asking, plan
from cluster_sd.sensitivity.sampling import check_outputs
from cluster_sd.sensitivity.study import carry_out
from cluster_sd.simulate.running import Settings


@pytest.fixture
def model(vensim) -> csd.Model:
    """Only the sum of a and b counts, beside a lever."""
    return vensim("a= 1", "b= 1", "pull= 1", "y= 10*(a + b) + pull", stop=1, step=1)


def rows_of(model: csd.Model) -> list[Parameter]:
    plain = ("", None, None, "", "assumed", "", model.path, 1)
    roles = {"a": "uncertain", "b": "uncertain", "pull": "lever"}
    return [Parameter(name, None, "", 0, 2, "uniform", role, *plain) for name, role in roles.items()]


def posterior(path, a, b) -> None:
    """A file as ArviZ writes it: two chains, and the scale of an error that is no parameter."""
    shape = ("chain", "draw")
    errors = (("chain", "draw", "error"), np.ones((2, a.size // 2, 1)))
    data = xarray.Dataset({"a": (shape, a.reshape(2, -1)), "b": (shape, b.reshape(2, -1)), "errors": errors})
    data.to_netcdf(path, group="posterior", engine="netcdf4")


@pytest.fixture
def known_sum(model) -> csd.Model:
    """Calibrated: a and b are wide, their sum is known."""
    a = np.random.default_rng(1).uniform(0.2, 1.8, 400)
    (model.path.parent / "fit").mkdir()
    posterior(model.path.parent / "fit" / "posterior.nc", a, 2 - a)
    return model


def asking(model: csd.Model, over: str | None) -> Asking:
    return Asking("sobol", 256, ["final(y)"], rows_of(model), over=over)


def test_every_row_holds_a_draw_of_the_posterior(known_sum):
    over = str(known_sum.path.parent / "fit")
    planned = plan(known_sum, asking(known_sum, over), Settings())
    draws = read_draws(known_sum, find_posterior(known_sum, over))
    assert draws.columns == ("a", "b")
    design = planned.ran.design()
    assert set(design) == {"pull", "a", "b"}
    pairs = {tuple(pair) for pair in draws.values.tolist()}
    assert {(a, b) for a, b in zip(design["a"].tolist(), design["b"].tolist(), strict=True)} <= pairs


def test_what_a_calibration_knows_together_no_longer_matters(known_sum):
    blind = carry_out(plan(known_sum, asking(known_sum, None), Settings())).indices.main
    over = str(known_sum.path.parent / "fit" / "posterior.nc")
    study = carry_out(plan(known_sum, asking(known_sum, over), Settings()))
    sighted = study.indices.main
    assert blind.names == ("a", "b", "pull") and blind.value[2, 0] < 0.02
    assert sighted.names == ("pull", "posterior")
    np.testing.assert_allclose(sighted.value[:, 0], [1, 0], atol=0.01)
    check_outputs(study.sample, study.outputs)
    assert any("2 calibrated parameters vary together over 400 draws" in note for note in study.notes)


@pytest.mark.parametrize(
    "content, expected",
    [
        ("a,nobody\n1,2\n", "unknown parameter 'nobody'"),
        ("a,b\n", "has names but no runs"),
        ("a,b\n1,oops\n", "'oops' is not a number"),
    ],
)
def test_draws_that_cannot_be_used_are_told(model, content, expected):
    path = model.path.parent / "posterior.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=expected):
        plan(model, asking(model, "posterior"), Settings())


def test_a_file_that_is_no_posterior_is_told(model):
    path = model.path.parent / "posterior.nc"
    path.write_text("nothing")
    with pytest.raises(InputError, match="can't be read as a posterior of ArviZ"):
        plan(model, asking(model, str(path)), Settings())


def test_derivatives_and_draws_do_not_go_together(known_sum):
    with pytest.raises(InputError, match="--over posterior draws parameters together"):
        plan(known_sum, Asking("dgsm", 64, ["final(y)"], rows_of(known_sum), over="posterior"), Settings())
