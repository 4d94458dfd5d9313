"""How long one move of a slider takes on the page of task explore, in a real browser.

    python scripts/bench/explore.py
    python scripts/bench/explore.py --run outputs/EXPERIMENT/TIME

A key moves the slider of the most relevant factor of a view of images by a tenth of a standard deviation; the move is
over when the browser has the new picture. Without --run a run of drawn faces of 64x64 pixels is trained for an epoch,
as what it has learned does not matter for the time. Takes Chromium from the system's packages.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from statistics import median

from markdown_table import table
from page import Page, write
from playwright.sync_api import sync_playwright

TRAIN = (
    "experiment=avatars_condition",
    "task=train",
    "score=predict/mean",
    "data.samples=500",
    "schedule.alone_epochs=1",
    "schedule.rounds=1",
    "schedule.round_epochs=1",
    "evaluation.cards=1",
)
TEXT = (
    "From a key that moves the slider of a factor to the new picture in the browser, 64x64 pixels, on the page that "
    "`task=explore` serves, server and browser on the same two cores. The bar is a third of a second."
)
CHANGED = "before => document.querySelector('.decoded-{view} img').src !== before"


def main(arguments: Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run
        if run is None:
            run = Path(folder) / "run"
            subprocess.run([sys.executable, "-m", "favae_cli", *TRAIN, f"hydra.run.dir={run}"], check=True)
        asked = ["task=explore", f"run={run}", "open=false", f"hydra.run.dir={folder}/explore"]
        server = subprocess.Popen(
            [sys.executable, "-m", "favae_cli", *asked], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            times = moves(address(server), arguments.view, arguments.moves)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate()
    rows = [[str(len(times)), f"{1000 * median(times):.0f} ms", f"{1000 * max(times):.0f} ms"]]
    write(arguments.page, "explore", "A move of a slider", TEXT, table(["moves", "median", "worst"], rows))


def address(server: subprocess.Popen[str]) -> str:
    """What the server says where it is."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise SystemExit("the page did not start")


def moves(url: str, view: str, count: int) -> list[float]:
    """Seconds of each move."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        time.sleep(1)
        page.goto(url)
        page.get_by_role("tab", name="Factors", exact=True).click()
        picture = page.locator(f".decoded-{view} img").first
        picture.wait_for()
        factor = page.get_by_text(re.compile(rf"^\d+: .*\b{view}\b")).first.inner_text().split(":")[0]
        page.locator(f".factor-{factor}").click(position={"x": 60, "y": 10})
        page.wait_for_timeout(1000)
        for number in range(count):
            before = picture.get_attribute("src")
            begin = time.perf_counter()
            page.keyboard.press("ArrowRight" if number < count / 2 else "ArrowLeft")
            page.wait_for_function(CHANGED.format(view=view), arg=before, polling="raf")
            found.append(time.perf_counter() - begin)
            page.wait_for_timeout(150)
        browser.close()
    return found


if __name__ == "__main__":
    options = Page(__doc__)
    options.add_argument("--run", type=Path, help="a finished run; a short one is trained where none is given")
    options.add_argument("--view", default="face", help="its view of images")
    options.add_argument("--moves", type=int, default=50)
    main(options.parse_args())
