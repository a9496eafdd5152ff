"""The report says what was found, in both languages; what a model lacks is said too."""

import re

import pytest
from made_up_results import levers, nothing, results, validation

from cluster_sd.report.main import Made, page
from cluster_sd.report.main.answer import answer, question, sureness
from cluster_sd.report.main.page import names_in
from cluster_sd.report.page import Bullets, TableBlock, Text
from cluster_sd.report.words import Language, Words
from cluster_sd.stages import LeftOut

MADE = Made("cluster-sd report orchard --out report", "2026-11-22", 93.0, 97_000, 0, 0, {"cluster_sd": "1.0"})


def words(found, language: Language = "en"):
    return Words(language, names_in(found, language))


def told(blocks):
    """What the blocks say; a space is a space, may a line break there or not."""
    lines = [b.text for b in blocks if isinstance(b, Text)]
    said = " ".join([*lines, *(line for b in blocks if isinstance(b, Bullets) for line in b.lines)])
    return said.replace("\u00a0", " ")


def test_answer_names_the_first_levers_of_the_first_outcome_and_how_sure_that_is():
    text = told(answer(results(), words(results())))
    assert "For Income (Income at the end), Training, Levy and Return matter most among the 3 levers" in text
    assert "settled (probability > 99 %)" in text


@pytest.mark.parametrize(
    ("probability", "word"), [(0.96, "settled"), (0.8, "likely"), (0.4, "open"), (float("nan"), "can't")]
)
def test_sureness_of_a_ranking_follows_its_probability(probability, word):
    assert sureness(probability, words(results())).startswith(word)


def test_answer_is_plain_that_levers_decide_little_and_says_what_does():
    text = told(answer(results(), words(results())))
    assert "levers decide little of it: all together at most 0.6 %" in text
    assert "Market (O18) (70 %)" in text
    strong = results(levers=levers(share=0.6))
    assert "All levers together decide at most 60 %" in told(answer(strong, words(strong)))


def test_answer_gives_the_better_direction_of_a_step_with_its_spread():
    text = told(answer(results(), words(results())))
    assert "Training +15 yuan/household/year: +216 yuan/year (−16 to +1,110), on average +220;" in text
    assert "the best single step in 40 %" in text
    assert "−15" not in text, "the worse direction is not offered"
    assert "Levy" not in text.split("feasible steps")[1].split("Switched off")[0], "a step that harms is not offered"


def test_answer_orders_mechanisms_by_what_they_add():
    text = told(answer(results(), words(results())))
    assert (
        "change Income by +9,580 yuan/year; of that: Technology +6,380 yuan/year and Embedding +3,200 yuan/year" in text
    )


def test_answer_tells_of_fit_tests_and_assumptions():
    text = told(answer(results(), words(results())))
    assert "calibrated model against the statistics: area (1 %)" in text
    assert "better than a straight trend in 1 of 1 series" in text
    assert "31 of the field's standard tests pass, 1 fail" in text
    assert "2 of the 3 ranges are assumed" in text
    sound = results(validation=validation(failed=0))
    assert "none fails" in told(answer(sound, words(sound)))


def test_answer_in_chinese_uses_the_names_of_the_models_folder():
    text = told(answer(results(), words(results(), "zh")))
    assert "培训、提取和返乡" in text and "社员" not in text and "市场（O18）" in text
    assert not re.search(r"[A-Za-z]{4,}", text), "no English is left"
    assert re.search(r"[一-鿿]", question(results(), words(results(), "zh")))


def test_table_of_the_answer_has_a_row_an_outcome_that_was_ranked():
    table = next(block for block in answer(results(), words(results())) if isinstance(block, TableBlock))
    assert next(iter(table.table.values())) == ["Income"]


def test_page_holds_both_languages_and_every_section():
    html = page(results(), {}, MADE, "en")
    for title in (
        "The model against the statistics",
        "Scenarios side by side",
        "Levers ranked",
        "Feedback loops over time",
    ):
        assert title in html
    for title in ("模型与统计数据", "情景对比", "杠杆排序", "反馈回路随时间的变化", "如何重现"):
        assert title in html
    assert "cluster-sd report orchard" in html


def test_chinese_page_comes_first_where_it_is_asked_for():
    first = re.search(r"<html[^>]*lang=\"(\w+)", page(results(), {}, MADE, "zh"))
    assert first is not None and first[1].startswith("zh")


def test_texts_of_files_are_escaped():
    html = page(results(), {}, MADE, "en")
    assert "<script>alert(1)</script>" not in html
    assert "A <b>lever</b>" not in html and "A &lt;b&gt;lever" in html


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_of_a_model_with_nothing_but_equations_says_what_is_left_out(language):
    html = page(nothing(), {}, MADE, language)
    assert html.count(words(nothing(), language)("left_out.not_asked")) >= 7
    assert "INTEG(Planting, 100)" in html


@pytest.mark.parametrize(
    "stage", ["base", "calibration", "scenarios", "levers", "mechanisms", "loops", "validation", "data"]
)
def test_page_can_do_without_any_one_stage(stage):
    found = results(**{stage: LeftOut("left_out.not_asked")})
    assert words(found)("left_out.not_asked") in page(found, {}, MADE)


def test_same_results_give_the_same_bytes():
    assert page(results(), {}, MADE) == page(results(), {}, MADE)


def test_no_lever_is_named_where_none_stands_out_from_chance():
    flat = results(levers=levers(counts=False))
    assert "no lever stands out" in told(answer(flat, words(flat)))


def test_a_step_that_nobody_would_notice_is_not_told_of():
    small = results(levers=levers(effect=0.1))
    text = told(answer(small, words(small)))
    assert "No single feasible step of a lever improves Income noticeably" in text and "Training +15" not in text
