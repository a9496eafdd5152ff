"""Views in the model file itself: equations untouched, and what other programs read there."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat

import numpy as np
import pytest
import simlin
from diagram_models import CONTROL, PEOPLE, SETTINGS, entry

import cluster_sd as csd
from cluster_sd.diagram import Atlas, diagram_of
from cluster_sd.diagram.sketch import sketch_text, with_views, write_views
from cluster_sd.errors import InputError, ModelError
from cluster_sd.model.names import clean

OLD = "\\\\\\---/// Sketch information - do not modify anything except names\nV300  Do not put anything below\n*Old\n"
END = "///---\\\\\\\n"


def written(path) -> Atlas:
    atlas = diagram_of(csd.load(path))
    write_views(path, atlas.views, atlas.structure)
    return atlas


def words(text: str) -> list[tuple[str, int]]:
    """Names of a sketch with their bits (3 at home, 2 repeated)."""
    found = re.findall(r'^10,\d+,("(?:\\"|[^"])*"|[^,]*),(?:-?\d+,){5}(\d+),', text, re.M)
    return [(name, int(bits)) for name, bits in found]


# ---- bytes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("tail", ["", OLD + END, OLD + END + SETTINGS, OLD + "10,1,A,9,9,9,9,8,3,0,0\n"])
def test_equations_and_settings_stay_byte_for_byte(write, newline, tail):
    path = write(PEOPLE + tail)
    before = path.read_bytes().replace(b"\n", newline.encode())
    path.write_bytes(before)
    equations = before[: len(before) - len(tail.replace("\n", newline).encode())]
    written(path)
    after = path.read_bytes()
    assert after.startswith(equations)
    assert after.endswith((SETTINGS if SETTINGS in tail else END).replace("\n", newline).encode())
    assert after.count(b"///---\\\\\\") == 1 and b"*Old" not in after
    assert (b"\r\n" in after) == (newline == "\r\n") and after.count(b"\n") == after.count(newline.encode())


def test_a_file_keeps_its_encoding(write):
    path = write(
        entry("库存= INTEG(流入, 1)") + entry("流入= 2", documentation="每年的流入量,单位为吨") + CONTROL,
        encoding="gb18030",
    )
    written(path)
    assert "库存" in path.read_bytes().decode("gb18030").partition("\\\\\\---///")[2]


def test_utf_16_is_refused(write):
    path = write(encoding="utf-16")
    atlas = diagram_of(csd.load(write(name="other.mdl")))
    with pytest.raises(ModelError, match="UTF-16"):
        with_views(path.read_bytes(), atlas.views, atlas.structure, path)


def test_writing_twice_changes_nothing(write):
    path = write("".join(map(entry, [f"V{i}= {f'V{i - 1}' if i else 1}" for i in range(40)])) + CONTROL)
    written(path)
    once = path.read_bytes()
    atlas = written(path)
    assert path.read_bytes() == once
    assert atlas.sectors.origin == "views"  # what were communities before


def test_permissions_stay(write):
    path = write()
    path.chmod(0o640)
    written(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in path.parent.iterdir()] == [path.name]


# ---- what stands there -----------------------------------------------------------------------------------------------


def test_a_sketch_holds_every_variable_once_and_repeats_as_shadows(atlases):
    for atlas in atlases.values():
        shown = words(sketch_text(atlas.views, atlas.structure))
        own = [clean(name) for name, bits in shown if bits == 3]
        wanted = [key for key, thing in atlas.structure.things.items() if thing.kind not in ("control", "time")]
        assert sorted(own) == sorted(wanted)
        assert {bits for _, bits in shown} == {2, 3}


def test_arrows_and_pipes_of_a_sketch_are_causes_in_the_equations(atlases):
    for atlas in atlases.values():
        causes = {(c.source, c.target) for c in atlas.structure.causes}
        ends = {p.key: p.target or p.source for p in atlas.structure.pipes if not p.named}
        causes |= {(a, ends.get(b, b)) for a, b in causes}
        causes |= {(p.key, end) for p in atlas.structure.pipes if p.named for end in (p.source, p.target)}
        flows = re.compile(r"^(?:10|11|12),(\d+),([^,]*)", re.M)
        for view in sketch_text(atlas.views, atlas.structure).split("\\\\\\---///")[1:]:
            names = {number: clean(name) for number, name in flows.findall(view)}
            kinds = {number: kind for kind, number in re.findall(r"^(10|11|12),(\d+),", view, re.M)}
            for source, target, shape in re.findall(r"^1,\d+,(\d+),(\d+),(\d+),", view, re.M):
                if kinds[source] == "11":  # a side of a pipe, from its valve
                    assert shape in ("4", "100")
                else:
                    flow = (names[source], names[target])
                    accumulated = any(
                        p.named and p.key == flow[0] and flow[1] in (p.source, p.target) for p in atlas.structure.pipes
                    )
                    assert flow in causes or accumulated, flow


def test_a_flow_name_follows_its_valve(atlases):
    lines = sketch_text(atlases["lead"].views, atlases["lead"].structure).splitlines()
    valves = [i for i, line in enumerate(lines) if line.startswith("11,")]
    assert len(valves) > 30
    for i in valves:
        word = lines[i + 1].split(",")
        assert word[0] == "10" and word[7] == "40" and int(word[1]) == int(lines[i].split(",")[1]) + 1


# ---- other programs --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copies(atlases, tmp_path_factory):
    """Both shipped models with new views."""
    made = {}
    for name, atlas in atlases.items():
        path = tmp_path_factory.mktemp(name) / f"{name}.mdl"
        shutil.copy(csd.load(name).path, path)
        path.chmod(0o644)
        write_views(path, atlas.views, atlas.structure)
        made[name] = path
    return made


def test_the_model_runs_as_before(copies):
    before = csd.load("lead").run_arrays(stop=1975)
    after = csd.load(copies["lead"]).run_arrays(stop=1975)
    assert before.names == after.names
    np.testing.assert_array_equal(before.values, after.values)


@pytest.mark.parametrize("name", ["orange", "lead"])
def test_pysimlin_reads_and_draws_the_views(copies, atlases, name):
    project = simlin.load(copies[name]).project
    assert project is not None
    (view,) = json.loads(project.serialize_json())["models"][0]["views"]
    titles = [e["name"] for e in view["elements"] if e["type"] == "group"]
    assert titles == [view.title for view in atlases[name].views]
    stocks = {clean(e["name"]) for e in view["elements"] if e["type"] == "stock"}
    assert stocks == {k for k, thing in atlases[name].structure.things.items() if thing.kind == "stock"}
    assert len([e for e in view["elements"] if e["type"] == "link"]) > 500
    assert project.render_svg().startswith(b"<svg")


def test_pysd_reads_the_views(copies, atlases):
    from pysd.translators.vensim.vensim_file import VensimFile

    file = VensimFile(copies["lead"])
    file.parse(parse_all=False)
    file.parse_sketch([])
    found = getattr(file.sections[0], "views_dict", {})
    views = atlases["lead"].views
    assert len(found) == len(views)
    own = sum(not node.shadow and bool(node.lines) for view in views for node in view.nodes)
    assert sum(map(len, found.values())) == own


# ---- mistakes --------------------------------------------------------------------------------------------------------


def test_a_read_only_file_is_left_alone(write):
    path = write()
    atlas = diagram_of(csd.load(path))
    before = path.read_bytes()
    path.chmod(0o444)
    with pytest.raises(InputError, match="read-only"):
        write_views(path, atlas.views, atlas.structure)
    assert path.read_bytes() == before


def test_a_failure_in_between_leaves_the_file_whole(write, monkeypatch):
    path = write()
    atlas = diagram_of(csd.load(path))
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_views(path, atlas.views, atlas.structure)
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == [path.name]
