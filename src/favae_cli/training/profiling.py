"""What a training step spends its time on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, schedule

logger = logging.getLogger(__name__)

STEPS = 5  # that are recorded, after one to warm up


@contextmanager
def profiled(file: Path | None) -> Iterator[Callable[[], None]]:
    """Record some steps in the context, from the second on; what it gives is to be called after each of them.

    Args:
        file: the trace, as JSON that Perfetto and chrome://tracing show; None records nothing.
    """
    if file is None:
        yield lambda: None
        return
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    plan = schedule(wait=0, warmup=1, active=STEPS, repeat=1)
    with profile(
        activities=activities,
        schedule=plan,
        on_trace_ready=lambda recorded: recorded.export_chrome_trace(str(file)),
        record_shapes=True,
    ) as recording:
        yield recording.step
    logger.info("profile of up to %d training steps: %s", STEPS, file)
