"""An XMILE file's text to PySD's abstract model, variable by variable, so that whatever fails has a line."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cluster_sd.errors import ModelError, UnsupportedError
from cluster_sd.model.names import clean
from cluster_sd.model.parsed import Parsed, VariableText, excerpt
from cluster_sd.model.repair import call_macros, close_variables, quote_flow, repair_xmile
from cluster_sd.model.translators import translator

__all__ = ["read_xmile"]

_DOCTYPE = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]*):|\s([A-Za-z_][\w.-]*):[\w.-]+\s*=\s*[\"']")
_DECLARED = re.compile(r"\sxmlns:([A-Za-z_][\w.-]*)\s*=")
_SPACED_CALL = re.compile(r"([^\W\d]\w*(?: \w+)+)\s*\(")
_WORDS = {"IF", "THEN", "ELSE", "AND", "OR", "NOT", "MOD"}
_METHODS = {"euler": "euler", "rk2": "heun", "rk4": "rk4", "rk45": "rk45", "gear": "bdf"}
_TABLES = ("continuous", "extrapolate", "discrete")
_KINDS = ("aux", "flow", "stock", "gf")
_REFUSED = {
    "conveyor": "a conveyor",
    "queue": "a queue",
    "oven": "an oven",
    "leak": "a leakage flow of a conveyor",
    "overflow": "an overflow of a queue",
    "init_eqn": "a variable with an initial equation of its own",
}


def read_xmile(text: str, path: Path) -> Parsed:
    """Parse the text of an ``.xmile``, ``.stmx`` or ``.xml`` file.

    Raises
    ------
    ModelError
        With the line, if the XML is not whole, declares entities, or an equation can't be read.
    UnsupportedError
        For modules, conveyors and other things of XMILE that are not run.
    """
    root = _tree(text, path)
    ns = root.nsmap[None]
    specs, model = root.find(f"{{{ns}}}sim_specs"), root.find(f"{{{ns}}}model")
    if specs is None or model is None:
        raise ModelError("has no <model> or no <sim_specs>: the file is cut off or is no model that can be run", path)
    _refuse_modules(root, ns, path)
    _gather(model, ns, path)
    macros = [_macro_root(node, ns, path) for node in root.findall(f"{{{ns}}}macro")]
    names = [name for name, _, _ in macros]
    main = _Section(root, path, names)
    main.read(_save_every(root, specs, ns))
    others = [_Section(tree, path, names, name, params) for name, params, tree in macros]
    for section in others:
        section.read()
    model_class = translator("structures.abstract_model").AbstractModel
    return Parsed(
        abstract=model_class(path, tuple(s.section.get_abstract_section() for s in (main, *others))),
        variables=main.variables,
        macros={clean(s.name): s.variables for s in others},
        method=_method(specs, path),
    )


def _tree(text: str, path: Path) -> Any:
    """The XML tree, nothing expanded, nothing fetched, nothing guessed."""
    etree = _etree()
    found = _DOCTYPE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise ModelError("declares a DOCTYPE or entities, which no model needs; remove the declaration", path, line)
    text = _declared(text)
    try:
        root = _parse(text)
    except etree.XMLSyntaxError as error:
        try:
            root = _parse(close_variables(text))
        except etree.XMLSyntaxError:
            reason = str(error.msg).split(", line")[0]
            raise ModelError(f"is not whole XML ({reason}): is it cut off?", path, error.lineno or None) from None
    if etree.QName(root).localname != "xmile" or not root.nsmap.get(None):
        raise ModelError("is XML but not XMILE: its root must be <xmile xmlns=…>", path, root.sourceline)
    return root


def _etree() -> Any:
    """The XML library that PySD's translators use; imported when the first XMILE file is read."""
    return importlib.import_module("lxml.etree")


def _parse(text: str) -> Any:
    etree = _etree()
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(text.encode("utf-8"), parser)


def _declared(text: str) -> str:
    """Without the XML declaration (the text is decoded) and with every prefix declared: xmutil forgets ``isee``."""
    text = re.sub(r"^\s*<\?xml[^>]*\?>", lambda m: "\n" * m.group().count("\n"), text)
    used = {tag or attribute for tag, attribute in _PREFIX.findall(text)}
    missing = sorted(used - set(_DECLARED.findall(text)) - {"xml", "xmlns"})
    extra = "".join(f' xmlns:{prefix}="undeclared:{prefix}"' for prefix in missing)
    return re.sub(r"<xmile\b", lambda m: m.group() + extra, text, count=1)


def _refuse_modules(root: Any, ns: str, path: Path) -> None:
    models = root.findall(f"{{{ns}}}model")
    for node in [*root.iterfind(f"{{{ns}}}model/{{{ns}}}variables/{{{ns}}}module"), *models[1:]]:
        raise UnsupportedError(f"module '{node.get('name', '')}': modules are not supported", path, node.sourceline)
    for node in root.iter(f"{{{ns}}}import"):
        raise UnsupportedError("<import> of data into a model is not supported", path, node.sourceline)


