"""Where config files are looked for."""

from __future__ import annotations

from pathlib import Path

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_configs() -> Path:
    """The configs that come with the program: inside the installed package, or at the top of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "configs"


def user_configs() -> Path | None:
    """The folder `configs` where the user stands, unless there is none or it is the shipped one."""
    folder = Path.cwd() / "configs"
    return folder if folder.is_dir() and folder.resolve() != shipped_configs() else None


def config_folders() -> list[Path]:
    """All folders in the order of the search."""
    own = user_configs()
    return [shipped_configs()] if own is None else [own, shipped_configs()]


def config_of_run(folder: Path, key: str) -> Path:
    """The file with the composed config of the run in `folder`.

    Args:
        key: the config key that named the folder, for messages.

    Raises:
        UserError: there is no such folder, or no run was begun in it.
    """
    if not folder.is_dir():
        raise UserError(f"{key}: there is no folder {folder}")
    file = RunFolder(folder).config
    if not file.is_file():
        raise UserError(f"{key}: {folder} is not the folder of a run; it has no {file.relative_to(folder)}")
    return file
