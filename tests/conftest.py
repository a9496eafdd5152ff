"""What all tests share: models written in place, both emitters, and a cache that is not the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import cluster_sd as csd

Vensim = Callable[..., csd.Model]


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's tests keep the models that they have read."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def no_users_cache(monkeypatch: pytest.MonkeyPatch, session_cache: Path) -> None:
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(session_cache))


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Doctests are looked for in the package alone, not in the tests' own helper modules."""
    if collection_path.suffix == ".py" and not collection_path.name.startswith("test_"):
        return True
    return None


@pytest.fixture(params=["numpy", "llvm"])
def backend(request: pytest.FixtureRequest) -> str:
    """Both emitters."""
    return request.param


@pytest.fixture
def vensim(tmp_path: Path) -> Vensim:
    """Write a Vensim model of some equations and load it.

    An equation comes with its ``~`` unit, ``~`` documentation and ``|``, or as one of several plain lines (``dmnl``).
    """

    def make(
        *equations: str,
        start: float = 0,
        stop: float = 10,
        step: float = 0.25,
        save: str = "TIME STEP",
        name: str = "model",
    ) -> csd.Model:
        control = (f"INITIAL TIME= {start}", f"FINAL TIME= {stop}", f"TIME STEP= {step}", f"SAVEPER= {save}")
        lines = [
            line for text in (*equations, *control) for line in ([text] if "~" in text else text.strip().splitlines())
        ]
        text = "{UTF-8}\n" + "\n".join(
            line if "~" in line else f"{line.strip()}\n\t~\tdmnl\n\t~\t\n\t|" for line in lines if line.strip()
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
