"""SIGTERM and Ctrl-C stop at once, or wait until what is under way is saved."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import pytest

from favae_cli.common.errors import Interrupted
from favae_cli.machine.stop_signals import StopRequest

SIGNALS = [signal.SIGTERM, signal.SIGINT]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_where_nothing_can_be_lost_it_stops_at_once(number: int) -> None:
    with pytest.raises(Interrupted), StopRequest().handling():
        send(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_where_something_could_it_asks_first_and_insists_the_second_time(number: int) -> None:
    with StopRequest().handling() as stop, pytest.raises(Interrupted), stop.patiently():  # noqa: PT012
        assert not stop.asked
        send(number)
        assert stop.asked
        send(number)
        pytest.fail("the second signal has to interrupt")


def test_a_wish_that_nobody_looked_at_is_granted_at_the_end_of_the_patient_part() -> None:
    with StopRequest().handling() as stop, pytest.raises(Interrupted), stop.patiently():
        send(signal.SIGTERM)


def test_after_the_patient_part_it_stops_at_once_again() -> None:
    with StopRequest().handling() as stop:
        with stop.patiently():
            pass
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)


def test_in_a_part_where_nothing_is_lost_it_stops_at_once_and_then_insists() -> None:
    with StopRequest().handling() as stop, pytest.raises(Interrupted), stop.patiently():  # noqa: PT012
        with pytest.raises(Interrupted), stop.at_once():
            send(signal.SIGTERM)
        assert stop.asked
        send(signal.SIGTERM)
        pytest.fail("the second signal has to interrupt")


def test_patience_comes_back_after_such_a_part_and_one_begun_with_a_wish_ends_there() -> None:
    with StopRequest().handling() as stop, pytest.raises(Interrupted), stop.patiently():  # noqa: PT012
        with stop.at_once():
            pass
        send(signal.SIGTERM)
        assert stop.asked
        with stop.at_once():
            pytest.fail("there is a wish already")


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopRequest().handling():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    with pytest.raises(Interrupted), StopRequest().handling():
        send(signal.SIGTERM)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_in_another_thread_it_never_asks() -> None:
    asked: list[bool] = []

    def work() -> None:
        with StopRequest().handling() as stop, stop.patiently():
            asked.append(stop.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]


def test_a_job_of_submitit_hears_of_its_end_by_another_signal() -> None:
    heard: list[int] = []

    def bypass(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    bypass.__module__ = "submitit.core.job_environment"
    before = signal.signal(signal.SIGTERM, bypass)
    try:
        with StopRequest().handling() as stop, stop.patiently():
            send(signal.SIGTERM)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
