"""Numbers, units and names as English and Chinese readers write them; no text of the catalogue lacks a language."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest

import cluster_sd
from cluster_sd.errors import InputError
from cluster_sd.report.words import LANGUAGES, Words, catalogue, placeholders, units

PACKAGE = Path(cluster_sd.__file__).parent


def tied(text):
    """No line breaks between a number and its unit."""
    return text.replace(" ", "\u00a0")


EN, ZH = Words("en"), Words("zh", {"Income": "收入", "poor": "贫困户", "Total income": "总收入"})


@pytest.mark.parametrize(
    ("value", "unit", "en", "zh"),
    [
        (285_000, "mu", "285,000 mu", "28.5 万亩"),
        (1.2e9, "yuan", "1.2 billion yuan", "12 亿元"),
        (8123, "yuan/household/year", "8,123 yuan/household/year", "8,123 元/户/年"),
        (45_056, "person", "45,056 person", "4.51 万人"),
        (-0.01234, "dmnl", "−0.0123", "−0.0123"),
        (3.0, "person*year/t", "3 person*year/t", "3 人·年/吨"),
        (0.25, "1/year", "0.25 1/year", "0.25 1/年"),
        (1e-7, "t", "1e−7 t", "1e−7 吨"),
        (math.nan, "t", "–", "–"),
        (None, "t", "–", "–"),
        (-math.inf, "", "−∞", "−∞"),
        (0.0, "yuan", "0 yuan", "0 元"),
        (999_999, "yuan", "1 million yuan", "100 万元"),
        (99_999_999, "yuan", "100 million yuan", "1 亿元"),
    ],
)
def test_quantities_in_both_languages(value, unit, en, zh):
    assert EN.quantity(value, unit) == tied(en)
    assert ZH.quantity(value, unit) == tied(zh)


def test_changes_have_a_sign_and_shares_a_percent_sign():
    assert [EN.change(v, "yuan") for v in (229, -5.5, 0)] == [*map(tied, ("+229 yuan", "−5.5 yuan", "0 yuan"))]
    assert [ZH.percent(v) for v in (0.5, -0.034, 0.00051, 1e-7, -1e-7, 0, None)] == [
        "50%", "−3.4%", "0.05%", "<0.01%", "0%", "0%", "–",
    ]  # fmt: skip


def test_counts_stay_whole_and_years_have_no_comma():
    assert [EN.number(v) for v in (2048, 45_056, 123_456)] == ["2,048", "45,056", "123,000"]
    assert [EN.year(t) for t in (2024, 2024.99, 1999.9999999)] == ["2024", "2024", "2000"]


def test_lists_read_as_in_a_sentence():
    assert [EN.list([]), EN.list(["a"]), EN.list(["a", "b"])] == ["", "a", "a and b"]
    assert ZH.list(["甲", "乙", "丙"], plain=True) == "甲、乙、丙"


def test_names_and_their_elements_are_translated_where_they_are_known():
    assert [ZH.name(n) for n in ("Income", "Income[poor]", "Income[poor, rich]", "Outlay[poor]")] == [
        "收入", "收入（贫困户）", "收入（贫困户，rich）", "Outlay[poor]",
    ]  # fmt: skip
    assert EN.name("Income[poor]") == "Income[poor]"


def test_every_unit_of_the_shipped_models_has_a_chinese_word():
    import cluster_sd as csd

    used = {unit for name in ("orange", "lead") for unit in csd.load(name).variables["unit"]}
    unknown = {word for unit in used for word in re.findall(r"[A-Za-z]\w*", ZH.unit(str(unit or "")))}
    assert unknown == set()
    assert len(units()) > 20


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_every_text_has_the_same_places_in_each_language():
    texts = catalogue()
    assert len(texts) > 20
    unlike = {key for key, said in texts.items() if len({frozenset(placeholders(said[one])) for one in LANGUAGES}) > 1}
    assert unlike == set()
    assert [key for key, said in texts.items() if not all(said[one].strip() for one in LANGUAGES)] == []


def test_chinese_texts_are_chinese():
    plain = re.compile(r"[\u4e00-\u9fff]")
    same = {key for key, said in catalogue().items() if said["en"] == said["zh"] and len(said["en"].split()) > 2}
    assert same == set()
    assert sum(bool(plain.search(said["zh"])) for said in catalogue().values()) > 0.9 * len(catalogue())


def test_every_key_is_used_and_every_used_key_exists():
    sources = [path.read_text("utf-8") for path in (PACKAGE / "report").rglob("*") if path.suffix in (".py", ".html")]
    sources += [path.read_text("utf-8") for name in ("stages", "commands") for path in (PACKAGE / name).rglob("*.py")]
    text = "\n".join(sources)
    said = set(re.findall(r"""["']([a-z_]+(?:\.[A-Za-z_0-9]+)+)["']""", text))
    # keys that are put together: f"answer.column_{name}" stands for all that begin so
    heads = {head for head in re.findall(r"""f["']([a-z_]+\.[A-Za-z_0-9.]*)\{""", text)}
    unused = {key for key in catalogue() if key not in said and not any(key.startswith(head) for head in heads)}
    assert unused == set()
    sections = {key.split(".")[0] for key in catalogue()}
    called = set(re.findall(r"""words(?:\.text)?\(\s*["']([a-z_]+\.[A-Za-z_0-9.]+)["']""", text))
    assert {key for key in called if key.split(".")[0] in sections} - set(catalogue()) == set()


def test_a_text_that_is_missing_or_lacks_a_value_is_a_fault():
    with pytest.raises(LookupError, match=r"no text 'page.nothing'"):
        EN("page.nothing")
    with pytest.raises(LookupError, match=r"no value for n"):
        EN("page.rows")
    assert EN("page.rows", n=12_345) == "All 12,345 rows"
    with pytest.raises(InputError, match="'de' is not known"):
        Words("de")  # type: ignore[arg-type]


def test_no_page_of_the_report_has_words_of_its_own():
    """Sections take their words from the catalogue: no sentence stands in their code."""
    for path in sorted((PACKAGE / "report" / "main").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        documentation = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, _DOCUMENTED)}
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        found = {
            text for text in texts - documentation if len(re.findall(r"[A-Za-z]+", text)) > 4 and text.endswith(".")
        }
        assert found == set(), path.name


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
