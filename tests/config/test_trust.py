"""The stored config of somebody else's run runs no code and looks nothing up, unless it is trusted."""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.stored import stored_config, validate_stored

HUB = {"name": "own", "_target_": "torch.hub.load", "repo_or_dir": "there", "source": "local"}


@cache
def pickled() -> bytes:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return pickle.dumps(compose("run"))


def stored(folder: Path, key: str, value: object) -> Path:
    """The folder of a run whose config says this."""
    config: DictConfig = pickle.loads(pickled())  # OmegaConf takes ten times as long for a copy
    OmegaConf.update(config, key, value, merge=False, force_add=True)
    (folder / ".hydra").mkdir()
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    return folder


def test_code_from_elsewhere_needs_trust(tmp_path: Path) -> None:
    stored(tmp_path, "views.face.arch", HUB)
    with pytest.raises(UserError) as refused:
        stored_config(tmp_path, "run")
    assert str(refused.value) == (
        f"run: {tmp_path}: its views.face.arch._target_=torch.hub.load runs code that does not come with favae-run; "
        "if you trust who made it, add trust=true"
    )
    trusted = validate_stored(stored_config(tmp_path, "run", trust=True))
    assert trusted.trust
    assert trusted.needs_trust


@pytest.mark.parametrize(
    "text",
    [
        "${oc.env:SECRET}",
        "${oc.env:SECRET,'~/.cache'}",
        "at/${oc.env:SECRET}/there",
        "${oc.${score}:SECRET}",
        "${oc.decode:${seed}}",
        "\\${oc.env:SECRET}",
    ],
)
@pytest.mark.parametrize("key", ["cache", "score", "task.name", "data.split.by", "views.face.arch._target_"])
def test_nothing_outside_of_the_config_is_looked_up_without_trust(
    key: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "swordfish")
    stored(tmp_path, key, text)
    with pytest.raises(UserError) as refused:
        stored_config(tmp_path, "resume")
    assert str(refused.value).startswith(f"resume: {tmp_path}: its {key}={text} ")
    assert "swordfish" not in str(refused.value)


def test_references_within_the_config_and_what_is_shipped_are_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAVAE_CACHE", "/mine")
    config = validate_stored(stored_config(stored(tmp_path, "data.seed", "${seed}"), "run"))
    assert config.data.seed == config.seed
    assert not config.needs_trust
    assert config.cache == Path("/mine")


def test_that_a_config_trusts_itself_counts_for_nothing(tmp_path: Path) -> None:
    stored(tmp_path, "trust", True)
    assert not validate_stored(stored_config(tmp_path, "run")).trust
