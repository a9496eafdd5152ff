"""Signs of life: on a terminal, for work that takes more than two seconds, and only there."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["bar", "naming", "waiting"]

#: Seconds of work before anything is shown.
PATIENCE = 2.0


def _shown(quiet: bool) -> bool:
    return not quiet and sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def bar(unit: str, quiet: bool = False) -> Iterator[Callable[[int, int], None] | None]:
    """A bar for work that reports how far it is.

    Parameters
    ----------
    unit : str
        What is counted.
    quiet : bool
        Show nothing, whatever standard error is.

    Yields
    ------
    callable or None
        To be called with what is done and the total; None where nothing is to be shown.
    """
    if not _shown(quiet):
        yield None
        return
    begun = time.monotonic()
    shown: Any = None

    def update(done: int, total: int) -> None:
        nonlocal shown
        if shown is None:
            if time.monotonic() - begun < PATIENCE:
                return
            from tqdm import tqdm

            shown = tqdm(total=total, unit=unit, unit_scale=True, leave=False, file=sys.stderr)
        shown.update(done - shown.n)

    try:
        yield update
    finally:
        if shown is not None:
            shown.close()


@contextmanager
def waiting(text: str, quiet: bool = False) -> Iterator[None]:
    """Show `text` and the time that has passed, for work that can't say how far it is."""
    if not _shown(quiet):
        yield
        return
    over = threading.Event()

    def watch() -> None:
        if over.wait(PATIENCE):
            return
        from tqdm import tqdm

        with tqdm(total=None, bar_format="{desc} {elapsed}", desc=text, leave=False, file=sys.stderr) as shown:
            while not over.wait(0.5):
                shown.refresh()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextmanager
def naming(quiet: bool = False) -> Iterator[Callable[[str, float], None] | None]:
    """A bar for work in several parts, with the name of what is being done and the time left.

    Parameters
    ----------
    quiet : bool
        Show nothing, whatever standard error is.

    Yields
    ------
    callable or None
        To be called with a text and the part of all work that is done, 0 to 1; None where nothing is to be shown.
    """
    if not _shown(quiet):
        yield None
        return
    begun = time.monotonic()
    shown: Any = None

    def update(text: str, part: float) -> None:
        nonlocal shown
        if shown is None:
            if time.monotonic() - begun < PATIENCE:
                return
            from tqdm import tqdm

            form = "{desc} |{bar}| {percentage:3.0f} % [{elapsed}, {remaining} left]"
            shown = tqdm(total=1.0, desc=text, bar_format=form, smoothing=0.05, leave=False, file=sys.stderr)
        shown.set_description_str(text, refresh=False)
        shown.update(max(part - shown.n, 0.0))

    try:
        yield update
    finally:
        if shown is not None:
            shown.close()
