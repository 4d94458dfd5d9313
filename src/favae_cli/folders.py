"""Where config files are looked for."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


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
