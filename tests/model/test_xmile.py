"""XMILE and Stella files: macros, tables, arrays, groups, save steps, and what is refused."""

from __future__ import annotations

import pytest

from cluster_sd.errors import ModelError, UnsupportedError
from cluster_sd.model.source import read_source

SPECS = '<sim_specs method="{method}" time_units="year"{more}><start>0</start><stop>10</stop><dt>0.5</dt></sim_specs>'


@pytest.fixture
def read(tmp_path):
    def read_(
        variables='<aux name="only"><eqn>1</eqn></aux>',
        outside="",
        method="Euler",
        more="",
        name="m.xmile",
        root=' xmlns:isee="http://iseesystems.com"',
    ):
        path = tmp_path / name
        path.write_text(
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"{root}>\n'
            f"{SPECS.format(method=method, more=more)}\n{outside}\n"
            f"<model><variables>\n{variables}\n</variables></model></xmile>",
            encoding="utf-8",
        )
        return read_source(path)

    return read_


def ast(source, name, section=0):
    elements = source.abstract.sections[section].elements
    return next(e.components[0].ast for e in elements if e.name.lower() == name)


def test_a_variable_comes_with_all_that_the_file_says(read):
    source = read(
        '<stock name="Farmer\\ncapital"><doc>What farmers\n own. [O13]</doc><eqn>3</eqn><inflow>in</inflow>'
        '<range min="0" max="5"/><units>yuan</units></stock>\n<flow name="in"><eqn>2 {a remark}</eqn></flow>'
        '<group name="Farmers"><entity name="farmer capital"/></group>'
    )
    variable = source.variables["farmer_capital"]
    assert (variable.name, variable.equation, variable.units) == ("Farmer capital", "3", "yuan")
    assert (variable.documentation, variable.limits) == ("What farmers own. [O13]", (0.0, 5.0))
    assert (variable.line, variable.group) == (6, "Farmers")
    assert source.variables["in"].line == 8
    assert source.variables["time_step"].equation == "0.5"


@pytest.mark.parametrize("name", ["m.xmile", "m.stmx", "m.xml", "m.XMILE"])
def test_all_endings_of_xmile_are_read(read, name):
    assert read(name=name).kind == "xmile"


@pytest.mark.parametrize(
    ("method", "found"), [("Euler", "euler"), ("RK4", "rk4"), ("rk2", "heun"), ("rk45, rk4", "rk45"), ("Gear", "bdf")]
)
def test_the_integration_method_is_the_files_own(read, method, found):
    assert read(method=method).method == found


def test_an_unknown_integration_method_is_refused(read):
    with pytest.raises(UnsupportedError, match="method 'cycles' is not supported; it can be euler"):
        read(method="cycles")


def test_a_macro_is_a_section_of_its_own(read):
    source = read(
        '<aux name="y"><eqn>1 + Two Words(3, 4)</eqn></aux>',
        outside='<macro name="TWO WORDS"><parm>a</parm><parm>b</parm><eqn>a*inner</eqn><variables>\n'
        '<aux name="inner"><eqn>b+1</eqn></aux></variables></macro>',
    )
    macro = source.abstract.sections[1]
    assert (macro.name, macro.type, macro.params) == ("two_words", "macro", ["a", "b"])
    assert sorted(e.name for e in macro.elements) == ["TWO WORDS", "inner"]
    assert ast(source, "y").arguments[1].function.reference == "two_words"
    assert source.place("inner", macro="two words").endswith("m.xmile:5")


def test_a_macro_that_nobody_defined_is_named(read):
    with pytest.raises(ModelError, match=r"m\.xmile:6: y calls 'EXPRESSION MACRO', which the file doesn't define"):
        read('<aux name="y"><eqn>EXPRESSION MACRO(3)</eqn></aux>')


def test_conditions_in_any_case_nest(read):
    source = read('<aux name="y"><eqn>if Time &gt; 1 then 2 else\n if Time &gt; 0 then 3 else 4 MOD 3</eqn></aux>')
    assert ast(source, "y").function.reference == "if_then_else"
    assert ast(source, "y").arguments[2].function.reference == "if_then_else"
    assert ast(source, "y").arguments[2].arguments[2].function.reference == "modulo"


def test_names_that_begin_like_an_operator_are_names(read):
    source = read('<aux name="notional"><eqn>3</eqn></aux><aux name="y"><eqn>notional * order + notional</eqn></aux>')
    assert [a.reference for a in ast(source, "y").arguments[0].arguments] == ["notional", "order"]


