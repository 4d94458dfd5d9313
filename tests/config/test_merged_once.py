"""Configs that tests merge once are those that Hydra merges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from favae_cli.config.folders import shipped_configs

ASKED = (
    "task=status",
    "experiment=emoji_five_views trainer.threads=1",
    "experiment=avatars_condition",
    "experiment=avatars_adapt arch@views.face.arch=conv32 seed=3",
    "experiment=wine_views +views.extra.type=real ~schedule.patience hydra.run.dir=elsewhere",
    "experiment=wine_views hydra/sweeper=optuna",
)


def composed() -> str:
    """All of them, with Hydra's own config, as text."""
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        configs = [compose("run", asked.split(), return_hydra_config=True) for asked in ASKED]
    return "---\n".join(OmegaConf.to_yaml(config) for config in configs)


@pytest.mark.slow
def test_configs_merged_once_are_those_of_hydra_alone() -> None:
    """Which this module is, as a program: there no fixture has replaced anything of Hydra's."""
    alone = subprocess.run([sys.executable, Path(__file__)], stdout=subprocess.PIPE, text=True, check=True)
    for _ in range(2):  # the second time from what is kept
        assert composed() == alone.stdout


if __name__ == "__main__":
    sys.stdout.write(composed())
