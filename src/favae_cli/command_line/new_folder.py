"""The folder of a new run: none that holds another's results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from favae_cli.common.errors import PastHydra
from favae_cli.common.run_folder import RunFolder, SweepFolder


class NewFolder(Callback):
    """Hydra tells it before it writes anything; configs/hydra/default.yaml registers it.

    Raises:
        PastHydra: the folder holds a run already, whose config and numbers would get mixed up with the new one's.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a run, or of a use of one; what leaves no folder stands where it likes."""
        HydraConfig.instance().set_config(config)  # run.dir may ask for it
        folder = Path(config.hydra.run.dir)
        if config.hydra.output_subdir is not None and RunFolder(folder).taken:
            raise PastHydra(
                f"hydra.run.dir: {folder} holds a run already; name another folder, "
                f"or go on with that run by favae-run resume={folder}"
            )

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a sweep that begins, and at those in it."""
        sweep = SweepFolder(Path(config.hydra.sweep.dir))
        if sweep.table.is_file():  # it goes on
            return
        for folder in (sweep.path, *(sweep.path.iterdir() if sweep.path.is_dir() else ())):
            if RunFolder(folder).taken:
                raise PastHydra(f"hydra.sweep.dir: {folder} holds a run already; name another folder")
