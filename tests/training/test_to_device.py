"""The way of samples to the device: the right rows, in the order that was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from favae_cli.training import to_device
from favae_cli.training import trainer as training_loop
from favae_cli.training.epoch_state import Position, Prior
from favae_cli.training.vae_trainer import VaeTrainer
from favae_cli.views.objective import KLTerm

CPU = torch.device("cpu")
IMAGES = np.arange(20 * 2 * 2 * 3, dtype=np.uint8).reshape(20, 2, 2, 3)
CHOSEN = np.array([19, 3, 3, 0, 7, 11])


def test_rows_are_those_that_were_chosen_in_the_order_asked_for() -> None:
    rows = to_device.Rows(IMAGES, CHOSEN, CPU)
    assert np.array_equal(rows.gather(np.array([4, 0, 4])), IMAGES[[7, 19, 7]])


def test_rows_that_live_on_the_device_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = to_device.Rows(IMAGES, CHOSEN, CPU)
    monkeypatch.setattr(to_device, "_fits", lambda values, count, device: True)
    monkeypatch.setattr(to_device, "CHUNK", 4)
    resident = to_device.Rows(IMAGES.copy(), CHOSEN, CPU)
    for positions in (np.array([5, 1, 0]), np.arange(6)):
        found = resident.gather(positions)
        assert isinstance(found, torch.Tensor)
        assert found.dtype == torch.uint8
        assert np.array_equal(found.numpy(), stored.gather(positions))


@pytest.mark.parametrize(("free", "fits"), [(143, False), (144, True)])
def test_a_gpu_keeps_what_takes_no_more_than_its_share_of_the_free_memory(
    free: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**9))
    assert to_device.SHARE == 0.5
    assert to_device._fits(IMAGES, len(CHOSEN), torch.device("cuda")) is fits  # 6 images of 12 bytes
    assert not to_device._fits(np.array(["a text"], object), 1, torch.device("cuda"))
    assert not to_device._fits(IMAGES, len(CHOSEN), CPU)


def test_a_thread_is_a_few_batches_ahead_and_keeps_the_order() -> None:
    begun: list[int] = []

    def make(number: int) -> tuple[int, bool]:
        begun.append(number)
        return number**2, threading.current_thread() is threading.main_thread()

    made = to_device.ahead(make, range(7), CPU)
    assert begun == []
    assert next(made) == (0, False)
    deadline = time.monotonic() + 10
    while len(begun) <= to_device.AHEAD and time.monotonic() < deadline:
        time.sleep(0.001)
    assert begun == list(range(to_device.AHEAD + 1))
    assert [value for value, _ in made] == [1, 4, 9, 16, 25, 36]


def test_what_goes_wrong_in_the_thread_comes_out_in_its_turn() -> None:
    def make(number: int) -> float:
        return 1 / (2 - number)

    made = to_device.ahead(make, range(4), CPU)
    assert [next(made), next(made)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_a_feed_that_is_closed_leaves_no_thread() -> None:
    before = threading.active_count()
    made: Iterator[int] = to_device.ahead(abs, range(5), CPU)
    next(made)
    assert threading.active_count() == before + 1
    made.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_an_epoch_fed_by_a_thread_from_the_device_is_the_same(
    make_trainer: Callable[..., VaeTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for other_way in (False, True):
        trainer = make_trainer()
        prior = Prior(np.random.default_rng(0).normal(size=(len(trainer.indices), 3)).astype(np.float32), 2.0)
        if other_way:
            monkeypatch.setattr(to_device, "_fits", lambda values, count, device: True)
            monkeypatch.setattr(training_loop, "delivered", to_device.ahead)
        at = Position()
        trainer.epoch(0, 0, 1, prior, KLTerm(1.0), at, lambda: False)
        ends.append((at, {name: value.clone() for name, value in trainer.view.networks.state_dict().items()}))
    (at, networks), (same_at, same) = ends
    assert at == same_at
    assert all(torch.equal(value, same[name]) for name, value in networks.items())