def _gather(model: Any, ns: str, path: Path) -> None:
    """Put variables where PySD looks for them: Stella 10 has them in the model itself, others in groups.

    Raises
    ------
    ModelError
        If there is none, or one stands where nobody expects it; none is left out silently.
    """
    variables = model.find(f"{{{ns}}}variables")
    if variables is None:
        variables = model.makeelement(f"{{{ns}}}variables")
        model.append(variables)
    tags = tuple(f"{{{ns}}}{kind}" for kind in _KINDS)
    groups = [g for parent in (model, variables) for g in parent.findall(f"{{{ns}}}group")]
    for parent in (model, *groups):
        for node in [child for child in parent if child.tag in tags and child.get("name")]:
            if parent is not model:
                parent.append(parent.makeelement(f"{{{ns}}}entity", {"name": node.get("name")}))
            variables.append(node)
    for equation in model.iter(f"{{{ns}}}eqn"):
        node = equation.getparent()
        if node.tag in tags and node.getparent() is not variables and node.getparent().tag not in tags:
            name = node.get("name", "")
            raise ModelError(f"{name} is defined outside <variables>", path, node.sourceline)
    if not any(child.tag in tags for child in variables):
        raise ModelError("defines no variable", path)


def _method(specs: Any, path: Path) -> str:
    named = (specs.get("method") or "euler").split(",")[0].strip().lower()
    if named not in _METHODS:
        message = f"integration method '{named}' is not supported; it can be {', '.join(_METHODS)}"
        raise UnsupportedError(message, path, specs.sourceline)
    return _METHODS[named]


def _save_every(root: Any, specs: Any, ns: str) -> str:
    """Equation of SAVEPER: Stella's save interval, XMILE's savestep, a variable SAVEPER, or nothing."""
    for name, value in specs.attrib.items():
        if name.endswith("}save_interval") and value.strip():
            return value
    step = specs.findtext(f"{{{ns}}}savestep")
    if step and step.strip():
        return step.strip()
    for node in root.iterfind(f"{{{ns}}}model/{{{ns}}}variables/{{{ns}}}aux"):
        if clean(node.get("name", "")) == "saveper":
            return repair_xmile(node.findtext(f"{{{ns}}}eqn") or "")
    return ""


def _macro_root(node: Any, ns: str, path: Path) -> tuple[str, list[str], Any]:
    """Name and parameters of a macro, and a tree that holds its variables as a model of its own."""
    name = (node.get("name") or "").strip()
    if not name:
        raise ModelError("a macro has no name", path, node.sourceline)
    params = [("".join(p.itertext())).strip() for p in node.iterfind(f"{{{ns}}}parm")]
    tree = node.makeelement(f"{{{ns}}}xmile", nsmap={None: ns})
    model = tree.makeelement(f"{{{ns}}}model")
    variables = node.find(f"{{{ns}}}variables")
    if variables is None:
        variables = tree.makeelement(f"{{{ns}}}variables")
    equation = node.find(f"{{{ns}}}eqn")
    tree.append(model)
    model.append(variables)
    if equation is not None:
        value = tree.makeelement(f"{{{ns}}}aux", {"name": name})
        value.sourceline = node.sourceline
        value.append(equation)
        variables.append(value)
    return name, params, tree


