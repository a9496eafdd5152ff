"""The command ``cluster-sd``: arguments in, a call of the library, files out.

Exit status 0; 2 for the user's mistake, with one line on standard error; 1 for a check that failed or a fault of the
program. Each command is a module of :mod:`cluster_sd.commands`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import NoReturn

from cluster_sd import commands
from cluster_sd.errors import ClusterSDError, InputError
from cluster_sd.version import __version__

__all__ = ["main", "parser"]

DEBUG = "CLUSTER_SD_DEBUG"
OK, FAULT, MISTAKE, INTERRUPTED, BROKEN_PIPE, TERMINATED = 0, 1, 2, 130, 141, 143


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the command's name; those of the process where it is None.

    Returns
    -------
    int
        The exit status.
    """
    if argv is None:
        signal.signal(signal.SIGTERM, _terminate)  # so that nothing half written stays behind
    quiet = False
    try:
        arguments = parser().parse_args(argv)
        quiet = arguments.quiet
        with _warnings(quiet):
            status = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status or OK
    except ClusterSDError as error:
        return _fail(str(error), MISTAKE)
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has seen enough
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk, a file without the right to read it
        _drop_output()
        reason = error.strerror or str(error)
        return _fail(f"{error.filename}: {reason}" if error.filename else reason, MISTAKE)
    except MemoryError:
        return _fail("not enough memory; fewer runs or variables, or measures in place of series, need less", MISTAKE)
    except Exception as error:
        hint = f"a fault of this program; with {DEBUG}=1 in the environment it shows where, for a report"
        return _fail(f"{type(error).__name__}: {error} ({hint})", FAULT)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(
        prog="cluster-sd",
        description="Run and study system-dynamics models (.mdl, .xmile, .stmx).",
        epilog="example:\n  cluster-sd run orange --out orange.csv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"cluster-sd {__version__}")
    below = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser, required=True)
    for name, command in commands.REGISTRY.items():
        sub = below.add_parser(
            name,
            help=command.HELP,
            description=command.DESCRIPTION,
            epilog=command.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return top


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are errors like all others, not a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def _drop_output() -> None:
    """Send what standard output still holds nowhere, so that the interpreter doesn't fail over it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(text: str, status: int) -> int:
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    with contextlib.suppress(OSError):
        print("cluster-sd: error: " + " ".join(text.split()), file=sys.stderr)
    return status


@contextlib.contextmanager
def _warnings(quiet: bool) -> Iterator[None]:
    """Show what the library warns of as a line, and no warnings that are meant for programmers."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            if not quiet:
                warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show
        yield


def _show(message: Warning | str, *_: object, **__: object) -> None:
    print("cluster-sd: warning: " + " ".join(str(message).split()), file=sys.stderr)


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(TERMINATED)
