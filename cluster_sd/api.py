"""The public interface: load a model, run it once or many times, look at what it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster_sd.errors import InputError
from cluster_sd.measures import parse
from cluster_sd.model.folder import ModelFolder, find_model, read_folder
from cluster_sd.program.ir import Control, Program
from cluster_sd.simulate.dataset import EnsembleArrays, RunArrays
from cluster_sd.simulate.design import Change, as_design, read_changes, read_series
from cluster_sd.simulate.loading import Loaded, load_program
from cluster_sd.simulate.metadata import Metadata
from cluster_sd.simulate.plan import Exposed, Planner
from cluster_sd.simulate.running import Settings, run_many, run_one

if TYPE_CHECKING:
    import pandas
    import xarray

    from cluster_sd.simulate.many_slopes import Slopes

__all__ = ["EnsembleArrays", "Model", "RunArrays", "load"]

#: What stands before the first sketch of a Vensim file.
SKETCHES = b"\\\\\\---///"
#: How the line of a Vensim file begins that names the method of integration.
INTEGRATION = b"15:"


def load(model: str | Path, *, allow_outside: bool = False) -> Model:
    """Load a model.

    Parameters
    ----------
    model : str or Path
        Name of a shipped model (``"orange"``, ``"lead"``), or path of a ``.mdl``, ``.xmile`` or ``.stmx`` file.
    allow_outside : bool
        Whether data that the model names may lie outside its own folder.

    Returns
    -------
    Model

    Raises
    ------
    InputError
        For a name or path that leads to no model.
    ModelError
        For a file that can't be read or understood, with file and line.
    UnsupportedError
        For something that is valid in a model and not run by this package, by its name.
    """
    path = find_model(model)
    return Model(path, load_program(path, allow_outside=allow_outside), allow_outside)


@dataclass(frozen=True, eq=False)
class Model:
    """A model that can be run; immutable, and safe to use from several threads.

    Made by :func:`load`.

    Attributes
    ----------
    path : Path
        The model file.
    """

    path: Path
    _loaded: Loaded = field(repr=False)
    _allow_outside: bool = field(default=False, repr=False)
    _exposed: dict[str, Program] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    # ---- what the model is ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the model: that of its file without the ending."""
        return self.path.stem

    @property
    def hash(self) -> str:
        """SHA-256 of the model file."""
        return self.metadata.hash

    @cached_property
    def equations_hash(self) -> str:
        """SHA-256 of the model file without its sketches: a box that moves changes no result.

        What follows the sketches counts where it says how to integrate. Of an XMILE file, whose views stand among its
        equations, the hash of the whole.
        """
        equations, _, rest = self.path.read_bytes().partition(SKETCHES)
        integration = [line.strip() for line in rest.splitlines() if line.startswith(INTEGRATION)]
        return sha256(b"\n".join([equations.rstrip(), *integration])).hexdigest()

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Data files that the model reads, relative to its folder, with their SHA-256."""
        return self.metadata.files

    @property
    def metadata(self) -> Metadata:
        """Names, kinds, units, documentation and equations as plain values."""
        return self._loaded.metadata

    @property
    def program(self) -> Program:
        """The flat program; for analyses that look inside."""
        return self._loaded.program

    @property
    def control(self) -> Control:
        """Start, stop, time step, save step and method of the model file."""
        return self.program.control

    @cached_property
    def folder(self) -> ModelFolder:
        """What lies beside the model file: parameters, scenarios, outcomes."""
        return read_folder(self.path, [v.name for v in self.metadata.variables], parse)

    @property
    def parameters(self) -> pandas.DataFrame:
        """Every constant, with the columns of ``parameters.csv``; empty where the model's folder says nothing."""
        from cluster_sd.simulate.frames import parameters

        return parameters(self.program, self.metadata, self.folder)

    @property
    def variables(self) -> pandas.DataFrame:
        """Every variable: name, kind, unit, documentation, subscripts."""
        from cluster_sd.simulate.frames import variables

        return variables(self.metadata)

    @property
    def equations(self) -> pandas.DataFrame:
        """Every variable: name, kind, unit, documentation, subscripts, equation."""
        from cluster_sd.simulate.frames import equations

        return equations(self.metadata)

    @property
    def scenarios(self) -> pandas.DataFrame:
        """Scenarios of the model's folder: name, description, based_on, changes."""
        from cluster_sd.simulate.frames import scenarios

        return scenarios(self.folder)

    @property
    def outcomes(self) -> pandas.DataFrame:
        """Outcomes of the model's folder: name, measure, unit, better, description."""
        from cluster_sd.simulate.frames import outcomes

        return outcomes(self.folder)

    # ---- one run --------------------------------------------------------------------------------------------------

    def run(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        series: Mapping[str, Any] | None = None,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        variables: Iterable[str] | None = None,
        seed: int = 0,
    ) -> xarray.Dataset:
        """Run the model once.

        Parameters
        ----------
        changes : mapping of str to number, optional
            Constants, initial values of stocks (by the stock's name), points of tables (``"Effect(0.5)"``) and
            elements of arrays (``"Name[a]"``) with their new values. ``"Name@2025"`` acts from 2025 on. A list gives
            all elements of an array or all points of a table.
        series : mapping of str to series, optional
            Variables that follow given values in place of their equations: ``{time: value}``, ``(times, values)``, a
            pandas Series or a DataArray over ``time``; linear between the times, held beyond them.
        scenario : str, optional
            Named changes of the model's folder, applied before `changes`.
        solver : {"euler", "heun", "rk4", "rk45", "dop853", "lsoda", "bdf", "radau"}, optional
            Default: what the model file says.
        backend : {"llvm", "numpy", "pysd"}, optional
            Default: the engine picks.
        time_step, start, stop, save_every : float, optional
            In the model's unit of time; default: what the model file says.
        variables : iterable of str, optional
            Variables to keep; default: all.
        seed : int
            Of the model's random numbers.

        Returns
        -------
        xarray.Dataset
            Dimension ``time``; a variable for each scalar variable and array element of the model, with ``units`` and
            ``documentation`` as attributes.

        Raises
        ------
        SimulationError
            Where a stock or a kept variable is not finite: which, and when.
        InputError
            For names, numbers and settings that can't be used.
        """
        made = self.run_arrays(
            changes,
            series=series,
            scenario=scenario,
            solver=solver,
            backend=backend,
            time_step=time_step,
            start=start,
            stop=stop,
            save_every=save_every,
            variables=variables,
            seed=seed,
        )
        return made.to_dataset()

    def run_arrays(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        series: Mapping[str, Any] | None = None,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        variables: Iterable[str] | None = None,
        seed: int = 0,
    ) -> RunArrays:
        """Run the model once; like :meth:`run`, with NumPy arrays alone."""
        settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed)
        asked = (*self._scenario(scenario), *read_changes(changes))
        return run_one(self._planner, settings, asked, read_series(series), variables)

    # ---- many runs ------------------------------------------------------------------------------------------------

    def ensemble(
        self,
        design: Any,
        measures: Sequence[str] | None = None,
        *,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        threads: int | None = None,
        seed: int = 0,
        streams: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> xarray.Dataset:
        """Run the model once for each row of a design.

        Parameters
        ----------
        design : pandas.DataFrame, mapping of str to array, or path of a CSV file
            Columns are named as the keys of ``run``'s `changes`. In a mapping, a DataArray over ``run`` and ``time``
            replaces a variable by a series of each run.
        measures : sequence of str, optional
            ``"final(Name)"``, ``"Name@2024"``, ``"mean(Name)"``, ``"Name"`` (the series) and so on. Default: the
            outcomes of the model's folder, or the series of all stocks where it has none.
        scenario, solver, backend, time_step, start, stop, save_every, seed
            As in :meth:`run`. A run's random numbers depend on seed, stream and variable.
        streams : array of int, shape (run,), optional
            Which random numbers each run meets; runs of one stream meet the same (common random numbers). Default:
            each run its own, by its number.
        threads : int, optional
            Default: the cores that the process may use. Results don't depend on it.
        checkpoint : path, optional
            Where the results will go: finished blocks are kept in ``.NAME.partial`` beside it, until
            :func:`cluster_sd.simulate.checkpoint.discard` is called.
        resume : bool
            Go on from the blocks that an earlier, interrupted call kept.
        progress : callable, optional
            Called as ``progress(done, total)``, from one thread at a time.

        Returns
        -------
        xarray.Dataset
            Dimensions ``run`` and ``time``; a variable for each measure, named exactly as asked; ``failed``,
            ``failed_variable``, ``failed_time``. A run that fails has NaN as results.
        """
        made = self.ensemble_arrays(
            design,
            measures,
            scenario=scenario,
            solver=solver,
            backend=backend,
            time_step=time_step,
            start=start,
            stop=stop,
            save_every=save_every,
            threads=threads,
            seed=seed,
            streams=streams,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )
        return made.to_dataset()

    def ensemble_arrays(
        self,
        design: Any,
        measures: Sequence[str] | None = None,
        *,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        threads: int | None = None,
        seed: int = 0,
        streams: Any = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        progress: Callable[[int, int], object] | None = None,
    ) -> EnsembleArrays:
        """Run the model once for each row of a design; like :meth:`ensemble`, with NumPy arrays alone."""
        settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed, threads)
        asked = self._default_measures() if measures is None else _texts(measures)
        return run_many(
            self._planner,
            settings,
            self._scenario(scenario),
            as_design(design),
            asked,
            streams=streams,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )

    # ---- derivatives ----------------------------------------------------------------------------------------------

    def gradient(
        self,
        parameters: Sequence[str],
        measures: Sequence[str],
        changes: Mapping[str, Any] | None = None,
        *,
        series: Mapping[str, Any] | None = None,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        seed: int = 0,
        mode: str = "auto",
    ) -> xarray.Dataset:
        """Derivatives of measures of one run in parameters.

        Parameters
        ----------
        parameters : sequence of str
            Constants, stocks (for their initial values), points of tables, elements of arrays.
        measures : sequence of str
            Those that are numbers, as ``"final(Name)"``.
        changes, series, scenario, solver, backend, time_step, start, stop, save_every, seed
            As in :meth:`run`; fixed-step solvers alone.
        mode : {"auto", "forward", "reverse"}
            How it is computed; the result is the same to rounding.

        Returns
        -------
        xarray.Dataset
            ``value`` over ``measure``; ``gradient`` and ``discontinuous`` over ``measure`` and ``parameter``. Where
            ``discontinuous`` is true, the parameter moves a jump, and the derivative should not be used.
        """
        from cluster_sd.simulate.slopes import gradient_of

        settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed)
        asked = (*self._scenario(scenario), *read_changes(changes))
        made = gradient_of(
            self._planner, settings, asked, read_series(series), _texts(parameters), _texts(measures), mode
        )
        return made.to_dataset()

    def slopes(
        self,
        parameters: Sequence[str],
        measures: Sequence[str],
        changes: Mapping[str, Any] | None = None,
        *,
        scenario: str | None = None,
        solver: str | None = None,
        backend: str | None = None,
        time_step: float | None = None,
        start: float | None = None,
        stop: float | None = None,
        save_every: float | None = None,
        threads: int | None = None,
        seed: int = 0,
        mode: str = "auto",
    ) -> Slopes:
        """Measures and their derivatives as a function of parameters, compiled once for many points.

        Parameters
        ----------
        parameters : sequence of str
            As for :meth:`gradient`; ``"Name@2025"`` acts from 2025 on.
        measures, changes, scenario, solver, backend, time_step, start, stop, save_every, seed, mode
            As for :meth:`gradient`. The model's random numbers are the same at all points.
        threads : int, optional
            Default: the cores that the process may use.

        Returns
        -------
        Slopes
            ``slopes(points)``, `points` of shape (point, parameter), gives ``values`` (point, measure), ``gradient``
            (point, measure, parameter) and ``failed`` (point); ``slopes.discontinuous`` is as in :meth:`gradient`.
        """
        from cluster_sd.simulate.many_slopes import prepare_slopes

        settings = Settings(scenario, solver, backend, time_step, start, stop, save_every, seed, threads)
        asked = (*self._scenario(scenario), *read_changes(changes))
        wanted = read_changes(dict.fromkeys(_texts(parameters), 0.0), "slopes in")
        return prepare_slopes(self._planner, settings, asked, (), wanted, _texts(measures), mode)

    # ---- within ---------------------------------------------------------------------------------------------------

    @property
    def _planner(self) -> Planner:
        return Planner(self.metadata, self._program)

    def _program(self, exposed: Exposed) -> Program:
        """The program with `exposed` laid open; each form is lowered once."""
        if not exposed:
            return self.program
        key = repr(sorted(exposed.items(), key=lambda pair: pair[0]))
        with self._lock:  # PySD's parsers are not made for threads
            if key not in self._exposed:
                made = load_program(self.path, exposed, allow_outside=self._allow_outside)
                if made.metadata.hash != self.hash:
                    raise InputError(f"{self.path}: was changed since it was loaded; load it again")
                self._exposed[key] = made.program
            return self._exposed[key]

    def _scenario(self, name: str | None) -> tuple[Change, ...]:
        if name is None:
            return ()
        pairs = [(c.name if c.time is None else f"{c.name}@{c.time!r}", c.value) for c in self.folder.changes(name)]
        return read_changes(pairs, f"scenario '{name}':", lenient=True)

    def _default_measures(self) -> list[str]:
        outcomes = list(dict.fromkeys(row.measure for row in self.folder.outcomes))
        return outcomes or list(
            dict.fromkeys(state.name for state in self.program.states if state.name in self.program.outputs)
        )


def _texts(measures: Sequence[str]) -> list[str]:
    return [measures] if isinstance(measures, str) else list(dict.fromkeys(measures))
