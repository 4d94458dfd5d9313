"""The user's own config folders, and what Hydra may read in them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin

from favae_cli.common.stored_files import require_sound_yaml
from favae_cli.config.folders import user_configs


class UserFolders(SearchPathPlugin):
    """Lets Hydra search `--config-dir` and the user's own `configs` before the shipped folder."""

    extra: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Put the folders that there are ahead of the shipped one, `--config-dir` first."""
        for folder in (self.extra, user_configs()):
            if folder is not None:
                search_path.prepend("user", f"{SoundFiles.scheme()}://{folder}", anchor="main")


class SoundFiles(FileConfigSource):
    """Files of a folder, as Hydra reads them, once it is known that they can be read and do not unfold without end."""

    @staticmethod
    def scheme() -> str:
        """Of the addresses of such folders."""
        return "sound"

    def load_config(self, config_path: str) -> ConfigResult:
        """As `FileConfigSource`.

        Raises:
            UserError: the file is damaged or ill meant.
        """
        file = Path(self.path) / self._normalize_file_name(config_path)
        if file.exists():  # else Hydra says so
            require_sound_yaml(file)
        return super().load_config(config_path)


def search_user_folders(extra: Path | None) -> None:
    """Have Hydra search them from now on, and `extra`, which the command line names, before them."""
    for plugin in (UserFolders, SoundFiles):
        Plugins.instance().register(plugin)
    UserFolders.extra = extra
