"""Which emitter runs what, and the cache of compiled code."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
from llvm_programs import case

from cluster_sd.program import emit_llvm_target, engine
from cluster_sd.program.emit_llvm import LlvmKernel
from cluster_sd.program.emit_llvm_target import build, host
from cluster_sd.program.emit_numpy import NumpyKernel

TEXT = "define i64 @answer() {\n  ret i64 42\n}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLUSTER_SD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "code"


def answer(text: str = TEXT) -> int:
    import ctypes

    code = build(text, host(), 0)
    return ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("answer"))()


def never(*_: object) -> bytes:
    raise AssertionError("compiled again")


def test_code_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer() == 42
    monkeypatch.setattr(emit_llvm_target, "compile_object", never)
    assert answer() == 42


def test_the_cache_is_its_owners_alone(folder: Path) -> None:
    answer()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(entry.stat().st_mode) == 0o600 for entry in folder.iterdir())


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + b"x" + b[41:], lambda b: b"\0" * len(b)]
)
def test_a_damaged_entry_is_made_again(folder: Path, damage) -> None:
    answer()
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert answer() == 42
    assert entry.read_bytes() == whole


def test_the_key_minds_text_effort_and_features(folder: Path) -> None:
    build(TEXT, host(), 0)
    build(TEXT, host(), 2)
    build(TEXT, host("-avx512f,-avx2"), 0)
    build(TEXT.replace("42", "43"), host(), 0)
    assert len(list(folder.iterdir())) == (4 if host("-avx512f,-avx2") != host() else 3)


def test_without_a_place_for_the_cache_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in ("off", str(tmp_path / "file")):
        monkeypatch.setenv("CLUSTER_SD_CACHE", place)
        assert answer() == 42


def test_the_cache_does_not_grow_forever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit_llvm_target, "MOST_ENTRIES", 3)
    for number in range(6):
        build(TEXT.replace("42", str(number)), host(), 0)
    assert len(list(folder.iterdir())) == 3


def test_features_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host("-fma").machine.fma is False
    assert not host("-avx512f").machine.masks
    monkeypatch.setenv("CLUSTER_SD_CPU_FEATURES", "-avx512f,-fma")
    assert host() == host("-avx512f,-fma")


def test_numpy_for_little_work_and_machine_code_for_much() -> None:
    task = case(3, "euler", 1).task
    assert isinstance(engine.make_kernel(task, evaluations=10), NumpyKernel)
    assert isinstance(engine.make_kernel(task, evaluations=1e9), LlvmKernel)
    assert isinstance(engine.make_kernel(task, "numpy", evaluations=1e9), NumpyKernel)
    assert isinstance(engine.make_kernel(task, "llvm", evaluations=1), LlvmKernel)
    with pytest.raises(ValueError, match="unknown backend 'fortran'; it can be llvm or numpy"):
        engine.make_kernel(task, "fortran")


def test_more_work_is_worth_more_compiling() -> None:
    task = case(3, "euler", 1).task
    assert [engine.effort(task, evaluations) for evaluations in (1e3, 1e5, 1e9)] == [0, 0, 2]


def test_the_same_task_gets_the_same_kernel() -> None:
    task = case(4, "heun", 1).task
    assert engine.make_kernel(task, "llvm", 1e4) is engine.make_kernel(task, "llvm", 2e4)
    other = case(4, "heun", 1).task
    assert engine.make_kernel(other, "llvm", 1e4) is not engine.make_kernel(task, "llvm", 1e4)


def test_a_task_that_comes_again_and_again_gets_fast_code() -> None:
    task = case(5, "heun", 1).task
    efforts = [engine._llvm(task, 1.5e6).effort for _ in range(5)]
    assert efforts[0] == 0 and efforts[-1] == 2


def test_both_efforts_give_the_same_bits() -> None:
    drawn = case(9, "rk4", 20)
    fast, quick = (drawn.run(LlvmKernel(drawn.task, effort=effort)) for effort in (2, 0))
    np.testing.assert_array_equal(fast.series, quick.series)
