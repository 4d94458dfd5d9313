"""Values with an order of their own are put in it, others are not."""

from __future__ import annotations

import pytest

from favae_cli.preparation.ordered_levels import ordered


@pytest.mark.parametrize(
    "levels",
    [
        ("none", "mild", "moderate", "severe"),
        ("Never", "Sometimes", "Often", "Always"),
        ("strongly_disagree", "disagree", "neutral", "agree", "strongly_agree"),
        ("sehr niedrig", "niedrig", "mittel", "hoch"),
        ("jamais", "parfois", "souvent"),
        ("bajo", "medio", "alto"),
        ("I", "II", "III", "IV"),
        ("Stage IIA", "Stage IIB", "Stage III"),
        ("T1", "T2", "T3", "T4"),
        ("class I", "class II", "class III"),
        ("<18", "18-25", "26-65", ">65"),
        ("under 1,000", "1,000 to 5,000", "5,000+"),
        ("5 - 9 km", "10 - 19 km", "20 - 100 km"),
    ],
)
def test_an_order_that_is_known(levels: tuple[str, ...]) -> None:
    assert ordered(sorted(levels)) == levels


@pytest.mark.parametrize(
    "names",
    [
        ("red", "green", "blue"),
        ("none", "mild", "broken"),
        ("ward 1", "ward 2", "ward 3"),
        ("A1", "A2", "B1"),
        ("1", "2", "3"),
        ("class 0", "class 1", "class 2"),
        ("Category_1", "Category_2", "Category_3"),
        ("mild", "light", "severe"),  # two words for one place
        ("low", "high"),
    ],
)
def test_names_have_none(names: tuple[str, ...]) -> None:
    assert ordered(names) is None
