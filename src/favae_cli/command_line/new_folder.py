"""The folder of a new run: none that holds another's results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from favae_cli.common.errors import PastHydra
from favae_cli.common.run_folder import RunFolder, SweepFolder


class NewFolder(Callback):
    """Hydra tells it before it writes anything; configs/hydra/default.yaml registers it.

    Raises:
        PastHydra: the folder cannot be made, or holds a run already, whose config and numbers would get mixed up with
            the new one's.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a run, or of a use of one; what leaves no folder stands where it likes."""
        HydraConfig.instance().set_config(config)  # run.dir may ask for it
        folder = _folder(config, "hydra.run.dir")
        if config.hydra.output_subdir is not None and RunFolder(folder).taken:
            raise PastHydra(
                f"hydra.run.dir: {folder} holds a run already; name another folder, "
                f"or go on with that run by favae-run resume={folder}"
            )

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look at the folder of a sweep that begins, and at those in it."""
        sweep = SweepFolder(_folder(config, "hydra.sweep.dir"))
        if sweep.table.is_file():  # it goes on
            return
        for folder in (sweep.path, *(sweep.path.iterdir() if sweep.path.is_dir() else ())):
            if RunFolder(folder).taken:
                raise PastHydra(f"hydra.sweep.dir: {folder} holds a run already; name another folder")


def _folder(config: DictConfig, key: str) -> Path:
    """The folder that `key` names, which is made if need be: Hydra would do so a little later, and fail in its own way.

    Raises:
        PastHydra: it names none, or one that cannot be made.
    """
    name = None
    try:
        name = OmegaConf.select(config, key, throw_on_missing=True, throw_on_resolution_failure=True)
        folder = Path(str(name))
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, OmegaConfBaseException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise PastHydra(f"{key}: cannot make the folder {'' if name is None else name} ({reason})") from error
    return folder
