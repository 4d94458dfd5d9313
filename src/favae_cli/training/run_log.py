"""What a run tells: lines to screen and run.log, numbers to metrics.jsonl and TensorBoard."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from favae_cli.common.errors import UserError
from favae_cli.common.log_lines import PASSING
from favae_cli.common.run_folder import RunFolder
from favae_cli.training.records import read_records

logger = logging.getLogger(__name__)


class RunLog:
    """The numbers of one run, a line an epoch and a line a round.

    Args:
        directory: of the run.
        written: bytes of metrics.jsonl that belong to the checkpoint the run goes on from; what was written after
            it is dropped, since it will be computed again.
        digest: SHA-256 of these bytes; None of runs that did not keep it.

    Raises:
        UserError: the bytes are others.
    """

    def __init__(self, directory: Path, written: int = 0, digest: str | None = None) -> None:
        directory.mkdir(exist_ok=True)
        self._path = RunFolder(directory).records
        there = os.path.lexists(self._path)
        if there and not self._path.is_file():
            raise UserError(f"{self._path}: is no file; remove it to go on without its record of what was")
        if there:
            os.truncate(self._path, min(written, self.written))
        self._digest = sha256(self._path.read_bytes() if there else b"")
        if there and digest is not None and self.digest != digest:
            told = "is not as the run left it; put it back, or remove it to go on without its record of what was"
            raise UserError(f"{self._path}: {told}")
        if written and not there:
            logger.warning("%s is gone; the run goes on without its record of what was", self._path)
        # TensorBoard's own purging goes by step, and epochs and rounds count theirs apart: tell it all again instead.
        shutil.rmtree(RunFolder(directory).tensorboard, ignore_errors=True)
        self._board = SummaryWriter(str(RunFolder(directory).tensorboard))
        for record in read_records(directory):
            self._show(record)

    @property
    def written(self) -> int:
        """Bytes of metrics.jsonl so far."""
        return self._path.stat().st_size if self._path.exists() else 0

    @property
    def digest(self) -> str:
        """SHA-256 of them."""
        return self._digest.hexdigest()

    def record(self, kind: str, values: Mapping[str, Any]) -> None:
        """One line of metrics.jsonl, and its numbers on TensorBoard.

        An epoch's numbers are filed under their view, `face/train/elbo`.

        Args:
            kind: "epoch" or "round".
            values: among them, under the name of the kind, which one it is.
        """
        record = {"kind": kind, **values}
        line = json.dumps(record) + "\n"
        with self._path.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())  # a checkpoint saved after it counts on the line
        self._digest.update(line.encode())
        self._show(record)

    def _show(self, record: Mapping[str, Any]) -> None:
        kind = record["kind"]
        prefix = f"{record['view']}/" if kind == "epoch" else "round/"
        for name, value in record.items():
            if isinstance(value, int | float) and name not in ("epoch", "round"):
                self._board.add_scalar(prefix + name, value, record[kind])

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Final numbers on TensorBoard."""
        for name, value in values.items():
            self._board.add_scalar(f"final/{name}", value, step)

    def picture(self, name: str, path: Path, step: int) -> None:
        """A PNG file on TensorBoard, as it is: `add_image` would encode it a second time."""
        with Image.open(path, formats=("PNG",)) as file:
            width, height = file.size
        image = Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=path.read_bytes())
        writer: Any = self._board.file_writer
        writer.add_summary(Summary(value=[Summary.Value(tag=name, image=image)]), step)

    def close(self) -> None:
        """Write what TensorBoard's writer still holds."""
        self._board.close()


class SilentLog(RunLog):
    """The log of a process that is not the main one, which leaves no trace."""

    def __init__(self) -> None:
        pass

    @property
    def written(self) -> int:
        """Nothing ever is."""
        return 0

    @property
    def digest(self) -> str:
        """Of nothing."""
        return sha256().hexdigest()

    def record(self, kind: str, values: Mapping[str, Any]) -> None:
        """Drop it."""
        pass

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Drop them."""
        pass

    def picture(self, name: str, path: Path, step: int) -> None:
        """Drop it."""
        pass

    def close(self) -> None:
        """Nothing is open."""
        pass


def epoch_record(
    view: str, epoch: int, stage: int, means: Mapping[str, Mapping[str, float]], rate: float, seconds: float, count: int
) -> dict[str, Any]:
    """The line of an epoch in metrics.jsonl.

    Args:
        view: or model that was trained.
        epoch: of all that it has had.
        stage: 0 alone, else the round.
        means: by split, means over its samples.
        rate: at which it learned at last.
        seconds: that it took.
        count: samples that it was trained on.
    """
    return {
        "epoch": epoch,
        "phase": "round" if stage else "alone",
        "round": stage,
        "view": view,
        **{f"{split}/{key}": value for split, part in means.items() for key, value in part.items()},
        "learning_rate": rate,
        "seconds": seconds,
        "images_per_second": count / seconds,
    }


def tell_epoch(record: Mapping[str, Any], passing: bool = False) -> None:
    """The same, in short, for people; `passing` where a line that lives says it as well."""
    foretold = record.get("validation/predictive")
    logger.info(
        "%s  epoch %d  ELBO %.1f train, %.1f validation  KL %.1f%s  %.0f samples/s",
        f"round {record['round']}, {record['view']}" if record["round"] else f"{record['view']} alone",
        record["epoch"],
        record["train/elbo"],
        record["validation/elbo"],
        record["validation/kl"],
        "" if foretold is None else f"  predicted {foretold:.1f}",
        record["images_per_second"],
        extra={PASSING: passing},
    )