def test_and_binds_before_or(read):
    source = read('<aux name="y"><eqn>if 1=2 AND 1=1 or 3=3 then 1 else 0</eqn></aux>')
    assert ast(source, "y").arguments[0].operators == [":OR:"]


def test_a_converter_with_a_table_and_no_equation_is_a_table(read):
    table = '<gf type="extrapolate"><xscale min="0" max="2"/><ypts>1,2,5</ypts></gf>'
    source = read(f'<aux name="t">{table}</aux><aux name="y"><eqn>LOOKUP(t, Time)</eqn></aux>')
    found = ast(source, "t")
    assert (found.x, found.y, found.type) == ((0, 1, 2), (1, 2, 5), "extrapolate")
    assert ast(source, "y").function.reference == "t"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('<xscale min="0" max="2"/><ypts>1,2,x</ypts>', "holds something that is no number"),
        ('<xscale min="0" max="2"/><ypts>1,,2</ypts>', "holds something that is no number"),
        ("<xpts>1,2</xpts><ypts>1,2,3</ypts>", "needs as many x as y"),
        ("<ypts>1,2,3</ypts>", "needs as many x as y"),
        ('<xscale min="0" max="high"/><ypts>1,2</ypts>', "y"),
    ],
)
def test_a_table_of_anything_but_numbers_is_refused(read, table, message):
    with pytest.raises(ModelError, match=rf"m\.xmile:6: .*{message}"):
        read(f'<aux name="y"><eqn>Time</eqn><gf>{table}</gf></aux>')


def test_an_unknown_kind_of_table_is_refused(read):
    with pytest.raises(ModelError, match="is of type 'wild'; it can be continuous"):
        read('<aux name="y"><eqn>Time</eqn><gf type="wild"><xscale min="0" max="1"/><ypts>1,2</ypts></gf></aux>')


def test_points_may_have_their_own_separator(read):
    source = read('<gf name="t"><xpts sep=";">0;1;2</xpts><ypts sep=" ">1 2  5</ypts></gf>')
    assert ast(source, "t").y == (1, 2, 5)


def test_a_dimension_with_a_size_has_numbered_elements(read):
    source = read(
        '<aux name="y"><dimensions><dim name="d"/></dimensions><eqn>1</eqn></aux>',
        outside='<dimensions><dim name="d" size="3"/></dimensions>',
    )
    assert source.abstract.sections[0].subscripts[0].subscripts == ["1", "2", "3"]
    assert source.variables["y"].subscripts == "[d]"


def test_flows_with_any_name_reach_their_stock(read):
    source = read(
        '<stock name="s"><eqn>0</eqn><inflow>in/out,_net_(yearly)</inflow><outflow>"out"</outflow></stock>'
        '<flow name="in/out, net (yearly)"><eqn>1</eqn></flow><flow name="out"><eqn>1</eqn></flow>'
    )
    assert [a.reference for a in ast(source, "s").flow.arguments] == ["in/out,_net_(yearly)", "out"]


@pytest.mark.parametrize(
    ("more", "variables", "every"),
    [
        ("", '<aux name="z"><eqn>1</eqn></aux>', "time_step"),
        (' isee:save_interval="2"', '<aux name="z"><eqn>1</eqn></aux>', 2),
        ("", '<aux name="SAVEPER"><eqn>1</eqn></aux>', 1),
        ("", '<aux name="SAVEPER"><eqn>TIME_STEP</eqn></aux>', "time_step"),
    ],
)
def test_the_save_step_is_the_files_own(read, more, variables, every):
    found = ast(read(variables, more=more), "saveper")
    assert getattr(found, "reference", found) == every


def test_variables_in_the_model_itself_or_in_groups_are_found(tmp_path):
    path = tmp_path / "m.stmx"
    path.write_text(
        '<xmile xmlns="http://www.systemdynamics.org/XMILE">'
        "<sim_specs><start>0</start><stop>1</stop><dt>1</dt></sim_specs><model>\n"
        '<aux name="in model"><eqn>1</eqn></aux>\n'
        '<group name="G"><aux name="in group"><eqn>2</eqn></aux></group></model></xmile>'
    )
    source = read_source(path)
    assert (source.variables["in_model"].line, source.variables["in_group"].line) == (2, 3)
    assert source.variables["in_group"].group == "G"


