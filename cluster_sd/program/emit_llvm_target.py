"""The processor that code is made for, and the way from LLVM's language to machine code that can be called.

Only this module imports ``llvmlite``. Object code is kept in the cache's folder (:mod:`cluster_sd.program.store`)
under a key of everything that it depends on: the text, llvmlite's version, the processor's name and features, the
effort. What is found there is checked by a digest before it is used; anything damaged is made again. The folder is
its owner's alone, and nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from cluster_sd.program import store
from cluster_sd.program.emit_llvm_text import Machine

#: Environment variable that turns features off, in LLVM's notation: ``-avx512f,-fma``.
FEATURES = "CLUSTER_SD_CPU_FEATURES"
_AVX512 = ("avx512f", "avx512dq", "avx512vl", "avx512bw")
_lock = threading.RLock()


@dataclass(frozen=True, slots=True)
class Target:
    """A processor: LLVM's name and features of it, and what the emitter has to know."""

    triple: str
    cpu: str
    features: str
    machine: Machine


def host(masked: str | None = None) -> Target:
    """Processor of this machine, without the features in `masked` (default: the environment's)."""
    return _host(os.environ.get(FEATURES, "") if masked is None else masked)


@lru_cache(maxsize=8)
def _host(masked: str) -> Target:
    off = {item.strip().lstrip("-") for item in masked.split(",") if item.strip()}
    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    found = dict(llvm.get_host_cpu_features())
    if off & {"avx512f", "fma"}:  # the one needs the other
        off |= {name for name in found if name.startswith(("avx512", "avx10", "amx"))}
    if "avx2" in off or "avx" in off:
        off |= {name for name in found if name.startswith(("avx", "amx", "vaes", "vpcl", "f16c", "fma"))}
    found = {name: on and name not in off for name, on in found.items()}
    flat = ",".join(("+" if on else "-") + name for name, on in sorted(found.items()))
    return Target(triple, llvm.get_host_cpu_name(), flat, _machine(triple, found))


def _machine(triple: str, has: dict[str, bool]) -> Machine:
    if not triple.startswith(("x86_64", "amd64")):
        return Machine(vector=2, fma=triple.startswith(("aarch64", "arm64")), masks=False, rounds=True)
    if all(has.get(name, False) for name in _AVX512):
        return Machine(vector=8, fma=True, masks=True, rounds=True)
    if has.get("avx2", False):
        return Machine(vector=4, fma=has.get("fma", False), masks=False, rounds=True)
    return Machine(vector=2, fma=False, masks=False, rounds=has.get("sse4.1", False))


class Code:
    """Machine code in memory; holds it for as long as somebody may call one of its functions."""

    def __init__(self, target: Target, content: bytes) -> None:
        with _lock:
            machine = _target_machine(target, 0)
            empty = llvm.parse_assembly("")
            empty.triple = target.triple
            self._engine = llvm.create_mcjit_compiler(empty, machine)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(content))
            self._engine.finalize_object()

    def address(self, symbol: str) -> int:
        """Address of the function `symbol`."""
        return self._engine.get_function_address(symbol)


def build(text: str, target: Target, effort: int) -> Code:
    """Compile a module, or take it from the cache.

    Parameters
    ----------
    text : str
        LLVM's language.
    target : Target
    effort : int
        0 compiles fast, 2 makes fast code.
    """
    key = _key(text, target, effort)
    content = _read(key)
    if content is not None:
        try:
            return Code(target, content)
        except RuntimeError:  # damaged in a way that its digest doesn't show: made again below
            pass
    content = compile_object(text, target, effort)
    _write(key, content)
    return Code(target, content)


def compile_object(text: str, target: Target, effort: int) -> bytes:
    """Object code of a module."""
    with _lock:
        machine = _target_machine(target, effort)
        module = llvm.parse_assembly(text)
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        if effort:
            _optimise(module, machine)
        return machine.emit_object(module)


def _target_machine(target: Target, effort: int) -> llvm.TargetMachine:
    # code and its constants may end up anywhere in memory, far from each other: no small code model
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=effort, reloc="default", codemodel="jitdefault", jit=True
    )


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


# the cache on disk

#: Raised whenever the same text is compiled in another way.
FORMAT = "2"
#: The oldest entries beyond this many are deleted when one is added.
MOST_ENTRIES = 300


def cache_folder() -> Path | None:
    """Folder of object code, in that of :mod:`cluster_sd.program.store`; None where there is none."""
    outer = store.folder()
    if outer is None:
        return None
    try:
        (outer / "code").mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return outer / "code"


def _key(text: str, target: Target, effort: int) -> str:
    digest = hashlib.sha256()
    version = f"{llvmlite.__version__} {llvm.llvm_version_info}"
    for part in (FORMAT, version, target.triple, target.cpu, target.features, str(effort), text):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _read(key: str) -> bytes | None:
    """Entry of the cache whose digest is right."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / key
    try:
        content = path.read_bytes()
        os.utime(path)  # the oldest by use go first
    except OSError:
        return None
    digest, body = content[:32], content[32:]
    return body if body and hashlib.sha256(body).digest() == digest else None


def _write(key: str, body: bytes) -> None:
    """Put an entry into the cache, whole or not at all; where that can't be, there is none."""
    folder = cache_folder()
    if folder is None:
        return
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(body).digest() + body)
            Path(name).replace(folder / key)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        entries = sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in entries[MOST_ENTRIES:]:
            entry.unlink(missing_ok=True)
