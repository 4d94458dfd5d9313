"""The runs and sweeps in a folder, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from favae_cli.common.run_folder import RunFolder, SweepFolder


def found_runs(folder: Path) -> Iterator[Path]:
    """Every sweep, every run of none and what cannot be read; what lies within a run is a part of it."""
    try:
        alone = SweepFolder(folder).table.is_file() or is_run(folder)
        inner = [] if alone else sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    except PermissionError:
        alone, inner = True, []
    except OSError:  # it has just gone
        return
    if alone:
        yield folder
    for path in inner:
        if not path.name.startswith("."):
            yield from found_runs(path)


def is_run(folder: Path) -> bool:
    """Whether a training was begun there; what only used a run has no lock."""
    run = RunFolder(folder)
    return run.config.is_file() and (run.lock.exists() or run.progress.exists() or run.checkpoints.is_dir())
