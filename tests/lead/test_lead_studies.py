"""What the studies of the lead model gave is what its README says, and is of the model as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cluster_sd as csd

Frame = Any  # a pandas.DataFrame, whose type stubs make a union of every element
CLAIMS = Path(__file__).parents[2] / "analysis" / "lead_claims"
PARADOX = CLAIMS.parent / "lead_paradox"
MUST_LIE_INSIDE = (
    "final(Event date[own smelting])",
    "time_of_max(Ill people)",
    "final(Event date[acceptance])",
    "final(Event date[park opening])",
    "final(Event date[consolidation])",
    "Lead output@2006",
    "Capacity over reported output@2017",
    "Plate and battery share@2017",
)


@pytest.fixture(scope="module")
def readme(folder: Path) -> str:
    """The model's README."""
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_base_run_of_the_tables_is_the_base_run_of_the_model(model: csd.Model) -> None:
    table: Frame = pd.read_csv(CLAIMS / "intervals.csv")
    runs = model.ensemble(pd.DataFrame({"Founder": [1.0]}), measures=table["measure"].tolist())
    for row in table.to_dict("records"):
        assert float(runs[row["measure"]].to_numpy()[0]) == pytest.approx(row["base run"], rel=1e-4), row["measure"]


def test_the_numbers_that_must_lie_inside_the_90_per_cent_interval_do() -> None:
    table: Frame = pd.read_csv(CLAIMS / "intervals.csv").set_index("measure")
    assert table.loc[list(MUST_LIE_INSIDE), "inside"].astype(str).eq("True").all()
    for row in table[table["observed low"].notna()].to_dict("records"):
        inside = row["q05"] <= row["observed high"] and row["q95"] >= row["observed low"]
        assert str(row["inside"]) == str(inside), row["known"]


def test_every_verdict_rests_on_two_thousand_runs_and_stands_in_the_readme(readme: str) -> None:
    table: Frame = pd.read_csv(CLAIMS / "verdicts.csv")
    assert (table["runs"] >= 2000).all()
    assert {f"L{i}" for i in (2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 15, 17)} == set(table["id"])
    for row in table.to_dict("records"):
        share = float(row["share yes"])
        word = "supported" if share >= 0.8 else "contradicted" if share <= 0.2 else "undetermined"
        assert row["verdict"] == word, row["claim"]
        line = f"| {row['id']} | {row['claim']} | {row['question to each run']} | {row['can say']} | {share:.3f} "
        assert line in readme, row["claim"]
    assert "| L14 | two stable outcomes with a tipping point between |" in readme


def test_the_verdicts_beside_the_model_are_those_of_the_studies(folder: Path) -> None:
    kept: Frame = pd.read_csv(folder / "claims.csv")
    asked: Frame = pd.read_csv(CLAIMS / "verdicts.csv").set_index("question to each run")
    own = kept[kept["source"] == "analysis/lead_claims"]
    assert len(own) == len(asked)
    for row in own.to_dict("records"):
        (question,) = (text for text in asked.index if row["claim"].endswith(f"({text})"))
        of = asked.loc[question]
        assert (row["verdict"], row["share"], row["runs"]) == (of["verdict"], of["share yes"], of["can say"])
    frozen: Frame = pd.read_csv(PARADOX / "bistability.csv").query("founder == 0")
    (paradox,) = kept[kept["source"] == "analysis/lead_paradox"].to_dict("records")
    assert paradox["id"] == "L14"
    assert paradox["share"] == pytest.approx(float(frozen["two stable outcomes"].median()), abs=6e-4)
    assert kept["id"].str[1:].astype(int).is_monotonic_increasing


def test_no_run_of_the_studies_failed() -> None:
    table: Frame = pd.read_csv(CLAIMS / "failures.csv")
    assert (table["failed"] == 0).all()


def test_outcomes_of_the_paradox_add_up_and_stand_in_the_readme(readme: str) -> None:
    table: Frame = pd.read_csv(PARADOX / "bistability.csv")
    shares = table[["two stable outcomes", "develops from nothing", "never lasts"]].sum(axis=1)
    assert shares.to_numpy() == pytest.approx(1, abs=0.002)
    assert (table["runs"] >= 2000).all()
    alone: Frame = table[table["founder"] == 0]
    for row in alone.to_dict("records"):
        assert f"| {row['drivers of']} | {row['two stable outcomes']:.2f} |" in readme
    rests: Frame = pd.read_csv(PARADOX / "equilibria.csv")
    assert rests[["returns after -20 %", "returns after +20 %"]].all().all()
