"""Dates and times become days, and are written back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from favae_cli.common.errors import UserError
from favae_cli.data.dates import Dates, formats


@pytest.mark.parametrize(
    ("cells", "form", "days"),
    [
        (["2024-02-28", "2024-03-01", ""], "%Y-%m-%d", [0, 2, np.nan]),
        (["31.12.2023", "01.01.2024", "?"], "%d.%m.%Y", [0, 1, np.nan]),
        (["2024-05-01 06:00", "2024-05-01 18:00"], "%Y-%m-%d %H:%M", [0, 0.5]),
        (["2024-05-01T06:00:00Z", "2024-05-02T06:00:00Z"], "%Y-%m-%dT%H:%M:%SZ", [0, 1]),
        (["06:00", "09:00"], "%H:%M", [0, 0.125]),
        (["05/31/2024", "06/01/2024"], "%m/%d/%Y", [0, 1]),
    ],
)
def test_to_days_and_back(cells: list[str], form: str, days: list[float]) -> None:
    filled = np.array([cell for cell in cells if cell not in ("", "?")], object)
    assert formats(filled)[0] == form
    way = Dates(form, cells[0])
    found = way.days(np.array(cells, object))
    np.testing.assert_allclose(found, days)
    assert way.texts(found).tolist() == [cell if cell != "?" else "" for cell in cells]


def test_numbers_and_words_are_no_dates() -> None:
    for cell in ("20240501", "12.5", "Monday", "2024"):
        assert formats(np.array([cell], object)) == []


def test_a_date_that_could_be_either_has_both_ways() -> None:
    assert formats(np.array(["01/02/2024", "03/04/2024"], object)) == ["%d/%m/%Y", "%m/%d/%Y"]


def test_weekdays_and_months_have_names() -> None:
    way = Dates("%Y-%m-%d", "2024-02-29")
    cells = np.array(["2024-02-29", "", "2024-03-03"], object)
    assert way.named(cells, "weekday").tolist() == ["Thu", "", "Sun"]
    assert way.named(cells, "month").tolist() == ["Feb", "", "Mar"]


def test_the_first_must_be_written_as_the_rest() -> None:
    with pytest.raises(UserError, match=r"data.dates.seen.first: '1 May' is not written as %Y-%m-%d"):
        Dates("%Y-%m-%d", "1 May").require_first("data.dates.seen.first")
