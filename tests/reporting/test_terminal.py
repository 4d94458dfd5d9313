"""The tables that a run ends with."""

from __future__ import annotations

from favae_cli.reporting.terminal import WIDTH, as_text

METRICS = {
    "before/test/face/r2_mean": 0.8125,
    "test/face/r2_mean": 0.8375,
    "test/attributes/Smiling/auc": 0.9731,
    "test/attributes/Smiling/auc_probe": 0.9802,
    "judge/accuracy": 0.991,
    "generate/accuracy": 0.956,
    "edit/flip": 0.912,
    "factors/active": 14.0,
    "factors/shared": 3.0,
    "seconds/alone": 61.53,
    "images_per_second/alone": 1234.5,
}


def test_every_number_is_in_a_table_that_fits() -> None:
    text = as_text(METRICS)
    for shown in ("0.812", "0.838", "0.973", "0.980", "0.991", "0.956", "0.912", "14", "61.5", "Smiling", "face"):
        assert shown in text
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert all(line == line.rstrip() for line in text.splitlines())


def test_names_from_the_data_are_no_markup() -> None:
    assert "[red]hair" in as_text({"test/attributes/[red]hair/auc": 0.5})


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert as_text({}) == ""
    assert "Reconstruction" not in as_text({"factors/active": 2.0})
