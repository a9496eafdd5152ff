"""Stages done in a process of their own, so that their Python doesn't hold up the runs of the long stage.

The process is a plain Python with this one's search path; it gets the case as a line of JSON, answers with lines of
JSON, and ends when this one does. Where it can't be started, or dies, its stages are left for the caller to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from cluster_sd.stages.found import Found, LeftOut, from_json, to_json

if TYPE_CHECKING:
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import Stage

__all__ = ["Beside", "main"]

#: What the process runs: its search path first, without the folder that it happens to stand in.
BOOT = "import sys; sys.path[:] = {path!r}; from cluster_sd.stages.beside import main; main()"
Told = Callable[[str, int, int], object]
Finished = Callable[[str, Found | LeftOut, float], object]


class Beside:
    """Some stages of a case, done in a process of their own.

    Parameters
    ----------
    case : Case
    stages : mapping of str to Stage or None
        None: the one of that name in :data:`cluster_sd.stages.registry.STAGES`.
    tell : callable
        As in :func:`cluster_sd.stages.carrying.carry_out`; called from another thread.
    finish : callable
        Called as ``finish(stage, result, seconds)`` for each stage that is finished, from another thread.
    """

    def __init__(self, case: Case, stages: Mapping[str, Stage | None], tell: Told, finish: Finished) -> None:
        self._asked = {
            "model": str(case.model.path.resolve()),
            "outside": case.model._allow_outside,
            "data": [str(os.path.abspath(path)) for path in case.data],
            "samples": case.samples,
            "seed": case.seed,
            "threads": case.threads,
            "stages": {
                name: None if stage is None else [stage.make.__module__, stage.make.__qualname__]
                for name, stage in stages.items()
            },
        }
        self._tell, self._finish = tell, finish
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self._fault = ""

    def __enter__(self) -> Beside:
        if not sys.executable:  # Python within another program
            return self
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT.format(path=sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for this process alone, which then ends that one
            )
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(self._asked) + "\n")
            self._process.stdin.flush()
        except OSError:
            return self
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._listener is not None:
            self._listener.join()
        for pipe in () if self._process is None else (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def wait(self) -> None:
        """Until all that the process can do is finished.

        Raises
        ------
        RuntimeError
            For a fault of the program in one of the stages.
        """
        if self._listener is not None:
            self._listener.join()
        if self._fault:
            raise RuntimeError(self._fault)

    def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            try:
                said = json.loads(line)
            except ValueError:  # cut off in the middle
                return
            if "fault" in said:
                self._fault = str(said["fault"])
            elif "result" in said:
                self._finish(said["stage"], from_json(said["result"]), said["seconds"])
            else:
                self._tell(said["stage"], said["done"], said["total"])


# --- the other side ---------------------------------------------------------------------------------------------------


def main() -> None:
    """Do what the line on standard input asks for, and answer on standard output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing that a library prints gets among the answers
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_watch, daemon=True).start()
    try:
        _answer(asked, answers)
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(1)
    except BaseException as error:
        _say(answers, fault=f"{type(error).__name__}: {error}")
    os._exit(0)  # at once: a thread still reads standard input


def _watch() -> None:
    """End when whoever asked is gone: that closes standard input, on which nothing more ever comes."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _answer(asked: dict[str, Any], answers: IO[str]) -> None:
    import importlib
    import warnings

    from cluster_sd.api import load
    from cluster_sd.stages.case import Case
    from cluster_sd.stages.registry import STAGES, Stage, made

    warnings.simplefilter("ignore")
    model = load(asked["model"], allow_outside=asked["outside"])
    case = Case(model, asked["data"], asked["samples"], asked["seed"], asked["threads"])
    for name, where in asked["stages"].items():
        begun = time.perf_counter()
        _say(answers, stage=name, done=0, total=1)
        stage = STAGES[name] if where is None else Stage(getattr(importlib.import_module(where[0]), where[1]))
        result = made(stage, case, lambda done, total, name=name: _say(answers, stage=name, done=done, total=total))
        _say(answers, stage=name, result=to_json(result), seconds=time.perf_counter() - begun)


_LOCK = threading.Lock()


def _say(answers: IO[str], **said: Any) -> None:
    with _LOCK:
        answers.write(json.dumps(said) + "\n")
        answers.flush()
