"""Going on with a sweep: in its own folder, where every run finds what it left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override
from pydantic import BaseModel, TypeAdapter

from favae_cli.command_line.resume_run import KEY, TRUST, is_true, named_folder
from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import SweepFolder
from favae_cli.common.stored_files import read_yaml
from favae_cli.config.overrides import last_value, parse_overrides, plain_key
from favae_cli.config.trust import require_trusted_lines

_WISH, _FOLDER = "sweep.resume=", "hydra.sweep.dir="
_FREE = ("trainer.", "launch", "hydra", "trust")  # what may be another when a sweep goes on


class _Overrides(BaseModel):
    hydra: list[str]
    task: list[str]


class _Own(BaseModel):
    overrides: _Overrides


class _Begun(BaseModel):
    """As much of a sweep's config as it takes to begin it again."""

    hydra: _Own


def with_folder(lines: Sequence[str]) -> list[str]:
    """The overrides of a sweep's command line, in which a wish to go on with an earlier sweep has become its folder.

    `sweep.resume=true` beside the overrides of that sweep means the newest one that was begun with them, or the one
    in `hydra.sweep.dir`; `resume=FOLDER` stands for them.

    Raises:
        UserError: there is no such sweep, the overrides are others than it was begun with, or a new sweep is to
            begin where there is one.
    """
    place = named_folder(lines)
    folder = last_value(lines, _FOLDER)
    rest = [line for line in lines if not line.startswith((KEY, _WISH, _FOLDER))]
    if place is not None:
        begun = _begun_with(place)
        if not is_true(last_value(lines, TRUST), TRUST):
            require_trusted_lines(begun, place, "resume")
        return [*_replaced(begun, rest), f"{_FOLDER}{place}"]
    if is_true(last_value(lines, _WISH), _WISH):
        places = [Path(folder).expanduser()] if folder else _newest_first()
        asked = _settled(rest)
        for place in places:
            if _settled(_begun_with(place)) == asked:
                return [*rest, f"{_FOLDER}{place}"]
        where = folder or "outputs/multirun"
        raise UserError(f"sweep.resume: there is no sweep with these keys in {where}; leave it out to begin one")
    if folder and SweepFolder(Path(folder).expanduser()).config.is_file():
        raise UserError(f"hydra.sweep.dir: {folder} holds a sweep; go on with it by sweep.resume=true, or name another")
    return [line for line in lines if not line.startswith((KEY, _WISH))]


def _newest_first() -> list[Path]:
    """The folders of all sweeps; they are called after the time of their beginning."""
    everywhere = SweepFolder(Path("outputs/multirun/*/*"))  # see configs/hydra/default.yaml
    folders = [file.parent for file in Path().glob(str(everywhere.config))]
    return sorted(folders, key=lambda folder: folder.name, reverse=True)


def _begun_with(folder: Path) -> list[str]:
    """The overrides of the sweep in `folder`."""
    file = SweepFolder(folder).config
    if not file.is_file():
        raise UserError(
            f"resume: {folder} is not the folder of a sweep; it has no {file.name}; one run goes on without -m"
        )
    own = ("hydra.mode=", _FOLDER)  # what Hydra adds by itself, and what is told anew
    asked = read_yaml(file, TypeAdapter(_Begun)).hydra.overrides  # nothing of it resolved
    overrides = [*asked.hydra, *asked.task]
    return [line for line in overrides if not line.startswith(own)]


def _settled(lines: Sequence[str]) -> dict[str, str]:
    """What makes a sweep the one it is."""
    values = {key: str(override.input_line).partition("=")[2] for key, override in _by_key(lines)}
    return {key: value for key, value in values.items() if not key.startswith(_FREE)}


def _replaced(begun: Sequence[str], lines: Sequence[str]) -> list[str]:
    """The overrides of a sweep that goes on, with the new `lines`."""
    changed = dict(_by_key(lines))
    for key in changed:
        if not key.startswith(_FREE):
            raise UserError(
                f"{key}: a sweep that goes on keeps its keys; only trainer.*, launch and hydra.* can change"
            )
    kept = [line for line, (key, _) in zip(begun, _by_key(begun), strict=True) if key not in changed]
    return [*kept, *lines]


def _by_key(lines: Sequence[str]) -> Iterator[tuple[str, Override]]:
    return ((plain_key(override), override) for override in parse_overrides(lines))
