"""What a run is at, and the file that says it to others."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from favae_cli.common.files import replacing
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.stored_files import read_json

Ending = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class Standing:
    """How far a run has come.

    Attributes:
        phase: what it does, such as "alone", "round 2 of 8" or "evaluation".
        view: that is trained; None where that is none, or all.
        epoch, epochs: which of how many of the phase, from 1.
        step, steps: done in this epoch, and how many it has.
        elbo: of the validation samples after the last epoch, nats a sample.
        speed: samples a second.
        spent: seconds in a phase without epochs.
        phase_left, training_left: seconds at most, as fast as it went so far; None where that is not known yet.
    """

    phase: str
    view: str | None = None
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    elbo: float | None = None
    speed: float | None = None
    spent: float | None = None
    phase_left: float | None = None
    training_left: float | None = None


@dataclass(frozen=True)
class Sign:
    """What progress.json holds.

    Attributes:
        standing: of the run.
        at: when that was, in seconds since 1970.
        ending: how the process ended; None while it lives.
        error: why it failed, a line for each mistake.
    """

    standing: Standing
    at: float
    ending: Ending | None = None
    error: str = ""

    def write(self, folder: Path) -> None:
        """Leave it in the folder of the run; a disk that takes no more ends a run by what matters, not by this."""
        with suppress(OSError), replacing(RunFolder(folder).progress) as file:
            file.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


_SIGN = TypeAdapter(Sign)


def last_sign(folder: Path) -> Sign | None:
    """What the run in `folder` said last; None of runs of earlier versions, which say nothing.

    Raises:
        UserError: the file is damaged.
    """
    path = RunFolder(folder).progress
    return read_json(path, _SIGN) if path.is_file() else None


def time_told(seconds: float) -> str:
    """A span of time in digits: 0:07, 12:30, 3:05:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
