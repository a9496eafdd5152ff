"""What Vensim and Stella give for the SDX collection of small models, and what this engine gives."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

import cluster_sd as csd
from cluster_sd.model.names import clean

CASES = Path(__file__).parents[3] / "shared" / "conformance" / "sdx"
ABSENT = "the SDX collection does not lie in ../shared/conformance"
FILES = sorted(p for p in CASES.glob("*/*") if p.suffix in (".mdl", ".xmile", ".stmx")) if CASES.is_dir() else []

#: Files that must be refused, with words of the reason: they can't be run by anybody.
REFUSED = {
    "get_constants/test_get_constants.mdl": "data file",
    "get_data/test_get_data.mdl": "data file",
    "logicals/test_logicals.stmx": "NOT output",
    **{
        f"{name}.{kind}": "???"
        for kind in ("xmile", "stmx")
        for name in (
            "subscript_1d_arrays/test_subscript_1d_arrays",
            "subscript_constant_call/test_subscript_constant_call",
            "subscript_mixed_assembly/test_subscript_mixed_assembly",
            "subscript_multiples/test_multiple_subscripts",
            "subscript_subranges_equal/test_subscript_subrange_equal",
            "subscript_updimensioning/test_subscript_updimensioning",
            "subscripted_flows/test_subscripted_flows",
        )
    },
}
REFUSED |= {
    f"{name}.{kind}": "doesn't define"  # the converter left the macro itself out
    for kind in ("xmile", "stmx")
    for name in (
        "macro_expression/test_macro_expression",
        "macro_multi_expression/test_macro_multi_expression",
        "macro_multi_macros/test_macro_multi_macros",
    )
}
#: Columns whose printed numbers contradict the model beside them.
CONTRADICTED = {("exponentiation", "test"): "the printed associativity is -4, so IF associativity = 4 can't be 1"}


def reference(path: Path) -> list[list[str]] | None:
    """Rows of the printed output that goes with a model file, header first."""
    found = sorted(path.parent.glob("output*"))
    if not found:
        return None
    stella = [p for p in found if "stella" in p.name]
    plain = [p for p in found if p not in stella]
    pick = stella[0] if stella and path.suffix != ".mdl" else (plain or found)[0]
    raw = pick.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return list(csv.reader(text.splitlines(), delimiter="\t" if pick.suffix == ".tab" else ","))


def last_digit(text: str) -> float:
    """Size of one unit of the last digit printed."""
    mantissa, _, exponent = text.strip().lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - digits) if digits else 0.0


def column_key(name: str) -> str:
    return clean(name).replace(",_", ",")


@pytest.mark.skipif(not FILES, reason=ABSENT)
@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_engine_gives_what_the_original_tool_printed(path: Path) -> None:
    key = f"{path.parent.name}/{path.name}"
    if key in REFUSED:
        with pytest.raises(csd.InputError, match=REFUSED[key].replace("?", r"\?")):
            csd.load(path).run_arrays()
        return
    run = csd.load(path).run_arrays(backend="numpy", solver="euler")  # as printed; some converted files ask for RK4
    rows = reference(path)
    if rows is None:
        assert np.all(np.isfinite(run.values[:, [n.lower() == "time step" for n in run.names]]))
        return
    series = {column_key(name): run.values[:, i] for i, name in enumerate(run.names)}
    compared = sum(compare(path, rows, j, run.times, series) for j in range(1, len(rows[0])))
    assert compared > 0


def compare(path: Path, rows: list[list[str]], j: int, times: np.ndarray, series: dict[str, np.ndarray]) -> int:
    """Compare one printed column; gives how many numbers were compared."""
    name = rows[0][j].strip()
    if not name or (path.parent.name, name) in CONTRADICTED:
        return 0
    assert column_key(name) in series, f"{name} is no variable; there are {sorted(series)}"
    values = series[column_key(name)]
    printed = [(float(r[0]), r[j].strip()) for r in rows[1:] if len(r) > j and r[0].strip() and r[j].strip()]
    wanted = [(time, text, float(text)) for time, text in printed if text.lower() not in ("nan", "")]
    scale = max((abs(w) for _, _, w in wanted if abs(w) < 1e30), default=0.0)
    for time, text, want in wanted:
        i = int(np.argmin(np.abs(times - time)))
        assert abs(times[i] - time) < 1e-6, f"no result at time {time}"
        if want < -1e30:  # Vensim's :NA:
            assert math.isnan(values[i]) or values[i] < -1e30
        else:  # printed from single precision, with as many digits as are there
            tolerance = 1.5 * last_digit(text) + 5e-6 * abs(want) + 4e-6 * scale + 1e-12
            assert abs(values[i] - want) <= tolerance, f"{name} at {time}: {values[i]!r}, printed {text}"
    return len(wanted)


@pytest.mark.skipif(not FILES, reason=ABSENT)
def test_no_more_is_refused_than_is_listed_and_most_is_run() -> None:
    vensim = [p for p in FILES if p.suffix == ".mdl"]
    refused = [p for p in vensim if f"{p.parent.name}/{p.name}" in REFUSED]
    assert 1 - len(refused) / len(vensim) >= 0.95
