"""A model's folder: parameters, scenarios, outcomes, Chinese names, and where the model is."""

from __future__ import annotations

import pytest

from cluster_sd.errors import InputError, UnknownNameError
from cluster_sd.model.folder import (
    Change,
    find_model,
    read_folder,
    read_names,
    read_outcomes,
    read_parameters,
    read_scenarios,
    resolve_scenario,
    shipped_models,
)

HEADER = "name,value,unit,low,high,distribution,role,group,from,step,evidence,confidence,note\n"
NAMES = ["Premium share", "Farmer capital", "Yield", "odd@2020"]


@pytest.fixture
def write(tmp_path):
    def write_(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_


def refused(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- parameters.csv -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_parameter_comes_with_all_its_columns(write, encoding):
    text = HEADER + 'premium_share,0.2,1,0,0.5,beta,lever,O13,2024,0.05,"O13, table 2",reported,合作社溢价\n'
    (parameter,) = read_parameters(write("parameters.csv", text, encoding), NAMES)
    assert (parameter.name, parameter.value, parameter.low, parameter.high) == ("Premium share", 0.2, 0.0, 0.5)
    assert (parameter.distribution, parameter.role, parameter.group) == ("beta", "lever", "O13")
    assert (parameter.since, parameter.step) == (2024.0, 0.05)
    assert (parameter.evidence, parameter.confidence, parameter.note) == ("O13, table 2", "reported", "合作社溢价")
    assert (parameter.line, parameter.has_range) == (2, True)


def test_a_short_table_is_filled_with_what_goes_without_saying(write):
    (parameter,) = read_parameters(write("p.csv", "name,low,high\nYield[a],1,2\n"), NAMES)
    assert (parameter.name, parameter.value, parameter.since, parameter.step) == ("Yield[a]", None, None, None)
    assert (parameter.distribution, parameter.role, parameter.confidence) == ("uniform", "uncertain", "assumed")


def test_fixed_constants_need_no_range(write):
    (parameter,) = read_parameters(write("p.csv", "name,value,low,high,role\nYield,1,,,fixed\n"))
    assert not parameter.has_range


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Premum share,1,,0,2,,,,,,,,", ":2; did you mean 'Premium share'?"),
        (",1,,0,2,,,,,,,,", ":2: column 'name' is empty"),
        ("Yield,much,,0,2,,,,,,,,", ":2: column 'value' holds 'much' where a number belongs"),
        ("Yield,nan,,0,2,,,,,,,,", "holds 'nan' where a number belongs"),
        ("Yield,1,,0,inf,,,,,,,,", "column 'high' holds 'inf' where a number belongs"),
        ("Yield,1_0,,0,20,,,,,,,,", "holds '1_0'"),
        ("Yield,1,,0,2,gaussian,,,,,,,", "unknown distribution 'gaussian' in"),
        ("Yield,1,,0,2,,leaver,,,,,,", "unknown role 'leaver' in"),
        ("Yield,1,,0,2,,,,,,,sure,", "unknown confidence 'sure' in"),
        ("Yield,1,,2,0,,,,,,,,", "low 2 must be below high 0"),
        ("Yield,1,,1,1,,,,,,,,", "low 1 must be below high 1"),
        ("Yield,3,,0,2,triangular,,,,,,,", "value 3 must lie from low 0 to high 2"),
        ("Yield,1,,0,2,lognormal,,,,,,,", "'Yield' is lognormal: low 0 must be above 0"),
        ("Yield,1,,-1,2,loguniform,,,,,,,", "'Yield' is loguniform: low -1 must be above 0"),
        ("Yield,1,,0,,,,,,,,,", "has only one of low and high"),
        ("Yield,1,,,,,lever,,,,,,", "'Yield' is lever and needs low and high"),
        ("Yield,1,,0,2,,,,soon,,,,", "column 'from' holds 'soon'"),
        ("Yield,1,,0,2,,,,,0,,,", "step 0 must be above 0"),
        ("Yield,1,,0,2,,,,,,,,,extra", ":2: has 14 cells where the header has 13"),
        ("Yield,1,,0,2,,,,,,,,\nYIELD,1,,0,2,,,,,,,,", ":3: 'Yield' stands here a second time; the first is in line 2"),
        ('Yield,"1', "can't be read as CSV"),
    ],
)
def test_a_wrong_row_is_refused_with_file_and_row(write, row, message):
    path = write("parameters.csv", HEADER + row + "\n")
    found = refused(read_parameters, path, NAMES)
    assert message in found
    assert str(path) in found


