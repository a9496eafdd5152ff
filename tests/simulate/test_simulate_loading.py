"""Loading through the cache: warm and cold are the same, and what is damaged or changed is made again."""

from __future__ import annotations

import numpy as np

import cluster_sd as csd
from cluster_sd.program import store
from cluster_sd.simulate.loading import load_program
from cluster_sd.simulate.metadata import Metadata, Variable, split_point

EQUATIONS = (
    "Stock= INTEG(effect(Time)*pace[south] - SMOOTH(Stock, 2), 2)\n\t~\tkg [0,?]\n\t~\tWhat grows\n\t|",
    "effect((0,1),(100,1))",
    "region: south, north",
    "pace[region]= 1, 2",
)


def test_a_warm_load_gives_what_the_cold_one_gave(vensim, monkeypatch):
    model = vensim(*EQUATIONS)
    for exposed in ({}, {"Stock": None}, {"effect": None}, {"pace[south]": (0.0, 5.0)}):
        cold = load_program(model.path, exposed)
        with monkeypatch.context() as without:
            without.setattr("cluster_sd.simulate.loading._made", None)  # so that this one can't lower anything
            warm = load_program(model.path, exposed)
        assert warm.metadata == cold.metadata
        assert warm.program.outputs == cold.program.outputs
        for a, b in zip(warm.program.nodes, cold.program.nodes, strict=True):
            assert str(a) == str(b)  # as text, so that NaN equals itself


def test_metadata_survive_json():
    rows = (
        Variable("a b", "table", "kg", "doc", "x + 1", None, 3.0, ("region",), "group", 7, (0.0, 1.0)),
        Variable("c", "stock", low=float("-inf"), high=float("nan")),
    )
    made = Metadata("file.mdl", "ab12", rows, (("data.csv", "ff"),))
    again = Metadata.from_json("other.mdl", made.to_json())
    assert again.variables[0] == rows[0]
    assert (again.hash, again.files, again.path) == ("ab12", made.files, "other.mdl")


def test_damaged_metadata_are_made_again(growth, monkeypatch):
    for broken in ({}, {"variables": 3, "files": [], "hash": ""}, {"variables": [[1] * 40], "files": [], "hash": ""}):
        entry = store.Entry(growth.program, broken)
        monkeypatch.setattr(store, "load", lambda name, entry=entry: entry)
        assert csd.load(growth.path).metadata == growth.metadata


def test_without_a_cache_everything_works(growth, monkeypatch):
    monkeypatch.setenv("CLUSTER_SD_CACHE", "off")
    again = csd.load(growth.path)
    np.testing.assert_array_equal(again.run_arrays({"Stock": 3}).values, growth.run_arrays({"Stock": 3}).values)


def test_kinds_of_variables(vensim):
    model = vensim(
        "Stock= INTEG(gain - loss, 2)",
        "gain= rate*2",
        "loss= Stock/5",
        "rate= 3*1",
        "share= Stock/loss",
        "effect((0,0),(1,1))",
    )
    kinds = {v.name: v.kind for v in model.metadata.variables if v.kind != "control"}
    assert kinds == {
        "Stock": "stock", "gain": "flow", "loss": "flow", "rate": "constant", "share": "auxiliary", "effect": "table",
    }  # fmt: skip
    assert model.metadata.by_name["effect"].x == (0.0, 1.0)


def test_points_of_tables_are_told_from_names():
    assert split_point("Effect of price(0.5)") == ("Effect of price", "0.5")
    assert split_point("(0.5)") == (None, "")
    assert split_point("Effect") == (None, "")
