"""Time a whole Sobol analysis and its peak memory: ``python tests/benchmarks/sensitivity.py``.

The model is the mid-size one four times over in one file (488 equations and 320 constants), run in 800 steps. The
analysis ranks 45 parameters on ten outcomes at all 41 saved years, S1 and ST, from 4,096 base points, with intervals,
ranks and the probability of the top k. Must reach, on two cores: 30 s in all, 4 GiB.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

import cluster_sd as csd
from cluster_sd.model.parameters import Parameter
from cluster_sd.sensitivity.planning import Asking, plan
from cluster_sd.sensitivity.study import carry_out
from cluster_sd.simulate.running import Settings

MIDSIZE = Path(__file__).with_name("midsize.mdl")
COPIES = 4
PARAMETERS = (
    "birth rate", "years of youth", "normal emigration", "capital share", "time to see demand", "time to trust prices",
    "time to adjust stocks", "elasticity", "price response", "time to build", "life of capital", "learning rate",
    "tax rate", "wage response", "fashion growth",
)  # fmt: skip
OUTCOMES = ("population", "sales", "income per head", "employment", "smoke", "trust", "wage", "public works", "elders",
            "debt of farms")  # fmt: skip
#: Forty years as in the orange model, 41 of them saved, in 800 steps.
STEP, STOP = 0.05, 40.0


def copied(folder: Path) -> Path:
    """The model several times over, each copy with a number behind its names."""
    text = MIDSIZE.read_text(encoding="utf-8")
    body, control = text.split("\t.Control")[0].rsplit("*" * 56, 1)[0], text[text.index("FINAL TIME =") :]
    kept = ("FINAL TIME", "INITIAL TIME", "SAVEPER", "TIME STEP")
    names = [v.name for v in csd.load(MIDSIZE).metadata.variables if v.name not in kept]
    found = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")(?!\w)", re.I)
    equations = re.sub(r"\*{56}\n\t\.[^|]*\|", "", body).replace("{UTF-8}", "")
    copies = [found.sub(lambda m, i=i: f"{m[1]} {i}", equations) for i in range(1, COPIES + 1)]
    path = folder / "copied.mdl"
    path.write_text("{UTF-8}\n" + "\n".join(copies) + "\n" + control, encoding="utf-8")
    return path


def asking(model: csd.Model, samples: int, second_order: bool) -> Asking:
    """Forty-five parameters, each up to a tenth off its own value; ten outcomes at every saved year."""
    own = {p.name: p.value for p in model.program.parameters}
    names = [f"{name} {i}" for i in range(1, 4) for name in PARAMETERS]
    plain = ("uniform", "uncertain", "", None, None, "", "assumed", "", model.path, 1)
    ends = {name: sorted((0.9 * own[name], 1.1 * own[name])) for name in names}
    rows = [Parameter(name, None, "", low, high, *plain) for name, (low, high) in ends.items()]
    measures = [f"{name} {1 + i % COPIES}" for i, name in enumerate(OUTCOMES)]
    options = {"second_order": True} if second_order else {}
    return Asking("sobol", samples, measures, rows, options=options, step_sets=0)


def main() -> int:
    """Run it once and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--second-order", action="store_true")
    parser.add_argument(
        "--model", help="a shipped model with its own parameters and outcomes, in place of the large one"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = csd.load(asked.model or copied(Path(folder)))
        equations = sum(v.kind not in ("constant", "control") for v in model.metadata.variables)
        begun = time.perf_counter()
        if asked.model:
            planned = plan(model, Asking("sobol", asked.samples), Settings(threads=asked.threads))
        else:
            settings = Settings(time_step=STEP, stop=STOP, threads=asked.threads)
            planned = plan(model, asking(model, asked.samples, asked.second_order), settings)
        marks = [time.perf_counter()]
        study = carry_out(planned, analyzing=lambda: _Mark(marks))
        ended = time.perf_counter()
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    outputs = len(study.indices.outcomes)
    print(f"{equations} equations, {planned.runs:,} runs, {outputs:,} outputs, {study.failed} failed")
    print(f"planning {marks[0] - begun:.1f} s, runs {marks[1] - marks[0]:.1f} s, analysis {ended - marks[1]:.1f} s")
    print(f"in all {ended - begun:.1f} s, peak memory {gigabytes:.2f} GiB, {asked.threads} threads")
    return 0


class _Mark:
    """Notes the time when it is entered."""

    def __init__(self, marks: list[float]) -> None:
        self._marks = marks

    def __enter__(self) -> None:
        self._marks.append(time.perf_counter())

    def __exit__(self, *_: object) -> None:
        return None


if __name__ == "__main__":
    sys.exit(main())
