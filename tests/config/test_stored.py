"""Runs of an earlier version, whose configs lack what is new."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from favae_cli.command_line.compose import parse_arguments
from favae_cli.command_line.resume_run import resume
from favae_cli.common.errors import UserError
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.models import FaVaeConfig
from favae_cli.config.stored import stored_config, validate_stored


@cache
def _composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return compose("run", list(overrides))


def without(composed: DictConfig, *keys: str) -> DictConfig:
    """A config as it was before these keys came."""
    earlier = composed.copy()
    for key in keys:
        section, _, name = key.rpartition(".")
        OmegaConf.set_struct(earlier, False)
        del (OmegaConf.select(earlier, section) if section else earlier)[name]
    return earlier


EMOJI = ("experiment=emoji_condition", "data.root=/emoji")


@pytest.mark.parametrize(
    ("overrides", "keys"),
    [
        ((), ["trainer.clip_norm", "trainer.threads", "trainer.device"]),
        ((), ["trainer", "evaluation.judge", "transfer", "schedule.tolerance", "evaluation.traverse.steps"]),
        ((), ["seed", "resume", "cache", "data.seed", "data.missing", "data.split.test"]),
        ((), ["model.feed_rounds", "views.face.data", "views.face.arch.leak", "views.attributes.data"]),
        (("model=beta_vae",), ["model.growth"]),
        (EMOJI, ["data.how_to_get", "data.missing", "data.split.by"]),  # not those of data=manifest
        (("experiment=wine_views",), ["data.seed", "data.split"]),
    ],
)
def test_what_a_stored_config_lacks_is_as_by_default_today(overrides: tuple[str, ...], keys: list[str]) -> None:
    composed = _composed(*overrides)
    earlier = without(composed, *keys)
    assert validate_stored(earlier) == validate(composed)
    assert earlier == without(composed, *keys)
    with pytest.raises(UserError, match="is missing"):
        validate(earlier)


def test_a_run_of_before_gamma_goes_on_without_it() -> None:
    earlier = without(_composed("model.feed=0.1", "model.gamma=0"), "model.gamma")
    model = validate_stored(earlier).model
    assert isinstance(model, FaVaeConfig)
    assert (model.gamma, model.feed) == (0.0, 0.1)


def test_a_joint_run_of_before_a_view_had_a_beta_goes_on() -> None:
    earlier = without(_composed("experiment=avatars_adapt", "model=jmvae"), "views.face.beta", "views.cartoon.beta")
    assert {getattr(view, "beta", None) for view in validate_stored(earlier).views.values()} == {1.0, None}


def test_what_is_there_stays_as_it_is() -> None:
    """A user's own names, such as those of views, are no keys that a default could add."""
    chosen = _composed("data.size=32", "trainer.batch_size=7", "model.beta=2.5")
    del (earlier := without(chosen, "trainer.clip_norm", "data.seed")).data.views["cartoon"]
    config = validate_stored(earlier)
    assert (config.data.size, config.trainer.batch_size, config.model.beta) == (32, 7, 2.5)
    assert config.trainer.clip_norm == validate(_composed()).trainer.clip_norm
    assert list(config.data.views) == ["face", "attributes"]


def test_keys_that_there_are_no_more_and_those_without_a_default_are_told() -> None:
    earlier = without(_composed(*EMOJI), "data.root", "trainer.clip_norm")
    OmegaConf.update(earlier, "trainer.momentum", 0.9, force_add=True)
    with pytest.raises(UserError) as caught:
        validate_stored(earlier)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["data.root", "trainer.momentum"]


def test_a_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(without(_composed(), "trainer.clip_norm"), tmp_path / ".hydra" / "config.yaml")
    config = resume(tmp_path, parse_arguments([f"resume={tmp_path}", "trainer.threads=1"]))
    assert config.trainer == validate(_composed("trainer.threads=1")).trainer


def test_what_a_use_of_a_run_began_is_no_run(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("task: add_view\nname: price\n")
    with pytest.raises(UserError) as caught:
        stored_config(tmp_path, "resume")
    assert str(caught.value) == (
        f"resume: {tmp_path} holds no run, but what task=add_view began; give that command again"
    )


def test_a_key_that_is_gone_is_overlooked_in_a_stored_config_and_refused_in_a_new_one(tmp_path: Path) -> None:
    earlier = _composed().copy()
    OmegaConf.update(earlier, "trainer.strategy", "ddp", force_add=True)
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save(earlier, tmp_path / ".hydra" / "config.yaml")
    assert validate_stored(stored_config(tmp_path, "run")) == validate(_composed())
    with pytest.raises(UserError, match=r"trainer\.strategy: unknown key"):
        validate(earlier)


def test_copies_of_real_columns_are_refused_of_a_new_run_alone() -> None:
    composed = _composed("experiment=wine_views", "views.numbers.weight=2")
    with pytest.raises(UserError, match=r"^views.numbers.weight: copies of the same numbers .*; use 1 or less$"):
        validate(composed)
    assert validate_stored(composed).views["numbers"].copies == 2
    validate(_composed("experiment=wine_views", "views.numbers.weight=0.5", "views.categories.weight=2"))
