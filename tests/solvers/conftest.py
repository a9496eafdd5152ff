"""Models written in place: a test says its equations and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cluster_sd as csd

Vensim = Callable[..., csd.Model]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["numpy", "llvm"])
def backend(request: pytest.FixtureRequest) -> str:
    """Both emitters."""
    return request.param


@pytest.fixture
def vensim(tmp_path: Path) -> Vensim:
    """Write a Vensim model of some equations (each with unit ``dmnl`` unless it brings its own) and load it."""

    def make(
        *equations: str,
        start: float = 0,
        stop: float = 10,
        step: float = 0.25,
        save: str = "TIME STEP",
        name: str = "model",
    ) -> csd.Model:
        control = (f"INITIAL TIME= {start}", f"FINAL TIME= {stop}", f"TIME STEP= {step}", f"SAVEPER= {save}")
        text = "{UTF-8}\n" + "\n".join(
            equation if "~" in equation else f"{equation}\n\t~\tdmnl\n\t~\t\n\t|" for equation in (*equations, *control)
        )
        path = tmp_path / f"{name}.mdl"
        path.write_text(text + "\n", encoding="utf-8")
        return csd.load(path)

    return make


GROWTH = (
    "Stock= INTEG(rate*Stock, first)\n\t~\tkg\n\t~\tWhat grows\n\t|",
    "rate= 0.1\n\t~\t1/year\n\t~\tIts growth\n\t|",
    "first= 2\n\t~\tkg\n\t~\t\n\t|",
)


@pytest.fixture
def growth(vensim: Vensim) -> csd.Model:
    """A stock that grows at a rate: Euler gives first * (1 + rate * step)^n."""
    return vensim(*GROWTH)