def test_a_variable_that_nobody_would_find_is_refused(read):
    with pytest.raises(ModelError, match="lost is defined outside <variables>"):
        read('<aux name="y"><eqn>1</eqn></aux></variables><more><aux name="lost"><eqn>1</eqn></aux></more><variables>')


def test_a_model_without_a_variable_is_refused(read):
    with pytest.raises(ModelError, match="defines no variable"):
        read("")


def test_a_prefix_that_nobody_declared_does_not_matter(read):
    assert read(root="", more=' isee:simulation_delay="0"').variables["time_step"].line == 3


def test_a_closing_tag_that_was_forgotten_is_repaired(read):
    source = read('<flow name="f"><eqn>1</eqn>\n<stock name="s"><eqn>2</eqn><inflow>f</inflow></stock>')
    assert source.variables["s"].line == 7


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ('<module name="Sub"/>', "module 'Sub': modules are not supported"),
        ('<stock name="s"><eqn>1</eqn><conveyor><len>2</len></conveyor></stock>', "s is a conveyor"),
        ('<stock name="s"><eqn>1</eqn><queue/></stock>', "s is a queue"),
        ('<flow name="s"><eqn>1</eqn><leak/></flow>', "s is a leakage flow"),
        ('<aux name="s"><eqn>1</eqn><init_eqn>2</init_eqn></aux>', "s is a variable with an initial equation"),
    ],
)
def test_what_is_not_run_is_refused_by_name(read, variables, message):
    with pytest.raises(UnsupportedError, match=rf"m\.xmile:6: {message}"):
        read(variables)


def test_a_second_model_is_refused(read):
    with pytest.raises(UnsupportedError, match="module 'Sub'"):
        read("</variables></model><model name='Sub'><variables>")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ("<aux><eqn>1</eqn></aux>", "a variable has no name"),
        ('<aux name="y"/>', "y has no equation"),
        ('<aux name="y"><eqn> </eqn></aux>', "y has no equation"),
        ('<stock name="y"><inflow>y</inflow></stock>', "y has no equation"),
        ('<aux name="y"><eqn>1 +</eqn></aux>', "can't read this equation of y"),
        ('<aux name="y"><eqn>1 2</eqn></aux>', "can't read this equation of y"),
        ('<aux name="y"><eqn>1</eqn></aux><flow name="Y"><eqn>2</eqn></flow>', "defined a second time"),
        ('<aux name="y"><eqn>???</eqn></aux>', "what a converter writes"),
    ],
)
def test_a_broken_variable_is_refused_with_its_line(read, variables, message):
    with pytest.raises(ModelError, match=rf"m\.xmile:6: .*{message}"):
        read(variables)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"><model><variables><aux name="x"><eqn>&c;</eqn></aux>
</variables></model></xmile>"""
THIEF = """<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>
<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"><model><variables><aux name="x"><doc>&f;</doc></aux>
</variables></model></xmile>"""


@pytest.mark.parametrize(("text", "line"), [(BOMB, 2), (THIEF, 1)], ids=["billion laughs", "external entity"])
def test_entities_are_refused_and_never_expanded(tmp_path, text, line):
    path = tmp_path / "m.xmile"
    path.write_text(text)
    with pytest.raises(ModelError, match=rf"m\.xmile:{line}: declares a DOCTYPE or entities"):
        read_source(path)


def test_no_file_cut_off_anywhere_is_read_as_if_it_were_whole(read, tmp_path):
    source = read('<aux name="y"><eqn>1</eqn></aux><stock name="s"><eqn>2</eqn></stock>')
    path = tmp_path / "cut.xmile"
    for length in range(0, len(source.text) - 1, 7):
        path.write_text(source.text[:length])
        with pytest.raises(ModelError):
            read_source(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html><body/></html>", "is XML but not XMILE"),
        ("{UTF-8}\nx = 1 ~~|", "holds no XML: is it a Vensim model"),
        ('<xmile xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0"></xmile>', "has no <model> or no <sim_specs>"),
        ("<xmile></xmile>", "its root must be <xmile xmlns="),
        (
            '<xmile xmlns="x"><sim_specs><start>0</start></sim_specs>'
            '<model><aux name="x"><eqn>1</eqn></aux></model></xmile>',
            "<sim_specs> has no <stop>",
        ),
    ],
)
def test_xml_that_is_no_model_is_refused(tmp_path, text, message):
    path = tmp_path / "m.xmile"
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        read_source(path)
