"""A weak judge is named wherever its word is passed on."""

from __future__ import annotations

from favae_cli.reporting.tables import headline, tables
from favae_cli.reporting.weak_judge import warning, weakly_judged

METRICS = {
    "judge/balanced_accuracy": 0.75,
    "judge/Smiling/balanced_accuracy": 0.79,
    "judge/Smiling/accuracy": 0.97,
    "judge/Male/balanced_accuracy": 0.81,
    "edit/flip": 0.9,
    "translate/a-b/r2": 0.5,
    "translate/a-b/agreement_balanced_real": 0.6,
}


def test_who_is_judged_weakly_is_told_by_balanced_accuracy_on_real_images() -> None:
    assert weakly_judged(METRICS) == ["Smiling", "a-b"]
    assert weakly_judged(METRICS, "judge/") == ["Smiling"]
    assert "Smiling" in warning(METRICS, "judge/")
    assert warning({"judge/Male/balanced_accuracy": 0.8}) == ""


def test_tables_and_headline_say_so() -> None:
    notes = {table.title: table.note for table in tables(METRICS)}
    assert "weak on Smiling:" in notes["Generation and editing"]
    assert "weak on Smiling:" in notes["Generation and editing by attribute"]
    assert "weak on a-b:" in notes["Translation"]
    assert ("Edits that flip", "0.900", "by a judge that is weak on some") in headline(METRICS)
    sure = METRICS | {"judge/Smiling/balanced_accuracy": 0.9}
    assert ("Edits that flip", "0.900", "by the judge") in headline(sure)
