"""Every model of the SDX collection is read, with the right names and lines, and as PySD reads it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import lxml.etree
import pytest

from cluster_sd.errors import ModelError
from cluster_sd.model.names import clean
from cluster_sd.model.parsed import CONTROL
from cluster_sd.model.source import read_source

SDX = Path(__file__).parents[3] / "shared" / "conformance" / "sdx"
FILES = sorted(p for p in SDX.glob("*/*") if p.suffix in (".mdl", ".xmile", ".stmx")) if SDX.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason=f"the SDX collection is not at {SDX}")

#: Files that their converter left without an equation or without the macro that they call: there is nothing to run.
WITHOUT = {
    "macro_expression": "which the file doesn't define",
    "macro_multi_expression": "which the file doesn't define",
    "macro_multi_macros": "which the file doesn't define",
    "subscript_1d_arrays": "has no equation",
    "subscript_constant_call": "has no equation",
    "subscript_mixed_assembly": "has no equation",
    "subscript_multiples": "has no equation",
    "subscript_subranges_equal": "has no equation",
    "subscript_updimensioning": "has no equation",
    "subscripted_flows": "has no equation",
}


def name_of(path):
    return f"{path.parent.name}/{path.name}"


def reason(path):
    if path.name == "test_logicals.stmx":
        return "can't read this equation of NOT output at 'not THEN"  # NOT after its operand
    return None if path.suffix == ".mdl" else WITHOUT.get(path.parent.name)


READABLE = [path for path in FILES if reason(path) is None]
VENSIM = [path for path in READABLE if path.suffix == ".mdl"]


@pytest.mark.parametrize("path", READABLE, ids=name_of)
def test_every_variable_has_the_line_where_the_file_defines_it(path):
    source = read_source(path)
    lines = source.text.split("\n")
    assert set(CONTROL[:3]) <= set(source.variables)
    for key, variable in source.variables.items():
        assert clean(variable.name) == key
        if source.kind == "xmile" and key in CONTROL:
            assert "<sim_specs" in lines[variable.line - 1]
            continue
        start = "\n".join(lines[variable.line - 1 :])
        if source.kind == "xmile":
            written = re.match(r"\s*<(?:aux|flow|stock|gf)\b[^>]*?\sname=\"([^\"]*)\"", start)
            assert written and clean(written.group(1)) == key
        else:
            start = " ".join(re.sub(r"\\\n", " ", start).split())
            assert clean(start[: len(variable.name)]) == key
        assert source.place(variable.name) == f"{path}:{variable.line}"


@pytest.mark.parametrize("path", READABLE, ids=name_of)
def test_the_abstract_model_and_the_texts_name_the_same_variables(path):
    source = read_source(path)
    main = source.abstract.sections[0]
    assert {clean(e.name) for e in main.elements} == set(source.variables)
    assert [s.name for s in source.abstract.sections[1:]] == list(source.macros)


@pytest.mark.parametrize("path", [p for p in READABLE if p.suffix != ".mdl"], ids=name_of)
def test_no_variable_of_an_xml_file_is_left_out(path):
    root = lxml.etree.fromstring(path.read_bytes(), lxml.etree.XMLParser(recover=True))
    named = {
        clean(node.get("name"))
        for node in root.iter("{*}aux", "{*}flow", "{*}stock", "{*}gf")
        if node.get("name") and (node.find("{*}eqn") is not None or node.find("{*}ypts") is not None)
    }
    assert named
    assert set(read_source(path).variables) == named | set(CONTROL)


@pytest.mark.parametrize("path", [p for p in FILES if reason(p)], ids=name_of)
def test_a_file_that_lacks_an_equation_is_refused_with_its_line(path):
    with pytest.raises(ModelError, match=reason(path)) as caught:
        read_source(path)
    assert caught.value.line is not None
    assert "???" in path.read_text() or "MACRO(" in path.read_text() or "not " in path.read_text()


#: Variables with a power of a negative number, of which PySD makes something that their reference output contradicts.
POWERS = {"associativity", "expo"}


def described(section):
    """What PySD's section says, apart from prose and units."""
    elements = {
        clean(element.name): sorted(f"{type(c).__name__} {c.subscripts} {c.ast!r}" for c in element.components)
        for element in section.elements
        if clean(element.name) not in POWERS
    }
    ranges = sorted(f"{r.name} {r.subscripts} {r.mapping}" for r in section.subscripts)
    return section.name, section.params, section.returns, elements, ranges


@pytest.mark.parametrize("path", VENSIM, ids=name_of)
def test_what_pysd_can_parse_is_parsed_as_pysd_does(path):
    from pysd.translators.vensim.vensim_file import VensimFile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = VensimFile(path)
        theirs.parse()
        theirs = theirs.get_abstract_model()
    ours = read_source(path).abstract
    assert [described(s) for s in ours.sections] == [described(s) for s in theirs.sections]


def test_all_vensim_models_are_read():
    assert [path for path in FILES if path.suffix == ".mdl" and reason(path)] == []
