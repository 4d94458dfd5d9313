"""Numbers and words that stand for no value are told from values."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.preparation.codes_for_missing import codes_for_missing, words_for_missing


@pytest.mark.parametrize(
    ("numbers", "codes"),
    [
        ([1.5, 2.5, 3.0, -999.0], (-999.0,)),
        ([-4.0, 2.5, 3.0, -999.0, -999.0], (-999.0,)),
        ([20, 35, 60, 999, 999, 998, 998], (998.0, 999.0)),
        ([1, 2, 3, 4, 5, 5, 9, 9, 9, 8, 8, 8], (8.0, 9.0)),
        ([0, 1, 2, 3, -9, -9], (-9.0,)),
        ([18, 54, 90, 99, 99, 99], ()),  # years of age
        ([1] * 60 + [2] * 30 + [3] * 9 + [4] + [9] * 3, ()),  # children
        ([-12, -3, 5, 8, -9, -9], ()),  # degrees
        ([100, 600, 999, 999], ()),
        ([-999.0, -999.0], ()),
    ],
)
def test_numbers_far_from_all_else_are_codes(numbers: list[float], codes: tuple[float, ...]) -> None:
    assert codes_for_missing(np.array(numbers, float)) == codes


def test_words_are_known_however_they_are_written() -> None:
    values = np.array(["Unknown", "n/a", "keine  Angabe", "no", "none", "other"])
    assert words_for_missing(values) == ("Unknown", "n/a", "keine  Angabe")
