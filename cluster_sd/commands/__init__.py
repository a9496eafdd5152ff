"""The commands of ``cluster-sd``, a module each.

A command has ``HELP`` (one line), ``DESCRIPTION``, ``EXAMPLE`` (shown by ``--help``; a test runs it),
``add_arguments(parser)`` and ``run(arguments)``, which returns the exit status or None. Modules import the library
inside ``run``, so that ``--help`` and mistakes cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from cluster_sd.commands import calibrate, diagram, ensemble, loops, models, report, run, sensitivity, validate

#: Name of each command -> its module, in the order of ``--help``.
REGISTRY: Mapping[str, ModuleType] = {
    "models": models,
    "run": run,
    "ensemble": ensemble,
    "sensitivity": sensitivity,
    "calibrate": calibrate,
    "loops": loops,
    "validate": validate,
    "diagram": diagram,
    "report": report,
}
