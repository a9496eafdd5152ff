"""What an error says, and that it survives the way between processes."""

from __future__ import annotations

import pickle

import pytest

from cluster_sd.errors import (
    ClusterSDError,
    InputError,
    ModelError,
    SimulationError,
    UnknownNameError,
    UnsupportedError,
    unknown,
)

ERRORS = [
    ClusterSDError("x"),
    InputError("x"),
    UnknownNameError("x", "y", ("z",)),
    ModelError("bad", "f.mdl", 3),
    ModelError("bad", "f.mdl"),
    UnsupportedError("VECTOR LOOKUP is not supported", "f.mdl", 3),
    SimulationError("Price", 3.5, "run 7"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_errors_survive_pickling_with_all_they_know(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_message_is_one_line_whatever_it_was_made_of():
    assert str(InputError("a\n  b\tc")) == "a b c"
    assert str(ModelError("a\nb", "f.mdl", 2)) == "f.mdl:2: a b"
    assert "\n" not in str(unknown("variable", "a\nb", ["c"]))


def test_kinds_of_errors_are_those_that_the_command_line_tells_apart():
    assert issubclass(UnsupportedError, ModelError)
    assert issubclass(ModelError, InputError)
    assert issubclass(UnknownNameError, InputError)
    assert not issubclass(SimulationError, InputError)


def test_a_failed_run_names_variable_and_time():
    assert str(SimulationError("Price", 2003.25)) == "the run failed: Price is not finite at time 2003.25"


def test_close_names_are_suggested_best_first():
    error = unknown("variable", "farmer_capitol", ["Price", "Farmer capital", "Capital"], "--set")
    assert error.close[0] == "Farmer capital"
    assert str(error).startswith("unknown variable 'farmer_capitol' in --set; did you mean 'Farmer capital'")


def test_a_part_of_a_name_finds_it():
    assert unknown("variable", "capital", ["Farmer capital stock", "Price"]).close == ("Farmer capital stock",)


def test_few_choices_are_listed_and_many_are_not():
    assert "it can be 'euler', 'rk4'" in str(unknown("solver", "xyz", ["euler", "rk4"]))
    many = [f"qqqq{i}" for i in range(40)]
    assert "nothing is called alike" in str(unknown("variable", "xyz", many))
    assert "there is none" in str(unknown("scenario", "xyz", []))


def test_chinese_names_are_found_too():
    assert unknown("variable", "农户资本量", ["农户资本", "价格"]).close == ("农户资本",)
