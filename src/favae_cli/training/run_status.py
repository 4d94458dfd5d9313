"""What can be said of a run from outside of its process, without a trace in its folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from favae_cli.common.run_folder import RunFolder
from favae_cli.common.run_lock import Holder, holder_of, is_held
from favae_cli.common.standing import Sign, Standing, last_sign, time_told
from favae_cli.training.records import read_records

State = Literal["running", "finished", "stopped", "failed", "killed", "unfinished", "unknown"]
AFTER = ("evaluation", "figures", "report")  # phases that come when training is over


@dataclass(frozen=True)
class RunStatus:
    """How a run is.

    Attributes:
        state: "killed" means that its process is gone without a word; "unfinished" that a version of before left it,
            nobody knows why; "unknown" that its process is, or was, on another machine, or on a file system that
            shows no locks.
        told: the same in words.
        standing: how far it is; None where it has not told yet.
        heard: when it gave its last sign, seconds since 1970; None of runs that give none.
        error: why it failed.
    """

    state: State
    told: str
    standing: Standing | None = None
    heard: float | None = None
    error: str = ""

    @classmethod
    def of(cls, folder: Path) -> RunStatus:
        """That of the run in a folder.

        Raises:
            UserError: one of its files is damaged.
        """
        held, holder = is_held(folder), holder_of(folder)
        if holder and held is False:  # it may have begun between the two looks
            held = is_held(folder)
        sign = last_sign(folder)
        standing = sign.standing if sign else _by_records(folder)
        state, told = _state(folder, held, holder, sign)
        return cls(state, told, standing, sign.at if sign else None, sign.error if sign and state == "failed" else "")

    @property
    def ends(self) -> float | None:
        """When its training ends, about, seconds since 1970, as fast as it went so far; None if that is not known."""
        left = self.standing.training_left if self.standing else None
        return None if left is None or self.heard is None or self.state != "running" else self.heard + left


def _state(folder: Path, held: bool | None, holder: Holder | None, sign: Sign | None) -> tuple[State, str]:
    process = holder or "another process"
    silence = f", last sign {time_told(time.time() - sign.at)} ago" if sign else ""
    if held:
        return "running", f"running in {process}{silence}"
    if sign and sign.ending and not (holder and holder.since > sign.at):  # else it is that of the process before
        return sign.ending, sign.ending
    if held is None and holder and holder.lives:
        return "running", f"running in {process}{silence}"
    if holder and holder.lives is None:
        return "unknown", f"cannot tell from this machine: {process}{silence}"
    if holder and held is None:
        return "unknown", f"cannot tell, as its lock cannot be seen: {process}{silence}"
    if holder:
        return "killed", f"killed: {process} is gone without a word{silence}"
    run = RunFolder(folder)
    if run.report.is_file() and run.metrics.is_file():
        return "finished", "finished"
    return "unfinished", f"unfinished, and nobody works on it{silence}"


def _by_records(folder: Path) -> Standing | None:
    """How far a run of an earlier version came, by its log."""
    records = read_records(folder)
    if not records:
        return None
    last = records[-1]
    phase = f"round {last['round']}" if last.get("round") else "alone"
    return Standing(phase, last.get("view", "factors"), elbo=last.get("validation/elbo"))
