"""Whatever is wrong with the input: one line that says what, where and what to do, status 2, and no file."""

import re

import pytest

HEAD = "{UTF-8}\n"
CONTROL = """
INITIAL TIME = 0 ~ year ~ |
FINAL TIME = 10 ~ year ~ |
TIME STEP = 1 ~ year ~ |
SAVEPER = TIME STEP ~ year ~ |
"""


def model(place, equations, name="model.mdl"):
    (place / name).write_text(HEAD + equations + CONTROL, encoding="utf-8")
    return name


# --- the model --------------------------------------------------------------------------------------------------------


def test_missing_model_file(mistake):
    mistake(["run", "nowhere.mdl", "--out", "x.csv"], "nowhere.mdl")


def test_misspelt_name_of_a_shipped_model_gets_a_suggestion(mistake):
    mistake(["run", "orrange", "--out", "x.csv"], "orrange", "'orange'")


def test_folder_in_place_of_a_model(mistake, place):
    (place / "folder.mdl").mkdir()
    mistake(["run", "folder.mdl", "--out", "x.csv"], "folder.mdl")


def test_a_file_of_another_kind(mistake, place):
    (place / "model.txt").write_text("x = 1 ~~|")
    mistake(["run", "model.txt", "--out", "x.csv"], "model.txt", ".mdl")


@pytest.mark.parametrize("name", ["model.mdl", "model.xmile", "model.stmx"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n  \n", bytes(range(256)) * 40, b"\x00" * 1000, b"\x89PNG\r\n\x1a\n" + b"\xff\xfe\x00" * 99],
    ids=["empty", "blank", "all bytes", "zeros", "picture"],
)
def test_empty_and_binary_model_files(mistake, place, name, content):
    (place / name).write_bytes(content)
    mistake(["run", name, "--out", "x.csv"], name)


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5, 0.7])
def test_truncated_vensim_model(mistake, place, keep):
    text = (place / "orchard.mdl").read_bytes()
    (place / "cut.mdl").write_bytes(text[: int(len(text) * keep)])
    mistake(["run", "cut.mdl", "--out", "x.csv"], "cut.mdl")


def test_truncated_xmile_model(mistake, place):
    (place / "cut.xmile").write_text('<?xml version="1.0"?><xmile version="1.0"><model><variables><aux name="a"><eqn>1')
    mistake(["run", "cut.xmile", "--out", "x.csv"], "cut.xmile")


def test_undefined_variable_is_named_with_its_place(mistake, place):
    model(place, "price = cost * 1.2 ~ yuan ~ |\ncapital = INTEG(price, 0) ~ yuan ~ |")
    mistake(["run", "model.mdl", "--out", "x.csv"], "model.mdl", "cost", "price")


def test_circle_of_variables_is_named(mistake, place):
    model(place, "a = b + 1 ~ ~ |\nb = c * 2 ~ ~ |\nc = a / 3 ~ ~ |")
    line = mistake(["run", "model.mdl", "--out", "x.csv"], "model.mdl")
    circle = re.search(r"\b([abc])\W+([abc])\W+([abc])\W+\1\b", line)
    assert circle is not None and set(circle.groups()) == {"a", "b", "c"}


