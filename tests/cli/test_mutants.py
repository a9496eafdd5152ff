"""Model files with random damage: they run, or are refused in one line; the program never falls over them."""

import random
import re

import pytest

PIECES = (
    *'()[]|~",=+-*/^:{}\\!<>&\n\té中0',
    *("INTEG", "IF THEN ELSE", "Time", "NaN", ":NA:", "1e999", "-1", "SMOOTH(", "DELAY FIXED(", "RANDOM NORMAL("),
    *("WITH LOOKUP(", "GET XLS DATA(", "A FUNCTION OF(", "SUM(", ":EXCEPT:", "<->", ":MACRO:", ":END OF MACRO:"),
    *("PULSE TRAIN(", "SAMPLE IF TRUE(", "ACTIVE INITIAL(", "VECTOR SELECT(", "QUANTUM(", "NPV(", "TREND("),
)


def damaged(text, chance):
    """`text` with one to three places cut out, overwritten, filled or exchanged."""
    for _ in range(chance.randint(1, 3)):
        begin = chance.randrange(len(text))
        end = min(begin + chance.randint(1, 20), len(text))
        kind = chance.choice(("cut", "fill", "fill", "overwrite", "exchange"))
        if kind == "exchange":
            lines = text.split("\n")
            a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[a], lines[b] = lines[b], lines[a]
            text = "\n".join(lines)
        else:
            piece = "" if kind == "cut" else chance.choice(PIECES)
            text = text[:begin] + piece + text[begin if kind == "fill" else end :]
    return text


def check_mutants(seeds, place, cluster_sd):
    whole = (place / "orchard.mdl").read_text(encoding="utf-8")
    statuses = set()
    for seed in seeds:
        (place / "mutant.mdl").write_text(damaged(whole, random.Random(seed)), encoding="utf-8")
        ended = cluster_sd("run", "mutant.mdl", "--backend", "numpy", "--save-every", "10")
        statuses.add(ended.status)
        assert ended.status in (0, 2), (seed, ended.err)
        assert re.fullmatch(r"(cluster-sd: (warning|error): .*\n)*", ended.err), (seed, ended.err)
        assert ended.err.count("error: ") >= (ended.status == 2), (seed, ended.err)
        assert not ended.made
    assert statuses == {0, 2}


def test_damaged_models_run_or_are_refused_in_a_line(place, cluster_sd):
    check_mutants(range(60), place, cluster_sd)


@pytest.mark.slow
def test_many_damaged_models_run_or_are_refused_in_a_line(place, cluster_sd):
    check_mutants(range(1000, 2500), place, cluster_sd)
