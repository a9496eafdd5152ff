"""What the counties' statistics tell of the two models: ``python -m analysis.calibrated orange --write``.

Fits a model without its last years and scores it on them, then fits it to all and draws from the posterior. With
``--write`` the small results stay here, and the model's folder gets the scenario ``calibrated``, ``posterior.csv``,
``estimates.csv``, ``holdout_scores.csv`` and ``calibration.json`` (date, hashes of the equations and the data).
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray

import cluster_sd as csd
from cluster_sd.cli import main as cluster_sd
from cluster_sd.simulate.metadata import file_hash

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "sd_models"
#: Files of statistics, and the years that are held out, of each model.
DATA: Mapping[str, tuple[str, ...]] = {"orange": ("county.csv",), "lead": ("county.csv", "national.csv")}
HOLDOUT: Mapping[str, str] = {"orange": "2024-", "lead": "2017-"}
#: How the shipped draws are made, unless it is said: both densities have gradients.
METHOD = "map"
#: Draws that are shipped.
SHIPPED = 400
MARKS = "# calibrated: written by analysis.calibrated", "# end of calibrated"
#: Small results that are kept.
KEPT = (
    "estimates.csv",
    "fit.csv",
    "scores.csv",
    "rests.csv",
    "unused.csv",
    "diagnostics.json",
    "reporting.csv",
    "run.json",
)


def main(arguments: list[str] | None = None) -> int:
    """Calibrate, print the scores, keep the results."""
    parser = argparse.ArgumentParser(prog="python -m analysis.calibrated", description=__doc__)
    parser.add_argument("model", choices=sorted(DATA))
    parser.add_argument("--method", choices=("map", "nuts"), default=METHOD, help="of the fit to all (default: map)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep the results here and in the model's folder")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        fits = {
            "held out": ["--holdout", HOLDOUT[asked.model], "--method", "map"],
            "all": ["--method", asked.method],
        }
        for name, options in fits.items():
            folder = Path(temporary) / name
            if calibrate(asked.model, [*options, "--seed", str(asked.seed)], folder):
                return 1
            print(name, (folder / "scores.csv").read_text(encoding="utf-8"), sep="\n")
            if asked.write:
                keep(folder, HERE / "results" / asked.model / name.replace(" ", "_"))
        if asked.write:
            ship(asked.model, Path(temporary) / "all", Path(temporary) / "held out")
    return 0


def calibrate(model: str, options: list[str], folder: Path) -> int:
    """The command; its exit status."""
    data = [part for name in DATA[model] for part in ("--data", os.path.relpath(MODELS / model / "data" / name))]
    return cluster_sd(["calibrate", model, *data, *options, "--out", str(folder)]) or 0


def keep(folder: Path, target: Path) -> None:
    """The small results of a fit, and its main figure."""
    target.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (folder / name).is_file():
            shutil.copy(folder / name, target / name)
    shutil.copy(folder / "figures" / "fit.png", target / "fit.png")


def ship(model: str, folder: Path, held_out: Path) -> None:
    """Write the calibration into the model's folder: scenario, draws, estimates, scores, and what it belongs to."""
    target = MODELS / model
    told = json.loads((folder / "diagnostics.json").read_text(encoding="utf-8"))
    about = {
        "date": datetime.date.today().isoformat(),
        "model": csd.load(model).equations_hash,
        "data": {name: file_hash(target / "data" / name) for name in DATA[model]},
        "method": told["method"],
        "holdout": HOLDOUT[model],
        "place": told["place"],
        "seed": json.loads((folder / "run.json").read_text(encoding="utf-8"))["settings"]["seed"],
        "draws": SHIPPED,
        "observations": told["observations"]["fitted"],
        "warnings": told["warnings"],
    }
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (target / "calibration.json").write_text(text + "\n", encoding="utf-8")
    replace_between(target / "scenarios.toml", MARKS, scenario(told["mode"], about))
    shutil.copy(folder / "estimates.csv", target / "estimates.csv")
    shutil.copy(held_out / "scores.csv", target / "holdout_scores.csv")
    names, draws = posterior(folder / "posterior.nc", list(told["mode"]))
    with (target / "posterior.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([f"{value:.6g}" for value in row] for row in draws)


def scenario(mode: Mapping[str, float], about: Mapping[str, Any]) -> str:
    """The scenario's text: values, date, and hashes of data and equations."""
    data = ", ".join(f"{name} {digest[:12]}" for name, digest in about["data"].items())
    made = f"{about['date']}; model {about['model'][:12]}, data {data} (SHA-256, first 12)"
    values = "\n".join(f'"{name}" = {value:.6g}' for name, value in mode.items())
    return (
        f'\n["calibrated"]\ndescription = "The likeliest values given the county\'s statistics, {made}"\n'
        f'zh = "按县统计数据校准"\n\n["calibrated".set]\n{values}\n'
    )


def posterior(file: Path, names: list[str]) -> tuple[list[str], np.ndarray]:
    """Evenly taken draws, one column a parameter."""
    data = xarray.load_dataset(file, group="posterior")
    draws = np.stack([data[name].values.reshape(-1) for name in names], axis=1)
    return names, draws[np.linspace(0, len(draws) - 1, min(SHIPPED, len(draws))).round().astype(int)]


def replace_between(file: Path, marks: tuple[str, str], text: str) -> None:
    """Put `text` between two marks, which come at the end of the file where they are not there yet."""
    whole = file.read_text(encoding="utf-8")
    before, found, rest = whole.partition(marks[0])
    after = rest.partition(marks[1])[2] if found else "\n"
    file.write_text(f"{before.rstrip()}\n\n{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
