"""The config of one estimator says nothing of another's, though they share what was read of the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
from omegaconf import DictConfig

from favae_cli.api import settings
from favae_cli.api.samples import views_to_fit
from favae_cli.api.settings import compose_run
from favae_cli.common.errors import UserError


def composed(overrides: list[str], sections: dict[str, dict[str, Any]] | None = None) -> DictConfig:
    data, kinds = views_to_fit({"a": np.random.default_rng(0).normal(size=(30, 3))}, sections or {})
    return compose_run(data, kinds, sections or {}, None, overrides)


def test_one_config_is_not_changed_by_the_next() -> None:
    first = composed(["seed=1", "trainer.threads=1"])
    first.views.a.weight = 9
    second = composed(["seed=2", "trainer.threads=1"], {"a": {"type": "real", "weight": 3}})
    third = composed(["seed=3", "trainer.threads=1", "schedule.sweeps=7"])
    assert [config.seed for config in (first, second, third)] == [1, 2, 3]
    assert [config.views.a.weight for config in (first, second)] == [9, 3]
    assert third.views.a.weight not in (3, 9)
    assert third.schedule.sweeps == 7 != second.schedule.sweeps


def test_the_last_seed_counts() -> None:
    assert composed(["seed=1", "seed=12"]).seed == 12


def test_a_mistake_is_told_every_time() -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="sweps"):
            composed(["schedule.sweps=3"])
    assert composed(["seed=x"]).seed == "x"  # the check of the config will say what is wrong with it


def test_own_configs_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    composed([])
    (tmp_path / "configs").mkdir()
    read, real = [], hydra.compose

    def counted(name: str, overrides: list[str]) -> DictConfig:
        read.append(name)
        return real(name, overrides)

    monkeypatch.setattr(settings, "compose", counted)
    composed([])
    composed([])
    assert len(read) == 2
