"""How far a training is, and how long it will take: by a clock that the test turns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from favae_cli.config.run import ScheduleConfig
from favae_cli.training.epoch_state import Position, Totals
from favae_cli.training.outlook import Outlook
from favae_cli.training.progress import Progress

SCHEDULE = ScheduleConfig(
    alone_epochs=4,
    alone_beta=1.0,
    patience=None,
    rounds=2,
    round_epochs=3,
    sweeps=1,
    rotate_every=1,
    prune=True,
    tolerance=0.0,
)


def trainer(name: str, samples: int, parts: tuple[str, ...] = ()) -> Any:
    return SimpleNamespace(name=name, indices=range(samples), steps=10, parts=parts or (name,))


class Course:
    """A training of two views, of 100 and 200 samples, and its clock."""

    def __init__(self, joined: bool = True) -> None:
        alone = {"face": trainer("face", 100), "voice": trainer("voice", 200)}
        self.progress, self.now = Progress(entered=True), 0.0
        together = trainer("views", 250, ("face", "voice")) if joined else None
        self.outlook = Outlook(SCHEDULE, alone, together, True, lambda: self.progress, clock=lambda: self.now)
        self.outlook()

    def goes_on(self, seconds: float, **state: Any) -> Any:
        """What is told when so many seconds later that is the state."""
        self.now += seconds
        for name, value in state.items():
            setattr(self.progress, name, value)
        return self.outlook()


def test_before_anything_was_done_nobody_knows_how_long_it_takes() -> None:
    told = Course().outlook()
    assert (told.phase, told.view, told.epoch, told.epochs) == ("alone", "face", 1, 4)
    assert (told.step, told.steps) == (0, 10)
    assert told.phase_left is None
    assert told.training_left is None


def test_what_was_not_done_yet_takes_what_its_samples_took_elsewhere() -> None:
    told = Course().goes_on(5.0, position=Position(step=5))
    # An epoch of face takes 10 s, one of voice twice as long, one of both in a round three times.
    assert told.speed == pytest.approx(10.0)
    assert told.phase_left == pytest.approx(35 + 4 * 20)
    assert told.training_left == pytest.approx(35 + 80 + 2 * 3 * 30)


def test_epochs_that_pass_unseen_count_as_well() -> None:
    course = Course()
    course.goes_on(20.0, epoch=2)
    told = course.goes_on(5.0, epoch=2, position=Position(step=5))
    assert told.epoch == 3
    assert told.phase_left == pytest.approx(15 + 4 * 20)


def test_each_kind_of_work_goes_by_its_own_pace_once_it_has_one() -> None:
    course = Course()
    course.goes_on(40.0, epoch=4)
    course.goes_on(0.0, view=1, epoch=0)
    course.goes_on(40.0, epoch=4)
    told = course.goes_on(0.0, stage=1, view=0, epoch=0, entered=False)
    assert (told.phase, told.view) == ("round 1 of 2", "factors")
    course.goes_on(7.0, entered=True)
    told = course.goes_on(25.0, position=Position(step=5))
    assert (told.phase, told.view, told.epoch) == ("round 1 of 2", "all views", 1)
    assert told.phase_left == pytest.approx(2.5 * 50)
    assert told.training_left == pytest.approx(2.5 * 50 + 7 + 3 * 50 + 7)  # and the factors of the end


def test_views_that_train_apart_have_their_rounds_apart() -> None:
    course = Course(joined=False)
    course.goes_on(10.0, epoch=1)
    told = course.goes_on(0.0, stage=2, view=1, epoch=1)
    assert (told.phase, told.view, told.epoch) == ("round 2 of 2", "voice", 2)
    assert told.phase_left == pytest.approx(2 * 20)


def test_the_elbo_is_that_of_the_last_epoch_of_all_that_trains() -> None:
    course = Course()
    course.goes_on(1.0, stage=1)
    course.outlook.tested("views", {"face": Totals(-10.0, 2.0, 4), "voice": Totals(-8.0, 0.0, 2)})
    assert course.outlook().elbo == pytest.approx(-3.0 - 4.0)


def test_the_elbo_of_another_view_or_stage_is_not_told_for_that_of_this_one() -> None:
    course = Course(joined=False)
    course.outlook.tested("face", {"face": Totals(-10.0, 2.0, 4)})
    assert course.outlook().elbo == pytest.approx(-3.0)
    assert course.goes_on(1.0, view=1).elbo is None
    assert course.goes_on(1.0, stage=1, view=0).elbo is None


def test_one_of_several_trainings_says_which_it_is() -> None:
    alone = {"face": trainer("face", 100)}
    assert Outlook(SCHEDULE, alone, None, False, Progress, label="rival")().phase == "rival, alone"


def test_the_end_is_the_last_factors_which_take_as_long_as_those_before() -> None:
    told = Course().goes_on(1.0, stage=2, view=1)
    assert (told.phase, told.training_left) == ("factors", None)
    course = Course()
    course.goes_on(0.0, stage=2, entered=False)
    course.goes_on(7.0, entered=True)
    assert course.goes_on(60.0, view=1).training_left == pytest.approx(7.0)
