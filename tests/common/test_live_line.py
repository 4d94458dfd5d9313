"""The line that lives, on a terminal of its own: what is on the screen, and what is not where there is none."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import favae_cli
from favae_cli.common.live_line import line
from favae_cli.common.standing import Standing, last_sign, time_told

FULL = Standing("round 2 of 8", "faces", 3, 5, 120, 340, -1234.5, 1830.2, None, 42.0, 3700.0)

CHILD = """
import logging, sys, time
from pathlib import Path
from favae_cli.common.live_line import live_line
from favae_cli.common.log_lines import PASSING, logging_to
from favae_cli.common.standing import Standing
from favae_cli.common.watch import doing, watched
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.common.errors import Interrupted

folder, logger = Path({folder!r}), logging.getLogger("favae_cli.training.somewhere")
with live_line(False) as live, logging_to(folder, live), watched(folder, live.show if live else None):
    with StopRequest().handling():
        doing(lambda: {standing!r})
        {meanwhile}
        logger.info("a first line")
        time.sleep(0.6)
        logger.info("only in passing", extra={{PASSING: True}})
        logger.info("a long line " + 20 * "abcdefghi ")
        time.sleep({seconds})
        logger.info("the last line")
"""


def on_terminal(
    folder: Path,
    seconds: float = 0.3,
    then: Callable[[int, int], None] | None = None,
    first: str = "",
    meanwhile: str = "pass",
    **environment: str,
) -> tuple[str, int]:
    """What a terminal of 100 columns gets to see, and the exit code.

    Args:
        then: is called with the process and the terminal once the first line is there.
        first: code that the process runs before all else.
        meanwhile: code that it runs beside the line.
    """
    code = f"{first}\n" + CHILD.format(folder=str(folder), standing=FULL, seconds=seconds, meanwhile=meanwhile)
    found = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    found |= {"PYTHONPATH": str(Path(favae_cli.__file__).parents[1]), "TERM": "xterm-256color"} | environment
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], found)
    resize(terminal, 100)
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            got = os.read(terminal, 1 << 16)
        except OSError:  # it has ended
            break
        if not got:  # it was taken away
            break
        seen += got
        if then is not None and b"a long line" in seen:
            then(process, terminal)
            then = None
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return seen.decode(), os.waitstatus_to_exitcode(status)


def press_ctrl_c(terminal: int) -> None:
    os.write(terminal, b"\x03")


def close_window(terminal: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, terminal)
    os.close(nothing)


def resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def rows(seen: str) -> list[str]:
    """What was written from the beginning of a row on, whether it stayed or not."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen))


def stays(seen: str) -> str:
    """What is left on the screen: without what was erased."""
    screen: list[str] = [""]
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", seen):
        if part == "\n":
            screen.append("")
        elif part in ("\x1b[2K", "\x1b[1A"):
            screen[-1] = "" if part == "\x1b[2K" else screen[-1]
            if part == "\x1b[1A":
                screen.pop()
        elif part[0] not in "\x1b\r":
            screen[-1] += part
    return "\n".join(screen)


@pytest.mark.slow
def test_lines_stay_above_the_one_that_lives_and_it_goes_in_the_end(tmp_path: Path) -> None:
    seen, code = on_terminal(tmp_path)
    assert code == 0
    assert any(row.startswith("round 2 of 8  faces  epoch 3/5") for row in rows(seen))
    assert stays(seen).split("\n") == ["a first line", "a long line " + 20 * "abcdefghi ", "the last line", ""]
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")  # the cursor is there
    assert "only in passing" in (tmp_path / "run.log").read_text()
    sign = last_sign(tmp_path)
    assert sign is not None
    assert (sign.ending, sign.standing) == ("finished", FULL)


@pytest.mark.slow
def test_ctrl_c_leaves_a_clean_screen_and_the_cursor(tmp_path: Path) -> None:
    seen, code = on_terminal(tmp_path, 30, lambda process, terminal: press_ctrl_c(terminal))
    assert code != 0
    assert "round 2" not in stays(seen)
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")
    sign = last_sign(tmp_path)
    assert sign is not None
    assert sign.ending == "stopped"


@pytest.mark.slow
def test_it_fits_a_terminal_that_became_narrow(tmp_path: Path) -> None:
    seen, _ = on_terminal(tmp_path, 1.5, lambda process, terminal: resize(terminal, 40))
    drawn = [row for row in rows(seen) if row.startswith("round 2")]
    assert max(map(len, drawn)) > 60
    assert len(drawn[-1]) < 40


@pytest.mark.slow
def test_a_run_outlives_its_terminal(tmp_path: Path) -> None:
    on_terminal(
        tmp_path,
        1.0,
        lambda process, terminal: close_window(terminal),
        meanwhile="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)",  # as after disown
    )
    sign = last_sign(tmp_path)
    assert sign is not None
    assert (sign.ending, sign.error) == ("finished", "")
    assert "the last line" in (tmp_path / "run.log").read_text()


@pytest.mark.slow
def test_what_is_sent_to_a_file_gets_there(tmp_path: Path) -> None:
    file = tmp_path / "answer.txt"
    seen, _ = on_terminal(
        tmp_path,
        first=f"import sys; sys.stdout = open({str(file)!r}, 'w')",
        meanwhile="print('an answer', flush=True)",
    )
    assert file.read_text() == "an answer\n"
    assert "an answer" not in seen
    assert "round 2 of 8" in seen


@pytest.mark.slow
def test_in_the_background_there_are_plain_lines(tmp_path: Path) -> None:
    background = "from favae_cli.common import live_line as lines; lines._in_foreground = lambda console: False"
    seen, _ = on_terminal(tmp_path, meanwhile=background)
    assert "round 2 of 8" not in seen
    assert "only in passing\r\na long line" in seen


@pytest.mark.slow
def test_without_colours_it_still_lives_and_on_a_dumb_terminal_it_does_not(tmp_path: Path) -> None:
    plain, _ = on_terminal(tmp_path, NO_COLOR="1")
    assert "round 2 of 8" in plain
    assert not re.search(r"\x1b\[[0-9;]*3\dm", plain)
    dumb, _ = on_terminal(tmp_path, TERM="dumb")
    assert "\x1b" not in dumb
    assert dumb.split("\r\n")[:3] == ["a first line", "only in passing", "a long line " + 20 * "abcdefghi "]


@pytest.mark.parametrize(
    ("width", "told"),
    [
        (
            200,
            "round 2 of 8  faces  epoch 3/5  step 120/340  ELBO -1,234.5  1,830 samples/s  "
            "left: phase 0:42, training 1:01:40",
        ),
        (90, "round 2 of 8  faces  epoch 3/5  ELBO -1,234.5  left: phase 0:42, training 1:01:40"),
        (65, "round 2 of 8  faces  epoch 3/5"),
        (5, "round 2 of 8"),
    ],
)
def test_where_there_is_little_room_what_matters_less_is_left_out(width: int, told: str) -> None:
    assert line(FULL, width) == told


def test_a_phase_without_epochs_says_how_long_it_has_taken() -> None:
    assert line(Standing("evaluation", spent=75.2), 80) == "evaluation  1:15"


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (10805, "3:00:05")])
def test_spans_of_time(seconds: float, told: str) -> None:
    assert time_told(seconds) == told
