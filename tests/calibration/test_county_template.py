"""The page for somebody's own county: what it asks, and that a filled-in one is understood."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

import cluster_sd as csd
from cluster_sd.calibration.observing import observe
from cluster_sd.calibration.reading import read_statistics
from cluster_sd.calibration.targets import Targets
from cluster_sd.calibration.template import MOST, questions, template_csv, template_xlsx
from cluster_sd.calibration.units import Units
from cluster_sd.errors import InputError

SHIPPED = ("orange", "lead")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_asks_a_dozen_numbers_in_units_that_fit(name: str) -> None:
    model = csd.load(name)
    asked = questions(model)
    assert len(asked) == MOST
    targets, units = Targets(model, ()), Units(v.unit for v in model.metadata.variables)
    for one in asked:
        for language in ("en", "zh"):
            statistic, unit, why = one.said(language)
            target = targets[statistic]
            assert target is not None and why
            found = units.counts_for(unit, target.unit) or units.conversion(unit, target.unit).factor > 0
            assert found, statistic


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_filled_in_page_is_read_and_compared(language: str, kind: str, tmp_path: Path) -> None:
    model = csd.load("orange")
    file = tmp_path / f"mine.{kind}"
    values = [12.5, 18.3, 21000, 30000, 20, 3.1, 4.2, 52000, 15, 20, 30, 35]
    if kind == "csv":
        text = template_csv(model, language, "My county", "2024").decode("utf-8-sig")
        head, *lines = text.splitlines()
        filled = [line.replace(",2024,,", f",2024,{value},") for line, value in zip(lines, values, strict=True)]
        file.write_bytes("\n".join([head, *filled]).encode("gb18030"))
    else:
        book = openpyxl.load_workbook(io.BytesIO(template_xlsx(model, language, "My county", "2024")))
        for k, value in enumerate(values):
            book.worksheets[0].cell(k + 2, 4).value = value
        book.save(file)
    made = observe(model, read_statistics(file))
    assert made.place == "My county" and not made.unused and not made.warnings
    assert [s.measure for s in made.series] == [q.measure for q in questions(model) if "of the place" not in q.measure]
    assert {s.name for s in made.supplied} == {"Households of the place", "Suitable land of the place"}
    assert made.observed[0] == pytest.approx(12.5 * (1 if language == "en" else 1e4))


def test_the_workbook_offers_lists_and_says_how_it_is_filled_in() -> None:
    book = openpyxl.load_workbook(io.BytesIO(template_xlsx(csd.load("lead"), "zh")))
    assert book.sheetnames == ["县情", "说明"]
    lists = [v.formula1 for v in book.worksheets[0].data_validations.dataValidation]
    assert any("统计公报" in text for text in lists)


def test_an_empty_page_is_no_data(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_bytes(template_csv(csd.load("orange"), "zh"))
    with pytest.raises(InputError, match="holds no numbers below its headers"):
        read_statistics(file)


def test_a_model_without_a_page_of_its_own_asks_for_its_outcomes(growth: csd.Model, tmp_path: Path) -> None:
    (growth.path.parent / "outcomes.csv").write_text("name,measure\nSize,final(Stock)\n", encoding="utf-8")
    (only,) = questions(csd.load(growth.path))
    assert (only.statistic, only.measure, only.unit, only.why) == ("Stock", "Stock", "kg", "What grows")


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(InputError, match="unknown language 'fr'; it can be 'en', 'zh'"):
        template_csv(csd.load("lead"), "fr")
