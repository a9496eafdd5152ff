"""Models to draw, written where a test can change them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import diagram_models
import pytest

import cluster_sd as csd
from cluster_sd.diagram import Atlas, diagram_of

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a Vensim file and give its path."""

    def make(text: str = diagram_models.PEOPLE, name: str = "people.mdl", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(("{UTF-8}\n" if encoding == "utf-8" else "").encode() + text.encode(encoding))
        return path

    return make


@pytest.fixture(scope="session")
def atlases() -> dict[str, Atlas]:
    """Both shipped models, laid out."""
    return {name: diagram_of(csd.load(name)) for name in ("orange", "lead")}
