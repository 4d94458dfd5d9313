"""First steps: a run on data that come with scikit-learn, and a look into it, by commands that anyone could give."""

from __future__ import annotations

import os
import shlex
import sys
import webbrowser
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from favae_cli.common.run_folder import RunFolder
from favae_cli.config.aside_tasks import DemoConfig
from favae_cli.training.records import final_numbers

FOLDER = Path("outputs") / "demo"
SMALL = ("experiment=digits_views", "schedule.alone_epochs=15", "schedule.rounds=3", "schedule.round_epochs=4")

_DATA = """\
1 of 3  The data: 1,797 handwritten digits that come with scikit-learn, each seen in four ways, which are called views:
        its picture, its Fourier features, its sums by row and column, and its label. A fifth of every view is hidden.
"""
_TRAINING = """\
2 of 3  The training, two minutes or so on two cores. The views learn alone at first, then in rounds through factors
        that they share, so that any of them foretells the others. Ctrl-C saves and says how to go on. The command:

        {command}

"""
_RESULTS = """
3 of 3  What came of it, on digits that were not trained on. From all other views
        {label:.0%} of the labels are right ({usual:.0%} by guessing), and the R2 of foretold pictures is {image:.2f}.
"""
_NEXT = """
        report   {report}
        page     {explore}
        again    {training}
        yours    favae-run task=init input=FILE, then what it says
"""


def demo(config: DemoConfig, call: Callable[[Sequence[str]], object]) -> None:
    """Train, say what came of it, and open it.

    Args:
        config: whether it is opened.
        call: gives a command line, without the program's name.

    Raises:
        Interrupted: the training was, after saving.
    """
    folder = FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"
    training, explore = [*SMALL], ["task=explore", f"run={folder}"]
    _say(_DATA)
    _say(_TRAINING.format(command=_command(training)))
    call([*training, f"hydra.run.dir={folder}"])
    found, report = final_numbers(folder), RunFolder(folder).report
    _say(
        _RESULTS.format(
            label=found["predict/label/accuracy"],
            usual=found["predict/label/accuracy_usual"],
            image=found["predict/image/r2"],
        )
    )
    _say(_NEXT.format(report=report, explore=_command(explore), training=_command(training)))
    if not config.open or not _has_display():
        return
    if find_spec("nicegui") is None:
        _say("The page takes pip install 'favae-run[explore]'; this is the report.\n")
        webbrowser.open(report.resolve().as_uri())
        return
    call(explore)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["favae-run", *arguments])


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _has_display() -> bool:
    """Whether a browser has where to show itself."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
