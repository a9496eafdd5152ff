"""Options that commands share, and how their text becomes values."""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster_sd import output
from cluster_sd.errors import InputError
from cluster_sd.simulate.kernels import BACKENDS
from cluster_sd.solvers.adaptive import ADAPTIVE
from cluster_sd.solvers.tableau import FIXED_STEP


def add_common(parser: argparse.ArgumentParser) -> None:
    """``--threads`` and ``--quiet``, which every command has."""
    parser.add_argument(
        "--threads", type=count, metavar="N", help="threads (default: the cores that the process may use)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar, no warnings")


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model, and where it may read data from."""
    parser.add_argument("model", metavar="MODEL", help="name of a shipped model, or a .mdl, .xmile or .stmx file")
    parser.add_argument(
        "--allow-outside",
        action="store_true",
        help="let the model read data files outside its own folder",
    )


def add_changes(parser: argparse._ActionsContainer) -> None:
    """``--set``; :func:`changes` reads it."""
    parser.add_argument(
        "--set",
        action="append",
        metavar='"NAME=VALUE"',
        help='change a constant; "NAME@2025=VALUE": from 2025 on; may be given several times',
    )


def add_over(parser: argparse._ActionsContainer, when: str = "") -> None:
    """``--over``: draws of a posterior; `when` it can be given stands before its help."""
    parser.add_argument(
        "--over",
        metavar="posterior",
        help=f"{when}draws of a calibration in place of the ranges of what it fitted: 'posterior' (posterior.csv of "
        "the model's folder), or the folder or file that 'calibrate' gave",
    )


def add_simulation(parser: argparse.ArgumentParser) -> None:
    """What a run can be told."""
    parser.add_argument("--scenario", metavar="S", help="named changes from the model's scenarios.toml")
    parser.add_argument("--solver", choices=(*FIXED_STEP, *ADAPTIVE), help="default: what the model file says")
    parser.add_argument("--backend", choices=BACKENDS, help="default: the fastest for the work at hand")
    parser.add_argument("--time-step", type=number, metavar="X", help="default: what the model file says")
    parser.add_argument("--start", type=number, metavar="X", help="first time")
    parser.add_argument("--stop", type=number, metavar="X", help="last time")
    parser.add_argument("--save-every", type=number, metavar="X", help="time between saved values")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="seed of random functions (default: 0)")


def simulation(arguments: argparse.Namespace) -> dict[str, object]:
    """What :func:`add_simulation` added, as the library's keyword arguments."""
    names = ("scenario", "solver", "backend", "time_step", "start", "stop", "save_every", "seed")
    return {name: getattr(arguments, name) for name in names}


@contextmanager
def finished_runs_kept(target: Path) -> Iterator[None]:
    """A folder beside `target` for the finished runs; who interrupts the command is told how to go on."""
    with output.folder_of(target):
        try:
            yield
        except KeyboardInterrupt:
            warnings.warn("the same command with --resume goes on from the runs that are finished", stacklevel=1)
            raise


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not a finite number")
    return value


def count(text: str) -> int:
    """A whole number from 1."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) < 2**63):
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} on")
    return int(text)


def names(texts: Sequence[str] | None) -> list[str] | None:
    """Names from options like ``A,B``; a comma between brackets, parentheses or quotes belongs to the name."""
    if texts is None:
        return None
    found = [name.strip() for text in texts for name in _split(text)]
    return [name for name in found if name]


def _split(text: str) -> list[str]:
    parts, depth, quoted = [""], 0, False
    for letter in text:
        if letter == '"':
            quoted = not quoted
        elif not quoted:
            depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def changes(texts: Sequence[str] | None) -> dict[str, float]:
    """The changes that ``--set`` asks for: name (or ``Name@year``) -> value."""
    from cluster_sd.simulate.design import parse_change

    found: dict[str, float] = {}
    given: set[str] = set()
    for text in texts or ():
        name, value = parse_change(text, where="--set")
        if name.lower() in given:
            raise InputError(f"--set {text}: '{name}' is set twice")
        given.add(name.lower())
        found[name] = value
    return found
