"""On a disk that is full or read-only a run ends with a line, and goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Metrics = dict[str, float]
Run = Callable[..., int]

pytestmark = pytest.mark.slow


@pytest.fixture
def resized(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Gives the file system at `disk` other options: `resized("size=64k")`, `resized("ro")`."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode:
        pytest.skip("takes leave to mount a file system of any size")

    def resize(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("size", ["4k", "48k", "120k", "200k"])
def test_a_full_disk_ends_it_in_a_line_and_with_room_it_goes_on(
    size: str,
    avatars: list[str],
    finished: Path,
    resized: Callable[[str], None],
    undrawn: Run,
    metrics_of: Callable[[Path], Metrics],
    untimed: Callable[[Metrics], Metrics],
    capfd: pytest.CaptureFixture[str],
) -> None:
    resized(f"size={size}")
    assert undrawn(*avatars, "hydra.run.dir=disk/run") == 2
    told = capfd.readouterr().err
    (line,) = [line for line in told.splitlines() if line.startswith("favae-run: ")]
    assert "cannot be written (No space left on device)" in line
    assert "Traceback" not in told
    resized("size=100m")
    begun = "go on with: favae-run resume=" in line
    assert begun or size == "4k", "not even the config has room there"
    again = ["resume=disk/run"] if begun else [*avatars, "hydra.run.dir=disk/again"]
    assert undrawn(*again) == 0
    assert untimed(metrics_of(Path(again[-1].partition("=")[2]))) == untimed(metrics_of(finished))


def test_a_read_only_disk_is_a_line(
    avatars: list[str], resized: Callable[[str], None], undrawn: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    resized("ro")
    assert undrawn(*avatars, "hydra.run.dir=disk/run") == 2
    told = capfd.readouterr().err
    assert "hydra.run.dir: cannot make the folder disk/run (Read-only file system)" in told
    assert "Traceback" not in told


def test_images_that_find_no_room_where_they_are_drawn_are_a_line(
    avatars: list[str], resized: Callable[[str], None], undrawn: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    resized("size=16k")
    assert undrawn(*avatars, "cache=disk/cache", "hydra.run.dir=run") == 2
    told = capfd.readouterr().err
    (line,) = [line for line in told.splitlines() if line.startswith("favae-run: ")]
    assert "No space left on device" in line
    assert "Traceback" not in told
