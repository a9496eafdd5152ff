"""Numbers that the papers on the method print, and what Stella printed for a model of its own documentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from loops_models import ARMS_RACE, BASS, LOGISTIC, YEAST, link_score, through

import cluster_sd as csd
from cluster_sd.loops import analyse

Vensim = Callable[..., csd.Model]

#: Schoenberg, Davidsen and Eberlein 2020, Table 3 ("calculated to four significant digits"), at the times T9.5, T9.5625
#: and T9.625; the paper names a step by its beginning.
TABLE_3 = {
    ("probability of contact with potentials", "potentials contacts with adopters"): ("9.958", "9358", "10.91"),
    ("adopter contacts", "potentials contacts with adopters"): ("11.46", "9806", "10.41"),
    ("potentials contacts with adopters", "adoption from word of mouth"): ("1.000", "1.000", "1.000"),
    ("adoption from word of mouth", "adopting"): ("1.000", "1.000", "1.000"),
    ("adopting", "Potential adopters"): ("-1.000", "-1.000", "-1.000"),
    ("Potential adopters", "probability of contact with potentials"): ("1.000", "1.000", "1.000"),
    ("Adopters", "adopter contacts"): ("1.000", "1.000", "1.000"),
    ("adopting", "Adopters"): ("1.000", "1.000", "1.000"),
}
BALANCING = ("-9.958", "-9358", "-10.91"), ("-0.465", "-0.488", "-0.512")
REINFORCING = ("11.46", "9806", "10.41"), ("0.535", "0.512", "0.488")


def printed(value: float, like: str) -> str:
    """`value` with as many digits as `like` has."""
    return f"{value:.{len(like.split('.')[1]) if '.' in like else 0}f}"


def test_bass_diffusion_gives_table_3_of_2020(vensim: Vensim) -> None:
    analysis = analyse(vensim(*BASS, start=0, stop=15, step=0.0625))
    rows = [analysis.at(time + 0.0625) for time in (9.5, 9.5625, 9.625)]
    for link, values in TABLE_3.items():
        score = link_score(analysis, *link)
        assert [printed(score[row], text) for row, text in zip(rows, values, strict=True)] == list(values), link
    for polarity, (scores, shares) in (("B", BALANCING), ("R", REINFORCING)):
        (loop,) = (i for i, one in enumerate(analysis.loops) if one.polarity == polarity)
        assert [printed(analysis.scores[r, loop], t) for r, t in zip(rows, scores, strict=True)] == list(scores)
        assert [printed(analysis.shares[r, loop], t) for r, t in zip(rows, shares, strict=True)] == list(shares)
        ends = [analysis.scores[analysis.at(1 + 0.0625), loop], analysis.scores[-1, loop]]
        assert [printed(abs(x), "0.000") for x in ends] == (
            ["0.000", "1.000"] if polarity == "B" else ["1.000", "0.000"]
        )


def step_of(*names: str, before: tuple[float, ...], after: tuple[float, ...]) -> list[str]:
    """Variables that are `before` at time 0 and `after` from time 1 on, and depend on the stock in form alone."""
    rows = zip(names, before, after, strict=True)
    return [f"{name}= IF THEN ELSE(Time > 0.5, {new}, {old}) + 0*S" for name, old, new in rows]


@pytest.mark.parametrize(
    ("equation", "names", "before", "after", "scores"),
    [
        ("2*x+y", ("x", "y"), (5, 4), (7, 5), (4 / 5, 1 / 5)),  # Table 1 of 2020
        ("(w+x)/y", ("w", "x", "y"), (7, 2, 3), (10, 4, 5), (5, 10 / 3, -6)),  # Table 2 of 2020
    ],
)
def test_links_between_auxiliaries_give_tables_1_and_2_of_2020(
    vensim: Vensim, equation: str, names: tuple[str, ...], before: tuple[float, ...], after: tuple[float, ...], scores
) -> None:
    inputs = step_of(*names, before=before, after=after)
    analysis = analyse(vensim("S= INTEG(z, 0)", f"z= {equation}", *inputs, start=0, stop=1, step=1))
    assert [link_score(analysis, name, "z")[0] for name in names] == pytest.approx(list(scores), rel=1e-12)


@pytest.mark.parametrize("net", ["in-out", "net"])
def test_flows_into_a_stock_give_tables_2_and_3_of_2023(vensim: Vensim, net: str) -> None:
    flows = step_of("in", "out", before=(5, 4), after=(10, 5))
    extra = ["net= in-out"] if net == "net" else []
    analysis = analyse(vensim(f"S= INTEG({net}, 100)", *extra, *flows, start=0, stop=1, step=1))
    target = "S" if net == "in-out" else "net"
    assert link_score(analysis, "in", target)[0] == pytest.approx(5 / 4)
    assert link_score(analysis, "out", target)[0] == pytest.approx(-1 / 4)


#: What Stella printed for logistic growth (percent; by the beginning of the step): simlin's test data
#: ``logistic_growth_ltm/ltm_results.tsv`` at times 1 to 8, 16, 36, 90 and 99.
STELLA = {
    1: ("-0.56", "99.40"),
    2: ("-0.63", "99.40"),
    3: ("-0.70", "99.30"),
    4: ("-0.79", "99.20"),
    5: ("-0.88", "99.10"),
    6: ("-0.98", "99"),
    7: ("-1.10", "98.90"),
    8: ("-1.23", "98.80"),
    16: ("-3", "97"),
    36: ("-23.40", "76.60"),
    90: ("-99.60", "0.40"),
    99: ("-99.90", "0.13"),
}


def test_logistic_growth_gives_what_stella_printed(vensim: Vensim) -> None:
    analysis = analyse(vensim(*LOGISTIC, start=0, stop=100, step=1))
    balancing = through(analysis, "Population", "fraction used", "fractional growth rate", "net birth rate")
    reinforcing = through(analysis, "Population", "net birth rate")
    for time, texts in STELLA.items():
        row = analysis.at(time + 1)
        for loop, text in zip((balancing, reinforcing), texts, strict=True):
            value = 100 * analysis.shares[row, loop]
            half = 0.006 if abs(value) < 10 else 0.06  # of the last printed digit; Stella rounds twice
            assert value == pytest.approx(float(text), abs=half), time


def test_the_arms_race_has_the_loops_that_the_paper_counts(vensim: Vensim) -> None:
    # Eberlein and Schoenberg 2020: three balancing, three pairwise and two long reinforcing loops; the long ones take
    # over by about time 50
    analysis = analyse(vensim(*ARMS_RACE, start=0, stop=100, step=1))
    assert analysis.complete
    lengths = sorted((loop.polarity, sum(name in "ABC" for name in loop.variables)) for loop in analysis.loops)
    assert lengths == [("B", 1)] * 3 + [("R", 2)] * 3 + [("R", 3)] * 2
    long = [i for i, loop in enumerate(analysis.loops) if sum(name in "ABC" for name in loop.variables) == 3]
    part = np.abs(analysis.shares[:, long]).sum(axis=1)
    assert part[analysis.at(5)] < part[analysis.at(30)] < 0.2
    assert analysis.times[np.argmax(part > 0.5)] == pytest.approx(50, abs=5)
    assert (part[analysis.at(60) :] > 0.8).all()


def test_yeast_passes_through_the_four_phases_of_table_4_of_2020(vensim: Vensim) -> None:
    # R to 51.5, B2 to 66, B3 to 75, then B1; the paper's flow links are the old ones, which moves one end by a step
    analysis = analyse(vensim(*YEAST, start=0, stop=100, step=0.5))
    loops = {
        "R": through(analysis, "C", "B"),
        "B1": through(analysis, "C", "D"),
        "B2": through(analysis, "C", "alcohol made", "A", "B"),
        "B3": through(analysis, "C", "alcohol made", "A", "D"),
    }
    names = list(loops)
    leader = [names[i] for i in np.abs(analysis.shares[:, list(loops.values())]).argmax(axis=1)]
    phases = [name for i, name in enumerate(leader) if i == 0 or name != leader[i - 1]]
    assert phases == ["R", "B2", "B3", "B1"]
    starts = [analysis.times[leader.index(name)] - 0.5 for name in phases[1:]]
    assert starts == pytest.approx([52, 66.5, 75.5], abs=1.0)
    assert [starts[0], starts[2]] == [52, 75.5]
