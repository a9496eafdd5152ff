"""Many runs: measures, designs, blocks and threads that never matter, memory, failures that stay in their run."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import cluster_sd as csd
from cluster_sd.simulate import batch
from cluster_sd.simulate.design import as_design, read_design

RATES = np.linspace(-0.1, 0.3, 7)


def test_each_row_of_a_design_is_a_run_of_its_own(growth, backend):
    design = pd.DataFrame({"rate": RATES, "Stock": np.arange(7.0)})
    runs = growth.ensemble(design, ["final(Stock)", "Stock"], backend=backend)
    assert runs["Stock"].dims == ("run", "time")
    for i, row in design.iterrows():
        one = growth.run_arrays(dict(row), variables=["Stock"], backend=backend).values[:, 0]
        np.testing.assert_allclose(runs["Stock"][int(str(i))], one, rtol=1e-13)
    np.testing.assert_array_equal(runs["final(Stock)"], runs["Stock"][:, -1])
    assert runs["final(Stock)"].attrs["units"] == "kg"


def test_measures_are_those_of_the_series(growth):
    series = growth.run_arrays({"rate": 0.2}, variables=["Stock"])
    times, values = series.times, series.values[:, 0]
    measures = [
        *("Stock@5", "mean(Stock)", "min(Stock)", "max(Stock)", "sum(Stock)"),
        *("time_of_max(Stock)", "time_above(stock, 5)"),
    ]
    runs = growth.ensemble({"rate": [0.2]}, measures)
    assert [v for v in runs.data_vars if not str(v).startswith("failed")] == measures
    expected = [values[20], values.mean(), values.min(), values.max(), values.sum(), 10.0]
    np.testing.assert_allclose([runs[m][0] for m in measures[:-1]], expected)
    crossing = np.interp(5, values, times)
    np.testing.assert_allclose(runs["time_above(stock, 5)"][0], 10 - crossing)
    assert runs["time_above(stock, 5)"].attrs.get("units", "") == "dmnl"  # the unit of time of this model


def test_only_the_saved_times_that_measures_need_are_stored(growth, monkeypatch):
    stored = []
    plain = batch.run_block

    def spy(*arguments):
        block = plain(*arguments)
        stored.append(block[0].series.shape)
        return block

    monkeypatch.setattr("cluster_sd.simulate.execute.run_block", spy)
    growth.ensemble_arrays({"rate": RATES}, ["final(Stock)", "Stock@5"])
    growth.ensemble_arrays({"rate": RATES}, ["max(Stock)"])
    assert stored == [(2, 1, 7), (41, 1, 7)]


def test_changes_at_times_vary_by_run(growth, backend):
    runs = growth.ensemble({"rate": [0.0, 0.0], "rate@5": [0.2, 0.4]}, ["final(Stock)"], backend=backend)
    np.testing.assert_allclose(runs["final(Stock)"], [2 * 1.05**20, 2 * 1.1**20])


def test_a_whole_series_for_each_run(vensim, backend):
    model = vensim("rain= 1", "Water= INTEG(rain, 0)", step=1)
    rain = xr.DataArray([[0.0, 10.0], [1.0, 1.0]], dims=("run", "time"), coords={"time": [0, 10]})
    for design in ({"rain": rain}, {"rain": rain.transpose("time", "run")}, xr.Dataset({"rain": rain})):
        runs = model.ensemble(design, ["final(Water)"], backend=backend)
        np.testing.assert_allclose(runs["final(Water)"], [45, 10])


def test_blocks_and_threads_never_matter(vensim, backend, monkeypatch):
    model = vensim(
        "S= INTEG(EXP(-a*S)*SIN(b*Time) + RANDOM NORMAL(-1, 1, 0, 0.1, 3) - S^b/9, c)", "a= 1", "b= 1.5", "c= 1"
    )
    draw = np.random.default_rng(0).uniform(0.5, 1.5, (3, 103))
    design = dict(zip("abc", draw, strict=True))
    whole = model.ensemble_arrays(design, ["S", "final(S)"], threads=1, backend=backend, seed=5)
    monkeypatch.setattr(batch, "BLOCK_ROUND", 1)
    for runs, threads in ((1, 2), (7, 3), (64, 2), (100, 1)):
        monkeypatch.setattr(batch, "BLOCK_RUNS", runs)
        other = model.ensemble_arrays(design, ["S", "final(S)"], threads=threads, backend=backend, seed=5)
        for name in whole.values:
            assert whole.values[name].tobytes() == other.values[name].tobytes()


def test_a_design_of_several_forms_gives_the_same(growth, tmp_path):
    path = tmp_path / "design.csv"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        path.write_text("rate,Stock@0\n".replace("@0", "") + "0.1,2\n 0.2 , 3\n\n", encoding=encoding)
        found = growth.ensemble_arrays(str(path), ["final(Stock)"]).values["final(Stock)"]
        np.testing.assert_allclose(found, [2 * 1.025**40, 3 * 1.05**40])
    frame = pd.DataFrame({"rate": [0.1, 0.2], "Stock": [2, 3]})
    np.testing.assert_array_equal(growth.ensemble_arrays(frame, ["final(Stock)"]).values["final(Stock)"], found)


def test_a_constant_column_is_one_number_for_all(growth):
    design = as_design({"rate": [0.2] * 5, "Stock": np.arange(5)})
    assert [change.values.ndim for change in design.changes] == [0, 1]
    runs = growth.ensemble_arrays({"rate": [0.2] * 5}, ["final(Stock)"])
    assert runs.runs == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("rate\n", "has names but no runs"),
        ("rate\n0.1\nmuch\n", "row 3, column 'rate': 'much' is not a number"),
        ("rate,first\n0.1,1\n0.1,\n", "row 3, column 'first' is empty"),
        ("rate\n0.1\nnan\n", "row 3, column 'rate': 'nan' can't be used"),
        ("rate\n0.1\ninf\n", "row 3"),
        ("rate,first\n0.1\n", "row 2: has 1 values for 2 columns"),
        ("rate,rate\n0.1,1\n", "columns 'rate' and 'rate' are the same"),
        ("rate,RATE\n0.1,1\n", "columns 'rate' and 'RATE' are the same"),
        ("rate\n1_0\n", "'1_0' is not a number"),
        ("rate,\n0.1,1\n", "column 2 has no name"),
        ("rte\n0.1\n", "did you mean 'rate'"),
        ("\x00\x01\xff\xfe\x80", ""),
    ],
)
def test_a_design_that_cannot_be_read_names_row_and_column(growth, tmp_path, text, words):
    path = tmp_path / "design.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(csd.InputError) as error:
        growth.ensemble_arrays(path, ["final(Stock)"])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (pd.DataFrame({"rate": [0.1, None]}), "row 1"),
        (pd.DataFrame({"rate": [0.1, "x"]}), "row 1: 'x' is not a number"),
        (pd.DataFrame({"rate": []}), "has no runs"),
        ({"rate": [0.1, 0.2], "first": [1]}, "has 1 runs, 'rate' has 2"),
        ({"rate": [[0.1, 0.2]]}, "2 dimensions"),
        (3, "a design is"),
    ],
)
def test_a_design_in_memory_is_checked_alike(growth, design, words):
    with pytest.raises(csd.InputError) as error:
        growth.ensemble_arrays(design, ["final(Stock)"])
    assert words in str(error.value)


def test_a_missing_design_is_said_to_be_missing(tmp_path):
    with pytest.raises(csd.InputError, match="no such file"):
        read_design(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("final(Stok)", "did you mean 'Stock'"),
        ("Stock@2050", "outside"),
        ("median(Stock)", "median"),
        ("", "empty"),
        ("final(Land)", "name an element, as 'Land[north]'"),
    ],
)
def test_a_measure_that_cannot_be_taken_is_refused(vensim, measure, words):
    model = vensim("Stock= INTEG(1, 0)", "region: north, south", "Land[region]= 1")
    with pytest.raises(csd.InputError) as error:
        model.ensemble_arrays({"Stock": [1, 2]}, [measure])
    assert words in str(error.value)


def test_stocks_are_measured_where_nothing_is_asked_and_there_are_no_outcomes(growth):
    assert growth.ensemble_arrays({"rate": [0.1]}).measures == ("Stock",)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_threads_must_be_a_number_of_threads(growth, threads):
    with pytest.raises(csd.InputError, match="threads"):
        growth.ensemble_arrays({"rate": [0.1]}, threads=threads)


def test_progress_is_told_and_ends_at_the_total(growth, monkeypatch):
    monkeypatch.setattr(batch, "BLOCK_RUNS", 64)
    told: list[tuple[int, int]] = []
    growth.ensemble_arrays({"rate": np.linspace(0, 1, 300)}, ["final(Stock)"], progress=lambda *x: told.append(x))
    assert told[-1] == (300, 300)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_error_in_a_thread_is_raised_and_stops_the_rest():
    started = []

    def run(first: int, last: int) -> None:
        started.append(first)
        if first == 3:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        batch.run_blocks(run, [(i, i + 1) for i in range(1000)], threads=2)
    assert len(started) < 1000


def test_blocks_cover_what_is_not_done():
    done = np.array([True, False, False, True, True, False, True, False])
    assert batch.split(8, 2, done) == [(1, 3), (5, 6), (7, 8)]
    assert batch.split(5, 2) == [(0, 2), (2, 4), (4, 5)]
    assert batch.split(3, 2, np.ones(3, dtype=bool)) == []


def test_results_that_fit_no_machine_are_refused(growth):
    with pytest.raises(csd.InputError, match="GiB"):
        growth.ensemble_arrays({"rate": np.zeros(10_000_000)}, ["Stock"], time_step=0.001, save_every=0.001)


def test_a_large_ensemble_stays_within_memory(growth):
    # 200,000 runs of 41 steps: kept whole they would take 65 MB a variable, and 2 x 64 MiB of blocks bound the rest
    code = textwrap.dedent(
        f"""
        import resource, numpy as np, cluster_sd as csd
        model = csd.load({str(growth.path)!r})
        model.ensemble_arrays({{"rate": np.linspace(0, 1, 64)}}, ["final(Stock)"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        design = {{"rate": np.linspace(0, 1, 200_000), "first": np.linspace(1, 2, 200_000)}}
        runs = model.ensemble_arrays(design, ["final(Stock)", "max(Stock)", "mean(Stock)"], threads=2)
        assert not runs.failed.any()
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        """
    )
    used = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(used.stdout) < 160