def test_function_that_does_not_exist_is_named(mistake, place):
    model(place, "a = FROBNICATE(3) ~ ~ |")
    assert "frobnicate" in mistake(["run", "model.mdl", "--out", "x.csv"], "model.mdl").lower()


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE xmile [<!ENTITY a "1"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<header><vendor>x</vendor><product version="1.0">x</product></header>
<sim_specs><start>0</start><stop>1</stop><dt>1</dt></sim_specs>
<model><variables><aux name="x"><eqn>&c;</eqn></aux></variables></model></xmile>
"""


def test_xml_entities_are_not_expanded(mistake, place):
    (place / "laughs.xmile").write_text(LAUGHS)
    mistake(["run", "laughs.xmile", "--out", "x.csv"], "laughs.xmile")


def test_xml_entities_do_not_read_files(mistake, place):
    (place / "secret.txt").write_text("4711")
    text = LAUGHS.replace('<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">', '<!ENTITY c SYSTEM "secret.txt">')
    (place / "peek.xmile").write_text(text)
    assert "4711" not in mistake(["run", "peek.xmile", "--out", "x.csv"], "peek.xmile")


@pytest.mark.parametrize(
    "name",
    [
        '__import__("os").system("touch pwned")',
        "open('pwned', 'w')",
        "'); import os; os.system('touch pwned'); ('",
        "$(touch pwned)",
        "`touch pwned`",
        "%s %n {0} {self.__class__}",
        "../../pwned",
    ],
)
def test_names_that_look_like_code_are_only_names(cluster_sd, place, name):
    quoted = '"' + name.replace('"', r"\"") + '"'
    model(place, f"{quoted} = 3 ~ ~ it's {name} |\nb = {quoted} + 1 ~ ~ |")
    ended = cluster_sd("run", "model.mdl", "--out", "x.csv")
    assert ended.status == 0, ended.err
    assert ended.made == {"x.csv", "run.json"}
    assert (place / "x.csv").read_text().splitlines()[-1].count("4.0") == 1


# --- data outside the model's folder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", ["../outside.csv", "{folder}/outside.csv"])
def test_data_outside_the_models_folder_needs_an_option(mistake, cluster_sd, place, outside):
    (place.parent / "outside.csv").write_text("7\n")
    file = outside.format(folder=place.parent)
    model(place, f"a = GET DIRECT CONSTANTS('{file}', ',', 'A1') ~ ~ |")
    mistake(["run", "model.mdl", "--out", "x.csv"], "outside.csv", "--allow-outside")
    ended = cluster_sd("run", "model.mdl", "--allow-outside", "--out", "x.csv")
    assert ended.status == 0, ended.err
    assert "7.0" in (place / "x.csv").read_text()


def test_a_link_does_not_lead_outside(mistake, place):
    (place.parent / "outside.csv").write_text("7\n")
    (place / "inside.csv").symlink_to(place.parent / "outside.csv")
    model(place, "a = GET DIRECT CONSTANTS('inside.csv', ',', 'A1') ~ ~ |")
    mistake(["run", "model.mdl", "--out", "x.csv"], "inside.csv")


def test_missing_data_file(mistake, place):
    model(place, "a = GET DIRECT CONSTANTS('nothing.csv', ',', 'A1') ~ ~ |")
    mistake(["run", "model.mdl", "--out", "x.csv"], "nothing.csv")


# --- what is asked of a run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("lif=3", ["'lif'", "'life'"]),
        ("no such thing at all=3", ["no such thing at all"]),
        ("life", ["life", "="]),
        ("=3", ["=3"]),
        ("life=", ["life"]),
        ("life=long", ["life", "long"]),
        ("life=nan", ["life", "nan"]),
        ("life=inf", ["life", "inf"]),
        ("life=1_0", ["life", "1_0"]),
        ("life@soon=3", ["life@soon"]),
        ("life@nan=3", ["life"]),
        ("share of grade[third]=0.1", ["third"]),
    ],
)
def test_settings_that_make_no_sense(mistake, setting, words):
    mistake(["run", "orchard.mdl", "--set", setting, "--out", "x.csv"], *words)


def test_a_name_set_twice(mistake):
    mistake(["run", "orchard.mdl", "--set", "life=3", "--set", "Life=4", "--out", "x.csv"], "Life=4", "twice")


@pytest.mark.parametrize(
    "options",
    [
        ["--time-step", "0"],
        ["--time-step", "-1"],
        ["--time-step", "nan"],
        ["--time-step", "quick"],
        ["--time-step", "1e-300"],
        ["--time-step", "1e300"],
        ["--stop", "1990"],
        ["--stop", "inf"],
        ["--start", "2040"],
        ["--start", "-1e308", "--stop", "1e308"],
        ["--save-every", "0"],
        ["--save-every", "-1"],
        ["--save-every", "nan"],
    ],
    ids=" ".join,
)
def test_impossible_time_settings(mistake, options):
    mistake(["run", "orchard.mdl", *options, "--out", "x.csv"])


def test_impossible_time_settings_in_the_file(mistake, place):
    text = (place / "orchard.mdl").read_text().replace("TIME STEP = 0.25", "TIME STEP = 0")
    (place / "zero.mdl").write_text(text)
    mistake(["run", "zero.mdl", "--out", "x.csv"], "zero.mdl")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--variables", "Treees"], ["Treees", "'Trees'"]),
        (["--variables", "harvest of grade[third]"], ["third"]),
        (["--scenario", "drought"], ["drought"]),
        (["--solver", "rk5"], ["rk5", "rk4"]),
        (["--backend", "cuda"], ["cuda", "llvm"]),
        (["--seed", "-1"], ["-1"]),
        (["--seed", "1.5"], ["1.5"]),
        (["--threads", "0"], ["0"]),
        (["--wrong"], ["--wrong"]),
        (["--solver", "lsoda"], ["weather"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_options_that_cannot_be_met(mistake, options, words):
    mistake(["run", "orchard.mdl", *options, "--out", "x.csv"], *words)


def test_a_run_that_fails_says_which_variable_and_when(mistake):
    mistake(["run", "orchard.mdl", "--set", "life=5", "--out", "x.csv"], "trees per life", "2000")


# --- where results go -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["x", "x.txt", "x.xlsx", "x.csv.gz", "."])
def test_results_of_no_known_format_are_refused_before_any_work(mistake, out):
    mistake(["run", "no such model", "--out", out], "--out", ".csv")


def test_a_folder_in_place_of_a_file(mistake, place):
    (place / "folder.csv").mkdir()
    mistake(["run", "no such model", "--out", "folder.csv"], "folder.csv")


def test_a_file_in_place_of_a_folder(mistake, place):
    (place / "file").write_text("")
    mistake(["run", "no such model", "--out", "file/x.csv"], "file/x.csv")


def test_an_existing_result_survives_a_failed_run(mistake, place):
    (place / "x.csv").write_text("precious")
    mistake(["run", "orchard.mdl", "--set", "life=5", "--out", "x.csv"])
    assert (place / "x.csv").read_text() == "precious"


# --- designs and measures ---------------------------------------------------------------------------------------------

GOOD = "life,subsidy\n20,0\n30,0.5\n"


@pytest.mark.parametrize(
    ("design", "words"),
    [
        ("", ["design.csv"]),
        ("life,subsidy\n", ["design.csv"]),
        ("life,subsidy\n20,0\n30,much\n", ["subsidy", "much", "3"]),
        ("life,subsidy\n20,0\n30,\n", ["subsidy", "3"]),
        ("life,subsidy\n20,0\n30,nan\n", ["subsidy", "3"]),
        ("life,subsidy\n20,0\n30,inf\n", ["subsidy", "3"]),
        ("life,subsidy\n20,0\n30\n", ["3"]),
        ("life,subsidy\n20,0\n30,1,2\n", ["3"]),
        ("life,Life\n20,0\n", ["Life"]),
        ("life,\n20,0\n", ["design.csv"]),
        ("life,subsidi\n20,0\n", ["subsidi", "'subsidy'"]),
        ("\x00\x01\x02", ["design.csv"]),
    ],
)
def test_designs_with_mistakes(mistake, place, design, words):
    (place / "design.csv").write_text(design)
    command = ["ensemble", "orchard.mdl", "--design", "design.csv", "--measure", "final(Trees)", "--out", "x.csv"]
    mistake(command, *words)


def test_missing_design(mistake):
    mistake(["ensemble", "orchard.mdl", "--design", "nowhere.csv", "--out", "x.csv"], "nowhere.csv")


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("final(Treees)", ["Treees", "'Trees'"]),
        ("finale(Trees)", ["finale"]),
        ("final(Trees", ["final(Trees"]),
        ("Trees@1990", ["1990"]),
        ("Trees@soon", ["soon"]),
        ("time_above(Trees)", ["time_above"]),
        ("time_above(Trees, high)", ["high"]),
        ("", []),
    ],
)
def test_measures_with_mistakes(mistake, place, measure, words):
    (place / "design.csv").write_text(GOOD)
    mistake(["ensemble", "orchard.mdl", "--design", "design.csv", "--measure", measure, "--out", "x.csv"], *words)


def test_numbers_and_series_do_not_share_a_csv_table(mistake, place):
    (place / "design.csv").write_text(GOOD)
    measures = ["--measure", "final(Trees)", "--measure", "harvest"]
    mistake(["ensemble", "orchard.mdl", "--design", "design.csv", *measures, "--out", "x.csv"], ".nc", ".parquet")


def test_a_result_does_not_replace_its_design(mistake, place):
    (place / "design.csv").write_text(GOOD)
    mistake(["ensemble", "orchard.mdl", "--design", "design.csv", "--out", "./design.csv"], "design")


def test_a_folder_made_for_a_result_is_gone_after_a_mistake(mistake, place):
    (place / "design.csv").write_text("subsidi\n1\n")
    mistake(["ensemble", "orchard.mdl", "--design", "design.csv", "--out", "new/folder/x.csv"], "subsidi")
    assert not (place / "new").exists()


def test_resume_without_a_result_to_go_on_with(mistake, place):
    (place / "design.csv").write_text(GOOD)
    mistake(["ensemble", "orchard.mdl", "--design", "design.csv", "--resume"], "--out")
