"""The exceptions that are no bugs, and several mistakes told as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class UserError(Exception):
    """A mistake in a config, an argument or the data, told in one line.

    The message names the key, file, row or view and says what would be right. The entry point prints it
    without a traceback and ends with exit code 2; any other exception is a bug and keeps its traceback.
    """


def printable(text: str) -> str:
    """The text with what would steer a terminal, such as escape codes in a file's name, written out.

    Lines and tabs stay.
    """
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text)


class PastHydra(SystemExit):
    """Carries a UserError's text past Hydra, which would add lines of its own to an ordinary exception."""


def gather(steps: Iterable[Callable[[], T]]) -> list[T]:
    """What all the steps return, every one of them taken whatever the others say.

    Raises:
        UserError: with every mistake of every step, each once, one a line.
    """
    results: list[T] = []
    mistakes: dict[str, None] = {}
    for step in steps:
        try:
            results.append(step())
        except UserError as error:
            mistakes |= dict.fromkeys(str(error).splitlines())
    if mistakes:
        raise UserError("\n".join(mistakes))
    return results


class Interrupted(BaseException):
    """The run was asked to stop and did, with everything saved; the message says how to go on.

    Like KeyboardInterrupt it is no Exception, so that no handler of errors takes it for one.
    """
