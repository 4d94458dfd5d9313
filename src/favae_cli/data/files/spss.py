"""Files of SPSS, read by a process of their own: the C library that knows them may break down on a damaged one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

READ = """
import json, sys, pyreadstat
frame, about = pyreadstat.read_sav(sys.argv[1])
frame.to_feather(sys.argv[2])
json.dump({name: [*labels.items()] for name, labels in about.variable_value_labels.items()}, open(sys.argv[3], "w"))
"""


def read_spss(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns of a file, with labels in place of codes.

    Raises:
        ImportError: pyreadstat is not installed.
        ValueError: it cannot read the file.
    """
    import pyreadstat  # of an extra, and of the other process

    del pyreadstat
    with tempfile.TemporaryDirectory() as place:
        cells, labels = Path(place) / "cells.feather", Path(place) / "labels.json"
        done = subprocess.run(
            [sys.executable, "-P", "-c", READ, path, cells, labels], capture_output=True, text=True, check=False
        )
        if done.returncode < 0:
            raise ValueError(f"pyreadstat broke down on it ({signal.Signals(-done.returncode).name}); is it whole?")
        if done.returncode:
            raise ValueError(done.stderr.strip().rpartition("\n")[2])
        frame = pd.read_feather(cells)
        for name, pairs in json.loads(labels.read_text()).items():
            frame[name] = frame[name].map(dict(pairs)).fillna(frame[name])
    return frame, {}
