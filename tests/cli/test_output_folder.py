"""A result that is a folder: whole or not at all, beside whatever else is there."""

from __future__ import annotations

import json
import os

import pytest

from cluster_sd import output
from cluster_sd.errors import InputError


def deliver(target, **files):
    def write(folder):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    output.deliver_folder(target, write, lambda: {"command": "test"})


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_folder_comes_with_all_its_files_and_a_list_of_them(tmp_path):
    deliver(tmp_path / "deep" / "out", index_html="x", figures__bars_svg="y")
    assert names(tmp_path / "deep" / "out") == ["figures/bars.svg", "index.html", "run.json"]
    said = json.loads((tmp_path / "deep" / "out" / "run.json").read_text())
    assert said == {"out": "out", "command": "test", "files": ["figures/bars.svg", "index.html"]}


def test_a_second_result_replaces_the_first_and_leaves_what_is_not_ours(tmp_path):
    out = tmp_path / "out"
    deliver(out, index_html="1", figures__old_svg="1")
    (out / "notes.txt").write_text("mine")
    deliver(out, index_html="2")
    assert names(out) == ["index.html", "notes.txt", "run.json"]
    assert (out / "index.html").read_text() == "2"


def test_a_result_that_fails_leaves_the_old_one_and_nothing_else(tmp_path):
    out = tmp_path / "out"
    deliver(out, index_html="1")

    def breaks(folder):
        (folder / "index.html").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        output.deliver_folder(out, breaks, dict)
    assert (out / "index.html").read_text() == "1"
    assert os.listdir(tmp_path) == ["out"]


def test_a_result_that_fails_takes_away_the_folders_made_for_it(tmp_path):
    with pytest.raises(ZeroDivisionError):
        output.deliver_folder(tmp_path / "a" / "b", lambda folder: 1 / 0, dict)  # type: ignore[arg-type]
    assert not os.listdir(tmp_path)


def test_a_list_of_files_that_points_elsewhere_removes_nothing(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    out = tmp_path / "out"
    deliver(out, index_html="1")
    said = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**said, "files": ["../precious.txt"]}))
    deliver(out, other_html="2")
    assert (tmp_path / "precious.txt").exists()


def test_a_file_where_the_folder_should_be_is_refused_before_any_work(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        output.check_folder(str(tmp_path / "out"))
    with pytest.raises(InputError, match="is a file, not a folder"):
        output.check_folder(str(tmp_path / "out" / "below"))