class _Section:
    """The model itself, or one macro."""

    def __init__(
        self, root: Any, path: Path, macro_names: Iterable[str], name: str = "", params: Iterable[str] = ()
    ) -> None:
        self.root, self.path, self.name = root, path, name
        self.ns = {"ns": root.nsmap[None]}
        self.macro_names = list(macro_names)
        self.variables: dict[str, VariableText] = {}
        self._groups = self._group_names()
        self.section = translator("xmile.xmile_section").Section(
            name=clean(name) if name else "__main__",
            path=path,
            section_type="macro" if name else "main",
            params=[clean(p) for p in params],
            returns=[],
            content_root=root,
            namespace=root.nsmap[None],
            split=False,
            views_dict=None,
        )

    def read(self, save_every: str = "") -> None:
        """Check, repair and parse the section's variables."""
        nodes = [node for kind in _KINDS for node in self._find(self.root, f"ns:model/ns:variables/ns:{kind}")]
        for node in nodes:
            self._check(node)
            self._repair(node)
        for dim in self._find(self.root, "ns:dimensions/ns:dim"):
            self._number(dim)
        if not self.name:
            self._check_times()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.section.parse(parse_all=False)
            for component in self.section.components:
                if component.name == "SAVEPER" and not hasattr(component, "node"):
                    component.eqn = save_every or component.eqn
                self._component(component)
        self.variables = dict(sorted(self.variables.items(), key=lambda item: item[1].line))

    def _find(self, node: Any, path: str) -> list[Any]:
        return node.xpath(path, namespaces=self.ns)

    def _text(self, node: Any, tag: str) -> str:
        found = self._find(node, f"ns:{tag}")
        return "".join(found[0].itertext()).strip() if found else ""

    def _error(self, message: str, node: Any) -> ModelError:
        return ModelError(message, self.path, getattr(node, "sourceline", None))

    def _check_times(self) -> None:
        specs = self._find(self.root, "ns:sim_specs")[0]
        for tag in ("start", "stop", "dt"):
            if not self._text(specs, tag):
                raise self._error(f"<sim_specs> has no <{tag}>", specs)

    def _check(self, node: Any) -> None:
        name = node.get("name", "").strip()
        if not name:
            raise self._error("a variable has no name", node)
        for tag, words in _REFUSED.items():
            if self._find(node, f"ns:{tag}"):
                raise UnsupportedError(f"{name} is {words}, which is not supported", self.path, node.sourceline)
        for table in self._find(node, "descendant-or-self::ns:gf"):
            self._check_table(name, table)
        equations = ["".join(e.itertext()).strip() for e in self._find(node, ".//ns:eqn")]
        if not self._find(node, "descendant-or-self::ns:gf") and not any(equations):
            raise self._error(f"{name} has no equation", node)
        if any("???" in e for e in equations):
            raise self._error(f"{name} has no equation: '???' is what a converter writes where it can't convert", node)

    def _check_table(self, name: str, table: Any) -> None:
        """Numbers only, as many x as y: NumPy would stop silently at the first that isn't one."""
        counts = []
        for tag in ("ypts", "xpts"):
            for node in self._find(table, f"ns:{tag}"):
                separator = (node.get("sep") or ",").strip() or None
                try:
                    counts.append(len([float(part) for part in (node.text or "").strip().split(separator)]))
                except ValueError:
                    raise self._error(f"the table of {name} holds something that is no number", node) from None
        scale = self._find(table, "ns:xscale")
        kind = table.get("type", "continuous")
        if kind not in _TABLES:
            raise self._error(f"the table of {name} is of type '{kind}'; it can be {', '.join(_TABLES)}", table)
        if not counts or (not scale and (len(counts) < 2 or counts[0] != counts[1])):
            raise self._error(f"the table of {name} needs as many x as y", table)

    def _repair(self, node: Any) -> None:
        for eqn in self._find(node, ".//ns:eqn"):
            text = call_macros("".join(eqn.itertext()), self.macro_names)
            eqn.text = repair_xmile(text)
            del eqn[:]
        for flow in self._find(node, "ns:inflow|ns:outflow"):
            flow.text = quote_flow("".join(flow.itertext()))
        table = self._find(node, "ns:gf")
        if table and node.tag.endswith("}aux") and not self._text(node, "eqn"):
            self._bare_table(node, table[0])

    def _bare_table(self, node: Any, table: Any) -> None:
        """A converter that has a table and no equation is a table."""
        node.tag = f"{{{self.ns['ns']}}}gf"
        for name, value in table.attrib.items():
            node.set(name, value) if name != "name" else None
        for child in list(table):
            node.append(child)
        for spare in [table, *self._find(node, "ns:eqn")]:
            node.remove(spare)

    def _number(self, dim: Any) -> None:
        """A dimension with a size and no elements has the elements 1 … size."""
        size = dim.get("size", "")
        if not self._find(dim, "ns:elem") and size.isdecimal():
            for i in range(1, int(size) + 1):
                dim.append(dim.makeelement(f"{{{self.ns['ns']}}}elem", {"name": str(i)}))

    def _component(self, component: Any) -> None:
        node = getattr(component, "node", None)
        text = component.eqn if node is None else self._equation(node)
        try:
            component.parse(self.section.behaviors)
        except Exception as error:
            for call in _SPACED_CALL.findall(text):
                if not _WORDS & set(call.upper().split()):
                    message = f"{component.name} calls '{call}', which the file doesn't define"
                    raise self._error(message, node) from None
            raise self._error(excerpt(f"equation of {component.name}", text, error), node) from None
        key = clean(component.name)
        if key in self.variables:
            first = self.variables[key].line
            raise self._error(f"{component.name} is defined a second time; the first is in line {first}", node)
        self.variables[key] = self._variable(component, node)

    def _equation(self, node: Any) -> str:
        return "\n".join(" ".join("".join(e.itertext()).split()) for e in self._find(node, ".//ns:eqn"))

    def _variable(self, component: Any, node: Any) -> VariableText:
        dims = [] if node is None else [d.get("name", "") for d in self._find(node, "ns:dimensions/ns:dim")]
        place = self._find(self.root, "ns:sim_specs")[0] if node is None else node
        low, high = component.limits
        return VariableText(
            name=" ".join(component.name.split()),
            units=" ".join((component.units or "").split()),
            documentation=" ".join((component.documentation or "").split()),
            limits=(low, high),
            equation=component.eqn if node is None else self._equation(node),
            line=place.sourceline,
            group=self._groups.get(clean(component.name), ""),
            subscripts=f"[{','.join(dims)}]" if dims else "",
        )

    def _group_names(self) -> dict[str, str]:
        """Name of the group that holds a variable, by the variable's clean name."""
        out: dict[str, str] = {}
        for group in self._find(self.root, "ns:model//ns:group"):
            for entity in self._find(group, "ns:entity|ns:var"):
                out[clean(entity.get("name") or "".join(entity.itertext()))] = group.get("name", "").strip()
        return out