def test_wrong_columns_are_refused(write):
    assert "unknown column 'lo' in" in refused(read_parameters, write("p.csv", "name,lo,high\n"))
    assert "lacks the column high" in refused(read_parameters, write("p.csv", "name,low\n"))
    assert "has the column 'low' twice" in refused(read_parameters, write("p.csv", "name,low,low,high\n"))
    assert "is empty" in refused(read_parameters, write("p.csv", ""))


def test_a_row_is_named_by_its_line_even_after_a_cell_of_several_lines(write):
    text = 'name,low,high,note\nYield,1,2,"a\nb"\n\nPremium share,x,1,\n'
    assert ":5: column 'low'" in refused(read_parameters, write("p.csv", text))


# --- scenarios.toml -------------------------------------------------------------------------------------------------

SCENARIOS = """
["no subsidy"]
description = "The county stops paying"
zh = "停止补贴"
set = { "Premium share" = 0.1, "Yield@2022" = 0.6, "Farmer capital" = 1 }

["Drought 2022"]
based_on = "No Subsidy"
set = { "yield@2022" = 0.3, "Yield@2023" = 1, "premium SHARE@2030" = 0.4, "odd@2020" = 7 }
"""


def test_a_scenario_is_its_bases_changes_and_then_its_own(write):
    scenarios = read_scenarios(write("scenarios.toml", SCENARIOS), NAMES)
    parameters = read_parameters(write("p.csv", "name,low,high,from\nPremium share,0,1,2024\n"), NAMES)
    assert resolve_scenario(scenarios, parameters, "drought 2022") == (
        Change("Farmer capital", 1.0, None),
        Change("odd@2020", 7.0, None),
        Change("Yield", 0.3, 2022.0),
        Change("Yield", 1.0, 2023.0),
        Change("Premium share", 0.1, 2024.0),
        Change("Premium share", 0.4, 2030.0),
    )
    assert (scenarios[0].zh, scenarios[0].description) == ("停止补贴", "The county stops paying")


