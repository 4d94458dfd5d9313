"""Configs as nobody means them: keys and values at random, on the command line and in the experiment's file."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from attempt import Ending, favae_run, forked
from damage import damaged
from verdict import Verdict, judged
from world import ENGINE, TASKS, USES, World

ENOUGH = 3.0  # seconds of computing, after which a run that was not refused is asked to stop
VALUES = (
    *("0", "1", "-1", "2", "3", "0.5", "1.5", "-0.0", "1e-30", "1e30", "1e308", "-1e308", "1e400", "nan", "inf"),
    *("-inf", "100000", "2147483648", "9223372036854775807", "18446744073709551616", "1e20", "null", "true", "false"),
    *("''", "x", "'x y'", "auto", "train", "face", "numbers", "linear", "random", "learned", "[]", "[1]", "[0.5,2]"),
    *("[a,b]", "[null]", "[[1]]", "{}", "{a: 1}", "{name: x}", "{type: real}", "???", "${seed}", "${nope}", "${"),
    *("${oc.env:HOME}", "/dev/null", "data", "data/table.csv", "../..", "'\0'", "é", "\u202e", "1,2", "~", "*", "[*]"),
)
KEYS = ("hydra.run.dir", "experiment", "task", "data", "model", "nope", "views.nope", "data.views.numbers.columns")


def fuzzed_config(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """A run, a use of one or a check with a few keys changed, or with an experiment whose text is damaged."""
    task = str(rng.choice([*world.tasks, *(use for use, (made, _) in USES.items() if made in world.tasks), "check"]))
    runs = (USES[task][0],) if task in USES else ()
    own = world.copied(folder, runs)
    keys = _keys(own.run(runs[0] if runs else "train") if runs else world.run(task if task in TASKS else "train"))
    if task in USES:
        base = [f"task={task}", f"run={own.run(runs[0])}", *ENGINE[:2], *USES[task][1]]
        keys = [line.partition("=")[0] for line in base] + ["count", "split", "data.root", "show", "trust", *KEYS]
    else:
        base = ["task=check", "experiment=mine"] if task == "check" else list(TASKS[task])
    if rng.random() < 0.25 and task in ("train", "check"):
        told = damaged(own.experiment, rng)
        arguments = base
    else:
        changes = [_change(str(rng.choice(keys)), rng) for _ in range(int(rng.integers(1, 4)))]
        arguments, told = [*base, *changes], " ".join(changes)
    if "hydra.run.dir" not in told and task != "check":
        arguments = [*arguments, "hydra.run.dir=made"]
    return judged(run_for_a_while(arguments, folder), f"{task}: {told}")


def run_for_a_while(arguments: list[str], folder: Path) -> Ending:
    """What `favae-run` makes of the arguments; what is still going on after a few seconds is asked to stop."""

    def work() -> int:
        signal.signal(signal.SIGPROF, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
        signal.setitimer(signal.ITIMER_PROF, ENOUGH)
        return favae_run(arguments)()

    ending = forked(work, folder, folder / "told.log")
    return Ending(0, ending.told) if ending.code == 130 else ending


def _change(key: str, rng: np.random.Generator) -> str:
    value = str(rng.choice(VALUES))
    match rng.integers(12):
        case 0:
            return f"~{key}"
        case 1:
            return f"~{key}={value}"
        case 2:
            return f"++{key}={value}"
        case 3:
            return f"{key}.more={value}"
        case 4:  # a slip
            at = int(rng.integers(len(key)))
            return f"{key[:at]}{rng.choice(list('abc._-/@='))}{key[at + 1 :]}={value}"
        case 5:
            return "".join(map(chr, rng.integers(32, 127, int(rng.integers(1, 20)))))
        case _:
            return f"{key}={value}"


def _keys(run: Path) -> list[str]:
    """Every key of the stored config of a run, sections among them."""
    found: list[str] = [*KEYS]

    def follow(node: Any, path: str) -> None:
        for name, value in node.items():
            found.append(f"{path}{name}")
            if isinstance(value, dict):
                follow(value, f"{path}{name}.")

    follow(yaml.safe_load((run / ".hydra" / "config.yaml").read_text()), "")
    return found
