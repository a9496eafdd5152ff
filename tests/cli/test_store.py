"""The cache of lowered programs gives back what was put in, exactly, or nothing."""

import dataclasses
import os
import stat
import struct
import subprocess
import sys
import threading

import pytest

from cluster_sd.program import store
from cluster_sd.program.ir import Control, Event, Node, Parameter, Pipe, Program, Rate, Slot, State, Table

NAN, INF, TINY = float("nan"), float("inf"), 5e-324


def exact(value):
    """`value` with each float as its bits and each type by its name: equal only where really the same."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if dataclasses.is_dataclass(value):
        return [exact(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, dict):
        return [(key, exact(item)) for key, item in value.items()]
    if isinstance(value, tuple | list):
        return [type(value).__name__, *map(exact, value)]
    return type(value).__name__, value


@pytest.fixture
def program():
    literals = [NAN, -0.0, INF, -INF, TINY, 0.1, 1e308]
    nodes = [Node("literal", (), value, Rate.LITERAL) for value in literals]
    nodes += [
        Node("parameter", (), 0, Rate.RUN),
        Node("state", (), 0, Rate.STEP),
        Node("time", (), None, Rate.TIME),
        Node("where", (0, 1, 2), None, Rate.STEP),
        Node("table", (3,), 1, Rate.FIXED),
    ]
    return Program(
        nodes=tuple(nodes),
        parameters=(Parameter("Premium share", -0.0), Parameter("价格[甲,乙]", NAN)),
        states=(State("Farmer capital", 0, 1), State("Stock", 1, 2, True)),
        slots=(Slot("sampled", 3, 4),),
        pipes=(Pipe("delayed", 1, 2, 3),),
        tables=(Table("f", (0.0, 1.0), (-0.0, INF), "forward"), Table("g", (0.0,), (1.0,), "extrapolate", 1)),
        streams=("noise",),
        events=(Event(1), Event(1, 2, 3)),
        outputs={"b": 1, "a": 0, 'quoted "name", with comma': 3},
        control=Control(-1.5, INF, 0.1, NAN, "rk4"),
    )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    place = tmp_path / "cache"
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(place))
    return place


def test_a_program_comes_back_bit_for_bit(program):
    metadata = {"units": {"b": "元/公斤"}, "limits": [NAN, -INF, 0.1, None, True, 3]}
    assert store.save("x", store.Entry(program, metadata))
    found = store.load("x")
    assert found is not None
    assert exact(found) == exact(store.Entry(program, metadata))


def test_a_program_without_anything_comes_back(program):
    empty = Program((), (), (), (), (), (), (), (), {}, Control(0.0, 1.0, 1.0, 1.0))
    store.save("x", store.Entry(empty, {}))
    assert exact(store.load("x")) == exact(store.Entry(empty, {}))


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_entry_is_absent(program, cache, keep):
    store.save("x", store.Entry(program, {}))
    file = cache / "x.npz"
    content = file.read_bytes()
    file.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    assert store.load("x") is None


def test_flipping_any_byte_gives_the_same_program_or_nothing(program, cache):
    store.save("x", store.Entry(program, {"name": "value"}))
    file = cache / "x.npz"
    content = file.read_bytes()
    truth = exact(store.load("x"))
    for place in range(0, len(content), 7):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = store.load("x")
        assert found is None or exact(found) == truth, place


def test_a_pickle_in_an_entry_is_never_loaded(program, cache):
    import numpy as np

    cache.mkdir(mode=0o700)
    np.savez(cache / "x.npz", text=np.array([{"format": store.FORMAT}], dtype=object))
    assert store.load("x") is None


def test_the_folder_is_the_users_alone(program, cache):
    cache.mkdir(mode=0o755)
    store.save("x", store.Entry(program, {}))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE((cache / "x.npz").stat().st_mode) == 0o600


def test_a_cache_that_cannot_be_written_is_no_error(program, cache):
    cache.write_text("a file where the folder should be")
    assert not store.save("x", store.Entry(program, {}))
    assert store.load("x") is None


def test_the_cache_can_be_switched_off(program, cache, monkeypatch):
    monkeypatch.setenv("CLUSTER_SD_CACHE", "off")
    assert not store.save("x", store.Entry(program, {}))
    assert store.load("x") is None
    assert not cache.exists()


def test_keys_tell_contents_apart():
    keys = [store.key("a", "bc"), store.key("ab", "c"), store.key("abc"), store.key("abc", ""), store.key(b"ab", b"d")]
    assert len(set(keys)) == len(keys)
    assert store.key("a", b"b") == store.key(b"a", "b")


def test_another_process_makes_the_same_key():
    command = [sys.executable, "-c", "from cluster_sd.program import store; print(store.key('model text', 'options'))"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert there.stdout.strip() == store.key("model text", "options")


def test_the_oldest_entries_go_first(program, cache, monkeypatch):
    monkeypatch.setattr(store, "MOST_ENTRIES", 3)
    for i in range(4):
        store.save(f"entry{i}", store.Entry(program, {}))
        os.utime(cache / f"entry{i}.npz", (i, i))
    store.save("new", store.Entry(program, {}))
    assert sorted(path.stem for path in cache.glob("*.npz")) == ["entry2", "entry3", "new"]


def test_writers_and_readers_at_the_same_time_never_see_half_an_entry(program, cache):
    entries = [store.Entry(program, {"n": n, "filling": "x" * n * 1000}) for n in range(4)]
    store.save("x", entries[0])
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            found = store.load("x")
            seen.append(None if found is None else found.metadata["n"])

    def write(entry):
        for _ in range(20):
            store.save("x", entry)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[entry]) for entry in entries]
    reader.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert seen and None not in seen
    assert [path.name for path in cache.iterdir()] == ["x.npz"]
