"""What is said of a column beside the guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from favae_cli.preparation.guess_columns import guess_column


def test_months_are_told_in_the_order_of_the_calendar_as_the_view_has_them() -> None:
    guess = guess_column("visit", np.array(["Apr", "Jan", "Mar", "Feb"] * 20, object), Path())
    assert (guess.kind, guess.why) == ("categorical", "has 4 values, such as Jan, Feb, Mar, Apr")
