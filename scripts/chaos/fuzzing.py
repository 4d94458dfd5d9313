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
from forms import ENGINE
from verdict import Verdict, judged
from world import TASKS, USES, World

from favae_cli.config.folders import shipped_configs

ENOUGH = 3.0  # seconds of computing, after which a run that was not refused is asked to stop
NUMBERS = (
    *("0", "1", "-1", "2", "3", "5", "8", "64", "0.5", "1.5", "0.01", "-0.0", "1e-30", "1e6", "1e30", "1e308", "1e400"),
    *("nan", "inf", "-inf", "100000", "2147483648", "9223372036854775807", "18446744073709551616", "1e20", "null"),
)
WORDS = (
    *("''", "x", "'x y'", "auto", "train", "face", "numbers", "linear", "random", "learned", "null", "true", "false"),
    *("posterior", "predictive", "bernoulli", "gaussian", "constant", "cosine", "fp32", "bf16", "cpu", "none"),
    *("/dev/null", "data", "data/table.csv", "../..", "'\0'", "é", "\u202e", "~", "*", "[*]", "${oc.env:HOME}"),
)
OTHERS = (
    *("[]", "[1]", "[0.5,2]", "[8,8]", "[a,b]", "[null]", "[[1]]", "{}", "{a: 1}", "{name: x}", "{type: real}", "???"),
    *("${nope}", "${", "1,2", "[face]", "[height]", "[age,height]"),
)
VALUES = (*NUMBERS, *WORDS, *OTHERS)
KEYS = ("hydra.run.dir", "experiment", "task", "data", "model", "nope", "views.nope", "data.views.numbers.columns")


def fuzzed_config(world: World, rng: np.random.Generator, folder: Path) -> Verdict:
    """A run, a use of one or a check with a few keys changed, or with an experiment whose text is damaged."""
    task = str(rng.choice([*world.tasks, *(use for use, (made, _) in USES.items() if made in world.tasks), "check"]))
    runs: tuple[str, ...] = (USES[task][0],) if task in USES else ()
    own = world.copied(folder, runs)
    if task in USES:
        base = [f"task={task}", f"run={own.run(runs[0])}", *ENGINE[:2], *USES[task][1]]
        keys = _keys_in(*_configs_of(task)) | dict.fromkeys(line.partition("=")[0] for line in base)
    else:
        base = ["task=check", "experiment=mine"] if task == "check" else list(TASKS[task])
        keys = _keys_in(world.run(task if task in TASKS else "train") / ".hydra" / "config.yaml")
    if rng.random() < 0.25 and task in ("train", "check"):
        told = damaged(own.experiment, rng)
        arguments = base
    else:
        changes = [_change(keys, rng) for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
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


def _change(keys: dict[str, object], rng: np.random.Generator) -> str:
    """An override of one of the keys; mostly with a value of the sort that it has."""
    key = str(rng.choice([*keys]))
    had = keys[key]
    alike = ("true", "false") if isinstance(had, bool) else NUMBERS if isinstance(had, int | float) else WORDS
    value = str(rng.choice(VALUES if rng.random() < 0.3 or isinstance(had, dict | list) else alike))
    match rng.integers(24):
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


def _configs_of(task: str) -> list[Path]:
    """The shipped configs of a use of a trained run."""
    folder = shipped_configs()
    return [folder / "use.yaml", *(folder / "use").glob("*.yaml"), folder / "task" / f"{task}.yaml"]


def _keys_in(*files: Path) -> dict[str, object]:
    """Every key of some configs, sections among them, with its value."""
    found: dict[str, object] = dict.fromkeys(KEYS)

    def follow(node: dict[str, Any], path: str) -> None:
        for name, value in node.items():
            found[f"{path}{name}"] = value
            if isinstance(value, dict):
                follow(value, f"{path}{name}.")

    for file in files:
        follow(yaml.safe_load(file.read_text()), "")
    found.pop("defaults", None)
    return found