def test_a_whole_parameters_year_holds_for_its_elements(write):
    scenarios = read_scenarios(write("s.toml", 'a.set = { "Yield[north]" = 2 }'), NAMES)
    parameters = read_parameters(write("p.csv", "name,low,high,from\nYield,0,1,2024\n"), NAMES)
    assert resolve_scenario(scenarios, parameters, "a") == (Change("Yield[north]", 2.0, 2024.0),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a\n", "can't be read as TOML"),
        ("a = 1", "'a' must be a table"),
        ("[a]\nsets = {}", "unknown key 'sets' in"),
        ("[a]\nset = 3", "set must be a table"),
        ("[a]\nzh = 3", "zh must be a text"),
        ('[a]\nset = { Yield = "much" }', "'Yield' is set to 'much' where a number belongs"),
        ("[a]\nset = { Yield = true }", "is set to True where a number belongs"),
        ("[a]\nset = { Yield = nan }", "where a number belongs"),
        ("[a]\nset = { Yeild = 1 }", "unknown variable 'Yeild'"),
        ('[a]\nbased_on = "b"', "unknown scenario 'b' in"),
        ('[a]\nbased_on = "b"\n[b]\nbased_on = "A"', "in a circle: a → b → a"),
        ("[a]\n[A]", "scenario 'a' stands twice"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(write, text, message):
    path = write("scenarios.toml", text)
    found = refused(read_scenarios, path, NAMES)
    assert message in found
    assert str(path) in found


def test_an_unknown_scenario_is_refused_with_close_ones(write):
    scenarios = read_scenarios(write("scenarios.toml", SCENARIOS))
    with pytest.raises(UnknownNameError, match="did you mean 'Drought 2022'"):
        resolve_scenario(scenarios, (), "drougth 2022")


# --- outcomes.csv, names_zh.csv, the whole folder -------------------------------------------------------------------


def test_outcomes_and_chinese_names_are_read(write):
    (outcome,) = read_outcomes(
        write(
            "outcomes.csv",
            "name,measure,unit,better,description\nIncome,final(Farmer capital),yuan,High,What is left\n",
        )
    )
    assert (outcome.measure, outcome.better, outcome.line) == ("final(Farmer capital)", "high", 2)
    assert (
        read_names(write("names_zh.csv", "name,zh\nFarmer Capital,农户资本\n", "gb18030"))["farmer_capital"]
        == "农户资本"
    )


def test_wrong_outcomes_and_names_are_refused(write):
    rows = "name,measure,better\nA,final(x),high\n"
    assert "unknown better 'more'" in refused(read_outcomes, write("o.csv", rows.replace("high", "more")))
    assert ":3: outcome 'a' stands twice" in refused(read_outcomes, write("o.csv", rows + "a,x,\n"))
    assert "column 'measure' is empty" in refused(read_outcomes, write("o.csv", "name,measure\nA,\n"))
    assert ":3: 'a b' stands twice" in refused(read_names, write("n.csv", "name,zh\nA_b,x\na b,y\n"))

    def never(measure):
        raise InputError(f"no measure {measure}")

    assert "o.csv:2: no measure final(x)" in refused(read_outcomes, write("o.csv", rows), never)


def test_a_folder_holds_what_is_there_and_nothing_else(write, tmp_path):
    model = write("m.mdl", "x")
    empty = read_folder(model)
    assert (empty.parameters, empty.scenarios, empty.outcomes, dict(empty.names_zh)) == ((), (), (), {})
    with pytest.raises(UnknownNameError, match=r"unknown scenario 'x' .* there is none"):
        empty.changes("x")
    write("parameters.csv", "name,low,high\nYield,0,1\n")
    write("scenarios.toml", SCENARIOS)
    write("outcomes.csv", "name,measure\nA,final(Yield)\n")
    write("names_zh.csv", "name,zh\nYield,产量\n")
    whole = read_folder(model, NAMES)
    assert len(whole.changes("no subsidy")) == 3
    assert (len(whole.parameters), len(whole.outcomes), whole.names_zh["yield"]) == (1, 1, "产量")


# --- where a model is -----------------------------------------------------------------------------------------------


def test_shipped_models_are_found_by_name():
    for name, path in shipped_models().items():
        assert find_model(name.upper()) == path
        assert path.parent.name == path.stem == name


def test_a_path_is_found_and_what_is_none_is_refused(write, tmp_path):
    path = write("Model.MDL", "x")
    assert find_model(str(path)) == path
    assert "did you mean" in refused(find_model, str(tmp_path / "Modell.MDL"))
    assert str(path) in refused(find_model, str(tmp_path / "Modell.MDL"))
    assert "is a folder; name the model file in it (it holds Model.MDL)" in refused(find_model, str(tmp_path))
    assert "is no model file" in refused(find_model, str(write("model.docx", "x")))
    assert "unknown model 'oragne'" in refused(find_model, "oragne")
    for odd in ("", "x" * 5000, "a\0b", "~nobody/x.mdl", "no/such/folder/x.mdl"):
        assert "unknown model" in refused(find_model, odd) or "is a folder" in refused(find_model, odd)
