"""A model file read once: texts, units, groups, methods, lines; nothing written, nothing run, little imported."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from cluster_sd.errors import InputError
from cluster_sd.model.source import read_source

CONTROL = """
********************************************************
	.Control
********************************************************~
		Simulation Control Parameters
	|

FINAL TIME  = 2040
	~	year
	~	The final time for the simulation.
	|

INITIAL TIME  = 1990
	~	year
	~	The initial time.
	|

SAVEPER  = TIME STEP ~ year [0,?] ~ |

TIME STEP  = 0.125
	~	year [0,?]
	~	The time step.
	|
"""

SKETCH = """
\\\\\\---/// Sketch information - do not modify anything except names
V300  Do not put anything below this section - it will be ignored
*View 1
///---\\\\\\
:L\x7f<%^E!@
1:Current.vdf
15:0,0,0,{method},0,0
"""


@pytest.fixture
def write(tmp_path):
    def written(text, name="model.mdl", control=True, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes((text + (CONTROL if control else "")).encode(encoding))
        return path

    return written


def test_a_variable_comes_with_all_that_the_file_says(write):
    source = read_source(
        write(
            """{UTF-8}
********************************************************
	.Farmers
********************************************************~
		The first sector.
	|

Farmer capital = INTEG (
	income -
		\\
		consumption, Initial capital)
	~	yuan [0,1e9]
	~	What farmers own. \\
		Grows. [O13]
	|
"""
        )
    )
    variable = source.variables["farmer_capital"]
    assert variable.name == "Farmer capital"
    assert variable.equation == "INTEG ( income - consumption, Initial capital)"
    assert (variable.units, variable.limits) == ("yuan", (0.0, 1e9))
    assert variable.documentation == "What farmers own. Grows. [O13]"
    assert (variable.line, variable.group) == (8, "Farmers")
    assert source.place("FARMER_capital") == f"{source.path}:8"
    assert source.place("nobody") == str(source.path)
    assert source.variables["final_time"].group == "Control"
    assert source.method == "euler"


@pytest.mark.parametrize(
    ("written", "units", "limits"),
    [
        ("kg/mu", "kg/mu", (None, None)),
        ("", "", (None, None)),
        ("[0,1]", "", (0, 1)),
        ("kg [0,?]", "kg", (0, None)),
        ("kg [?,5,0.1]", "kg", (None, 5)),
        ("kg [-inf, nan]", "kg", (None, None)),
        ("kg [dry]", "kg [dry]", (None, None)),
        ("{a remark} kg", "{a remark} kg", (None, None)),
    ],
)
def test_limits_stand_behind_the_unit(write, written, units, limits):
    variable = read_source(write(f"x = 1 ~ {written} ~ |")).variables["x"]
    assert (variable.units, variable.limits) == (units, limits)


def test_elements_of_an_array_are_one_variable(write):
    source = read_source(
        write(
            "place: north, south ~~|\nyield[north] = 3 ~~|\nyield[south] = 4\n ~ kg ~ Harvest. |\nall[place] = 1, 2 ~~|"
        )
    )
    variable = source.variables["yield"]
    assert variable.equation == "[north] = 3\n[south] = 4"
    assert (variable.units, variable.documentation, variable.line) == ("kg", "Harvest.", 2)
    assert source.variables["all"].equation == "1, 2"
    assert "place" not in source.variables


def test_a_table_keeps_its_points(write):
    assert read_source(write("f((0,0),(1,2)) ~~|")).variables["f"].equation == "((0,0),(1,2))"


@pytest.mark.parametrize(
    ("number", "method"), [(0, "euler"), (1, "rk4"), (2, "euler"), (3, "heun"), (4, "heun"), (5, "rk4"), (9, "euler")]
)
def test_the_integration_method_is_the_fourth_number_of_line_15(write, number, method):
    path = write("x = 1 ~~|" + CONTROL + SKETCH.format(method=number), control=False)
    assert read_source(path).method == method


def test_quoted_names_may_hold_what_else_has_a_meaning(write):
    source = read_source(write('"share | ~ = {x} (of all)" = 3 ~ dmnl ~ |\ny = 2 * "share | ~ = {x} (of all)" ~~|'))
    assert source.variables["share_|_~_=_{x}_(of_all)"].equation == "3"
    assert source.variables["y"].line == 2


def test_an_odd_quote_in_the_documentation_swallows_nothing(write):
    source = read_source(write('x = 1 ~ kg ~ say "hi |\ny = 2 ~ kg ~ |'))
    assert [source.variables[k].line for k in ("x", "y")] == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_chinese_models_are_read_in_all_encodings(write, encoding):
    source = read_source(write("农户资本 = 3 ~ 元 ~ 冰糖橙集群农户的资本。|", encoding=encoding))
    assert source.variables["农户资本"].documentation == "冰糖橙集群农户的资本。"


def test_names_that_look_like_code_are_only_names(write, tmp_path):
    target = tmp_path / "made"
    name = f"\"__import__('os').mkdir('{target}')\""
    source = read_source(write(f"{name} = 1 ~~|\nimport os = 2 ~~|\ny = {name} + import os ~~|"))
    assert len(source.variables) == 7
    assert not target.exists()


def test_reading_writes_nothing(write, tmp_path):
    path = write("x = GET DIRECT CONSTANTS('a.csv', ',', 'B2') ~~|")
    before = path.read_bytes()
    read_source(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.mdl"]
    assert path.read_bytes() == before


def test_what_was_read_cannot_be_changed(write):
    source = read_source(write("x = 1 ~~|"))
    with pytest.raises(TypeError):
        source.variables["y"] = source.variables["x"]  # pyright: ignore[reportIndexIssue]
    with pytest.raises(AttributeError):
        source.method = "rk4"  # pyright: ignore[reportAttributeAccessIssue]


def test_reading_does_not_import_what_runs_models(write):
    code = textwrap.dedent(
        """
        import sys
        from cluster_sd.model.source import read_source
        assert "numpy" not in sys.modules, "imports are lazy"
        read_source(sys.argv[1])
        assert not {"pysd", "xarray", "pandas"} & set(sys.modules), "only the translators are needed"
        from pysd.translators.structures.abstract_model import AbstractModel
        assert "pysd" not in sys.modules
        assert isinstance(read_source(sys.argv[1]).abstract, AbstractModel)
        import pysd
        from pysd.translators.vensim.vensim_file import VensimFile
        assert pysd.read_vensim and VensimFile
        """
    )
    subprocess.run([sys.executable, "-c", code, str(write("x = 1 + Time ~~|"))], check=True)


def test_a_file_of_another_kind_is_refused(write):
    with pytest.raises(InputError, match=r"is no model file; a model is a \.mdl"):
        read_source(write("x", "model.txt"))
