"""A watched run leaves signs while it is watched, and nothing that it holds stays when it is over."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from threading import Barrier, Thread

import pytest

from favae_cli.common.standing import Standing, last_sign
from favae_cli.common.watch import doing, watched


class Large:
    def __call__(self) -> Standing:
        return Standing("trains")


def test_what_was_told_is_forgotten_when_nobody_watches_any_more(tmp_path: Path) -> None:
    watched_one, other = Large(), Large()
    with watched(tmp_path, None):
        doing(watched_one)
    doing(other)
    left = [weakref.ref(watched_one), weakref.ref(other)]
    del watched_one, other
    gc.collect()
    assert [each() for each in left] == [None, None]
    sign = last_sign(tmp_path)
    assert sign is not None
    assert (sign.ending, sign.standing.phase) == ("finished", "trains")


def test_runs_in_threads_each_tell_their_own(tmp_path: Path) -> None:
    both = Barrier(2)

    def run(name: str) -> None:
        (tmp_path / name).mkdir()
        with watched(tmp_path / name, None):
            doing(name)
            both.wait(60)

    threads = [Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signs = {name: last_sign(tmp_path / name) for name in ("one", "two")}
    assert {name: sign and sign.standing.phase for name, sign in signs.items()} == {"one": "one", "two": "two"}


def test_ctrl_c_in_python_stops_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), watched(tmp_path, None):
        raise KeyboardInterrupt
    sign = last_sign(tmp_path)
    assert sign is not None
    assert sign.ending == "stopped"
