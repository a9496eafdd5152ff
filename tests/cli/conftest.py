"""The command, called as a user calls it, in an empty folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster_sd.cli import main

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Ended:
    """How a command ended: status, what it printed, and the files that it made or changed."""

    status: int
    out: str
    err: str
    made: frozenset[str]


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def warm_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(tmp_path, monkeypatch, warm_cache):
    """An empty folder with the orchard's model in it."""
    folder = tmp_path / "place"
    folder.mkdir()
    shutil.copy(MODELS / "orchard.mdl", folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(warm_cache))
    monkeypatch.delenv("CLUSTER_SD_DEBUG", raising=False)
    return folder


@pytest.fixture
def cluster_sd(place, capsys):
    """Call the command with arguments; gives an :class:`Ended`."""

    def call(*arguments):
        before = contents(place)
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # --help, --version
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        made = {name for name, content in contents(place).items() if before.get(name) != content}
        return Ended(status, printed.out, printed.err, frozenset(made))

    return call


@pytest.fixture
def mistake(cluster_sd):
    """Call the command with a mistake in it: status 2, one line that holds the given words, and nothing else."""

    def call(arguments, *words):
        ended = cluster_sd(*arguments)
        assert ended.status == 2, ended
        assert ended.err.startswith("cluster-sd: error: "), ended.err
        assert ended.err.count("\n") == 1 and ended.err.endswith("\n"), ended.err
        assert ended.out == ""
        assert ended.made == frozenset()
        for word in words:
            assert word in ended.err, ended.err
        return ended.err

    return call
