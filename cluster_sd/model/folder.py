"""A model's folder: where it is, and the tables beside the model file."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cluster_sd.errors import InputError, ModelError, unknown
from cluster_sd.model.names import clean
from cluster_sd.model.parameters import Parameter, read_parameters
from cluster_sd.model.rows import read_rows
from cluster_sd.model.scenarios import Change, Scenario, read_scenarios, resolve_scenario
from cluster_sd.model.source import KINDS

__all__ = [
    "Change",
    "ModelFolder",
    "Outcome",
    "Parameter",
    "Scenario",
    "find_model",
    "purpose",
    "read_folder",
    "read_names",
    "read_outcomes",
    "read_parameters",
    "read_scenarios",
    "resolve_scenario",
    "shipped_models",
]

_BETTER = ("high", "low")


@dataclass(frozen=True)
class Outcome:
    """One row of ``outcomes.csv``; `better` is ``high``, ``low`` or empty."""

    name: str
    measure: str
    unit: str
    better: str
    description: str
    file: Path
    line: int


@dataclass(frozen=True)
class ModelFolder:
    """What stands beside a model file; what isn't there is empty."""

    path: Path
    parameters: tuple[Parameter, ...]
    scenarios: tuple[Scenario, ...]
    outcomes: tuple[Outcome, ...]
    names_zh: Mapping[str, str]

    def changes(self, scenario: str) -> tuple[Change, ...]:
        """What a scenario changes, see `resolve_scenario`."""
        if not self.scenarios:
            raise unknown("scenario", scenario, (), str(self.path))
        return resolve_scenario(self.scenarios, self.parameters, scenario)


def read_folder(
    model: Path, names: Collection[str] | None = None, check_measure: Callable[[str], object] | None = None
) -> ModelFolder:
    """Read the tables in the folder of a model file.

    Parameters
    ----------
    model : Path
        The model file.
    names : collection of str, optional
        Names of the model; parameters and scenarios may use no others.
    check_measure : callable, optional
        Called with the measure of every outcome; its `InputError` is given file and row.

    Raises
    ------
    InputError
        As `read_parameters`, `read_scenarios` and `read_outcomes`.
    """
    folder = model.parent

    def there(name: str) -> Path | None:
        return folder / name if (folder / name).is_file() else None

    parameters, scenarios, outcomes, chinese = map(
        there, ("parameters.csv", "scenarios.toml", "outcomes.csv", "names_zh.csv")
    )
    return ModelFolder(
        path=folder,
        parameters=read_parameters(parameters, names) if parameters else (),
        scenarios=read_scenarios(scenarios, names) if scenarios else (),
        outcomes=read_outcomes(outcomes, check_measure) if outcomes else (),
        names_zh=read_names(chinese) if chinese else MappingProxyType({}),
    )


def read_outcomes(path: Path, check_measure: Callable[[str], object] | None = None) -> tuple[Outcome, ...]:
    """Read and check an ``outcomes.csv``.

    Raises
    ------
    InputError
        Naming file and row.
    """
    out: dict[str, Outcome] = {}
    columns = ("name", "measure", "unit", "better", "description")
    for row in read_rows(path, columns, ("name", "measure")):
        outcome = Outcome(
            name=row.text("name", needed=True),
            measure=row.text("measure", needed=True),
            unit=row.text("unit"),
            better=row.choice("better", _BETTER, ""),
            description=row.text("description"),
            file=path,
            line=row.line,
        )
        if clean(outcome.name) in out:
            raise row.error(f"outcome '{outcome.name}' stands twice")
        if check_measure is not None:
            try:
                check_measure(outcome.measure)
            except InputError as error:
                raise ModelError(str(error), path, row.line) from None
        out[clean(outcome.name)] = outcome
    return tuple(out.values())


def read_names(path: Path) -> Mapping[str, str]:
    """Read a ``names_zh.csv`` (columns ``name, zh``): Chinese names by clean name."""
    out: dict[str, str] = {}
    for row in read_rows(path, ("name", "zh"), ("name", "zh")):
        key = clean(row.text("name", needed=True))
        if key in out:
            raise row.error(f"'{row.text('name')}' stands twice")
        out[key] = row.text("zh", needed=True)
    return MappingProxyType(out)


def shipped_models() -> Mapping[str, Path]:
    """Model files that come with the package, by name."""
    try:
        root = Path(str(importlib.resources.files("sd_models")))
    except ModuleNotFoundError:
        return MappingProxyType({})
    found = {}
    for folder in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else ():
        files = [folder / f"{folder.name}{ending}" for ending in KINDS]
        for file in files:
            if file.is_file():
                found.setdefault(folder.name, file)
    return MappingProxyType(found)


def _is(question: Callable[[], bool]) -> bool:
    """Whether a path is what is asked; one that is too long or forbidden is nothing."""
    try:
        return question()
    except OSError:
        return False


def find_model(model: str | Path) -> Path:
    """The file of a shipped model's name, or of a path to a ``.mdl``, ``.xmile`` or ``.stmx`` file.

    Raises
    ------
    InputError
        If there is neither; close names are suggested.
    """
    path, shipped = Path(model), shipped_models()
    if _is(path.is_file):
        if path.suffix.lower() not in KINDS:
            raise InputError(f"{path}: is no model file; a model is a .mdl, .xmile or .stmx file")
        return path
    name = str(model).strip().lower()
    if name in shipped:
        return shipped[name]
    if _is(path.is_dir):
        inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in KINDS)
        tail = f"it holds {', '.join(inside[:5])}" if inside else "it holds none"
        raise InputError(f"{path}: is a folder; name the model file in it ({tail})")
    near = sorted(p for p in path.parent.iterdir() if p.suffix.lower() in KINDS) if _is(path.parent.is_dir) else []
    raise unknown("model", str(model), [*shipped, *(str(p) for p in near)])


def purpose(readme: Path) -> str:
    """The first sentence of a model's README, without its marks; empty where there is none."""
    if not readme.is_file():
        return ""
    blocks = re.split(r"\n\s*\n", readme.read_text(encoding="utf-8", errors="replace").strip())
    paragraphs = [" ".join(block.split()) for block in blocks if not block.lstrip().startswith(("#", "|", "```"))]
    text = re.sub(r"[*_`]|\[([^]]*)\]\([^)]*\)", r"\1", paragraphs[0] if paragraphs else "")
    return re.split(r"(?<=[.?!]) ", text, maxsplit=1)[0]
