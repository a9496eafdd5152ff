"""What all stages look at: a model, the statistics that it is held against, and how much work may be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cluster_sd.errors import InputError

if TYPE_CHECKING:
    from cluster_sd.api import Model
    from cluster_sd.calibration.observation import ObservationModel
    from cluster_sd.calibration.statistics import Statistics

__all__ = ["Case", "own_statistics", "unusable"]

#: Columns that tell a file of statistics from other tables; a row with a reason was left out.
STATISTICS, LEFT_OUT = {"variable", "time", "value", "reliability"}, "reason"


@dataclass(frozen=True, eq=False)
class Case:
    """A model of which everything is to be told.

    Parameters
    ----------
    model : Model
    data : sequence of path
        Statistics in place of those in ``data/`` beside the model.
    samples : int
        Base points of the Sobol sample.
    seed : int
        Of all samples.
    threads : int, optional
        Default: the cores that the process may use. Results don't depend on it.
    mapping : path, optional
        What statistics mean, in place of ``observations.csv`` beside the model. No stage that is kept is asked with it.
    """

    model: Model
    data: Sequence[str | Path] = ()
    samples: int = 2048
    seed: int = 0
    threads: int | None = None
    mapping: str | Path | None = None

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return self.model.path.parent

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Files of statistics: those given, else those beside the model."""
        return tuple(map(Path, self.data)) or own_statistics(self.folder / "data")

    @cached_property
    def statistics(self) -> Statistics | None:
        """What the files say; None where there are none.

        Raises
        ------
        InputError
            For a file that can't be read.
        """
        from cluster_sd.calibration.reading import read_statistics

        return read_statistics(self.files) if self.files else None

    @cached_property
    def observations(self) -> ObservationModel | None:
        """What the statistics say of a run; None where there are none.

        Raises
        ------
        InputError
            For a row that would be used and can't be, and where no row can be.
        """
        from cluster_sd.calibration.observing import mapping_of, observe

        if self.statistics is None:
            return None
        return observe(self.model, self.statistics, mapping=mapping_of(self.model, self.mapping))

    def check(self) -> None:
        """Find the user's mistakes before any work is done.

        Raises
        ------
        InputError
            For tables beside the model that can't be used, and for statistics that the user named and that can't be.
        """
        folder = self.model.folder
        for scenario in folder.scenarios:
            folder.changes(scenario.name)
        if self.data:
            _ = self.observations


def own_statistics(folder: Path) -> tuple[Path, ...]:
    """Files of statistics beside a model: those with a variable, a time, a value and a reliability.

    Raises
    ------
    InputError
        For a file that is no text.
    """
    from cluster_sd.model.text import read_text

    found = []
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        columns = {cell.strip().lower() for cell in read_text(path).partition("\n")[0].split(",")}
        if columns >= STATISTICS and LEFT_OUT not in columns:
            found.append(path)
    return tuple(found)


def unusable(case: Case) -> InputError | None:
    """Why the statistics beside a model can't be used; None where they can, or there are none.

    Raises
    ------
    InputError
        Where the user named them, or what they mean.
    """
    try:
        _ = case.observations
    except InputError as error:
        if case.data or case.mapping:
            raise
        return error
    return None
