"""What a machine may lack that no program can do without: memory, a folder to stand in, somebody who listens."""

from __future__ import annotations

import errno
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from favae_cli.common.errors import UserError

NO_MEMORY = (
    "there is not enough memory for this; free some, or ask for less: a smaller trainer.batch_size, model.factors, "
    "latent or size of images, fewer samples"
)
# What is said of memory by errors that have no type of their own: of torch, of the system that loads a library.
_SIGNS = ("can't allocate memory", "cannot allocate memory", "failed to map segment", "out of memory")


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether the system, or a GPU, has refused memory."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    limited = resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
    if isinstance(error, SystemError) and limited:  # of libraries that do not look whether they have got their memory
        return True
    if isinstance(error, RuntimeError | ImportError) and any(sign in str(error).lower() for sign in _SIGNS):
        return True
    return error.__cause__ is not None and is_lack_of_memory(error.__cause__)


@contextmanager
def memory_told() -> Iterator[None]:
    """Make one line of a lack of memory, which no line of ours can mend.

    Raises:
        UserError: there was one.
    """
    try:
        yield
    except Exception as error:
        if not is_lack_of_memory(error):
            raise
        raise UserError(NO_MEMORY) from error


def require_folder() -> None:
    """Refuse to run in a folder that has been taken away.

    Raises:
        UserError: it has.
    """
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise UserError("the folder that favae-run was started in is gone; change to one that is there") from error


def open_streams() -> None:
    """Let a program go on whose standard streams are closed: what it says is heard by nobody."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # as Python has it where the shell closed it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as the process lasts


def fall_silent() -> None:
    """Say no more, as the reader of standard output has gone: or the interpreter would complain as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
