"""What of a run is kept: names that the user gives become outputs, and nothing is larger than the machine."""

from __future__ import annotations

import os
from collections.abc import Iterable

from cluster_sd.errors import InputError, unknown
from cluster_sd.model.names import clean, split_element
from cluster_sd.program.ir import Program
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import key_of

#: Results larger than this share of the machine's memory are refused with advice, rather than left to the operating
#: system.
MEMORY_SHARE = 0.8
_UNKNOWN_MEMORY = 16 * 2**30


def time_unit(metadata: Metadata) -> str:
    """The model's unit of time, empty where it has none."""
    for name in ("time", "time_step", "initial_time", "final_time"):
        found = metadata.by_name.get(name)
        if found is not None and found.unit:
            return found.unit
    return ""


def pick_variables(program: Program, metadata: Metadata, variables: Iterable[str] | None) -> tuple[str, ...]:
    """Outputs that `variables` name, all elements of an array that is named whole; all outputs for None."""
    if variables is None:
        return tuple(program.outputs)
    asked = [variables] if isinstance(variables, str) else list(variables)
    if not asked:
        raise InputError("no variables are asked for; name some, or leave the option out for all")
    scalars = {key_of(name): name for name in program.outputs}
    arrays: dict[str, list[str]] = {}
    for name in program.outputs:
        base, subscripts = split_element(name)
        if subscripts:
            arrays.setdefault(clean(base), []).append(name)
    found: dict[str, None] = {}
    for name in asked:
        key = key_of(str(name))
        if key in scalars:
            found[scalars[key]] = None
        elif key in arrays:
            found.update(dict.fromkeys(arrays[key]))
        else:
            raise _no_output(str(name), metadata, program)
    return tuple(found)


def _no_output(name: str, metadata: Metadata, program: Program) -> InputError:
    variable = metadata.find(name)
    if variable is not None and variable.kind == "table":
        return InputError(f"'{variable.name}' is a table, which has no course over time; name a variable that uses it")
    if variable is not None:
        elements = [n for n in program.outputs if clean(split_element(n)[0]) == clean(variable.name)]
        return unknown("element", name, elements)
    bases = dict.fromkeys(split_element(n)[0] for n in program.outputs)
    return unknown("variable", name, [*bases, *program.outputs])


def _memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not on Windows
        return _UNKNOWN_MEMORY


def check_size(numbers: float, what: str) -> None:
    """Raise InputError where results of so many `numbers` don't fit into memory; `what` there could be fewer of."""
    if numbers * 8 > MEMORY_SHARE * _memory():
        raise InputError(
            f"the results would take {numbers * 8 / 2**30:,.0f} GiB; keep fewer {what}, save less often, or ask for "
            f"measures that are numbers, as final(Name)"
        )
