"""Task explore in a real browser: every part is used, and what it saves is what the command line beside it makes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from favae_cli import FAVAE
from favae_cli.cli import main
from favae_cli.data import Dataset
from favae_cli.queries.samples import Samples
from tests.forked import Forked

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PICTURES = os.environ.get("FAVAE_SCREENSHOTS")  # a folder that keeps a picture of every tab
PATIENCE = 90_000 if PICTURES else 20_000  # milliseconds that anything may take on a busy machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.together,
    pytest.mark.skipif(find_spec("nicegui") is None, reason="task=explore needs favae-run[explore]"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="tests of the page need playwright"),
    pytest.mark.skipif(CHROMIUM is None, reason="tests of the page need Chromium, as by apt-get install chromium"),
]

Tables = tuple[pd.DataFrame, pd.DataFrame]
Open = Callable[[], Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with import_module("playwright.sync_api").sync_playwright() as playwright:  # takes long to import
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def address(process: Forked) -> str:
    """Where it shows the page, as soon as it says so; by then it is there."""
    while not (found := re.search(r"http://\S+(?=.*\n)", process.told)):
        assert process.poll() is None, process.told
        time.sleep(0.05)
    place = urlsplit(found[0])
    socket.create_connection((place.hostname, place.port), timeout=20).close()
    return found[0]


@pytest.fixture(scope="module")
def pages(
    run: Path,
    mixed_run: Path,
    common: Path,
    tmp_path_factory: pytest.TempPathFactory,
    fork_for_all: Callable[..., Forked],
) -> Iterator[dict[str, str]]:
    """Addresses of the pages of a run of images and of one of all other kinds."""
    folder = tmp_path_factory.mktemp("explore")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(common)
        processes = {
            name: fork_for_all(
                "task=explore", f"run={each}", "open=false", "trainer.device=cpu", f"hydra.run.dir={folder / name}"
            )
            for name, each in (("images", run), ("tables", mixed_run))
        }
    yield {name: address(process) for name, process in processes.items()}
    for process in processes.values():
        process.send_signal(signal.SIGINT)
    assert [process.wait(60) for process in processes.values()] == [0, 0]


class Page:
    """One window of the browser, in the words of its user."""

    def __init__(self, browser: Any, url: str) -> None:
        self.asked: list[str] = []
        self.page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.get_by_text(re.compile("^Sample ")).first.wait_for()

    def tab(self, name: str, until: str) -> None:
        """Go to a tab, until something is there."""
        self.page.get_by_role("tab", name=name, exact=True).click()
        self.page.locator(until).first.wait_for()

    def choose(self, key: str) -> None:
        """Look at a sample, in the tab Sample."""
        self.page.get_by_label("Search keys and texts").fill(key)
        self.page.wait_for_timeout(500)
        self.page.get_by_label("Sample", exact=True).click()
        self.page.get_by_role("option", name=key, exact=True).click()
        self.page.get_by_text(f"Sample {key}", exact=True).first.wait_for()

    def saved(self, within: str, label: str) -> Path:
        """What a button saves."""
        with self.page.expect_download() as found:
            self.page.locator(within).get_by_role("button", name=f"Save {label}", exact=True).first.click()
        return Path(found.value.path())

    def command(self, within: str) -> list[str]:
        """The arguments of the command line that is shown, of favae-run."""
        words = shlex.split(self.page.locator(f"{within} .command").first.inner_text())
        assert words[0] == "favae-run"
        return words[1:]

    def picture(self, name: str, whole: bool = False) -> None:
        """Keep a picture of the page, if anybody wants one; with `whole` of what is below the window's end, too."""
        if PICTURES:
            if whole:
                self.page.evaluate("scrollTo(0, 0)")
            self.page.wait_for_timeout(800)  # until nothing fades any more
            shot = Image.open(BytesIO(self.page.screenshot(full_page=whole))).convert("RGB")
            _, _, _, end = ImageOps.invert(shot.convert("L")).getbbox() or (0, 0, 0, shot.height)
            shot.crop((0, 0, shot.width, min(end + 20, shot.height))).quantize(256).save(
                Path(PICTURES) / f"explore_{name}.png", optimize=True
            )


@pytest.fixture
def opened(browser: Any, pages: dict[str, str]) -> Iterator[Callable[[str], Page]]:
    """A new window on a page; all that it asks for, it asks of this machine."""
    windows: list[Page] = []

    def window(which: str) -> Page:
        windows.append(Page(browser, pages[which]))
        return windows[-1]

    yield window
    for each in windows:
        each.page.context.close()
        hosts = {urlsplit(url).hostname for url in each.asked if not url.startswith(("data:", "blob:"))}
        assert hosts == {"127.0.0.1"}


Made = Callable[[list[str]], Path]


@pytest.fixture
def made_by(elsewhere: None, tmp_path: Path, common: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """What the command line with these arguments makes where the page was started: its folder."""
    monkeypatch.chdir(common)

    def make(arguments: list[str]) -> Path:
        quick = ["cards=1", "permutations=1"] if "task=factors" in arguments else []  # the page shows neither
        folder = tmp_path / f"made-{len([*tmp_path.glob('made-*')])}"
        assert main([*arguments, *quick, "trainer.device=cpu", f"hydra.run.dir={folder}"]) == 0
        return folder

    return make


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image).astype(int)


def whole(data: Dataset) -> str:
    """The key of a sample with all views."""
    return Samples(data, data.having("test", *data.views)).keys[0]


def arrays(data: Dataset, key: str) -> dict[str, np.ndarray]:
    index = np.flatnonzero(data.keys == key)
    return {name: view.gather(index) for name, view in data.views.items()}


PANEL = ".q-tab-panel"


def test_an_image_that_is_not_given_is_foretold(
    opened: Callable[[str], Page], run: Path, data: Dataset, made_by: Made
) -> None:
    page, key = opened("images"), whole(data)
    page.choose(key)
    page.page.locator(".view-face").get_by_text("reconstruction", exact=True).wait_for()
    page.picture("sample")
    page.page.locator(".view-face").get_by_role("switch").click()
    page.page.locator(".view-face").get_by_text("foretold", exact=True).wait_for()
    shown = pixels(page.saved(".view-face", "picture"))

    views = arrays(data, key)
    views.pop("face")
    told = FAVAE.load(run, device="cpu").predict(views, to="face")["face"][0]
    assert np.abs(shown - 255 * told.clip(0, 1)).max() <= 1
    made = made_by(page.command(".view-face"))
    assert np.array_equal(pixels(made / "images" / "face" / f"{key}.png"), shown)
    assert np.abs(shown - views["cartoon"][0]).max() > 50  # it is another picture than that


def test_a_table_that_is_not_given_is_foretold(
    opened: Callable[[str], Page], mixed_run: Path, mixed_tables: Tables, made_by: Made
) -> None:
    page, holes = opened("tables"), mixed_tables[1]
    row = holes[holes.notna().all(axis=1)].iloc[0]
    page.choose(str(row["id"]))
    page.page.locator(".view-numbers").get_by_role("switch").click()
    page.page.locator(".view-numbers th", has_text="foretold").wait_for()
    table = pd.read_csv(page.saved(".view-numbers", "table")).set_index("variable")
    page.picture("sample_table")

    X = {
        "bits": [[row["new"], row["sold"]]],
        "labels": np.array([[row["colour"], row["size"]]], object),
        "course": np.array([[row[f"day{day}"] for day in range(5)]], float)[:, :, None],
        "remark": np.array([row["remark"]], object),
    }
    told = FAVAE.load(mixed_run, device="cpu").predict(X, to="numbers")["numbers"][0]
    np.testing.assert_allclose(table["foretold"].to_numpy(float), told, rtol=1e-5)
    np.testing.assert_allclose(table["original"].to_numpy(float), row[["small", "large", "price"]].to_numpy(float))

    made = pd.read_csv(made_by(page.command(".view-numbers")) / "imputed.csv")
    made = made[made["view"] == "numbers"].set_index("column")
    np.testing.assert_allclose(made.loc[table.index, "value"], table["foretold"].to_numpy(float), rtol=1e-6)


def test_a_slider_moves_every_view(opened: Callable[[str], Page], made_by: Made) -> None:
    page = opened("images")
    page.tab("Factors", ".decoded-face")
    before = pixels(page.saved(PANEL, "face"))
    thumb = page.page.locator(".q-slider").first
    thumb.click(position={"x": 300, "y": 10})
    page.page.locator(".command", has_text=re.compile(r"factors\.\d+=")).wait_for()
    page.picture("factors")
    face, cartoon = pixels(page.saved(PANEL, "face")), pixels(page.saved(PANEL, "cartoon"))
    assert np.abs(face - before).max() > 5
    made = made_by(page.command(PANEL)) / "images"
    assert np.array_equal(pixels(made / "face" / "mean.png"), face)
    assert np.array_equal(pixels(made / "cartoon" / "mean.png"), cartoon)

    page.page.get_by_role("button", name="Reset").click()
    page.page.locator(".command", has_text=re.compile(r"^((?!factors\.).)*$")).wait_for()
    assert np.array_equal(pixels(page.saved(PANEL, "face")), before)


def test_a_slider_moves_tables_texts_and_sequences(opened: Callable[[str], Page], made_by: Made) -> None:
    page = opened("tables")
    page.tab("Factors", ".decoded-numbers")
    page.page.locator(".q-slider").first.click(position={"x": 300, "y": 10})
    page.page.locator(".command", has_text=re.compile(r"factors\.\d+=")).wait_for()
    page.picture("factors_table")
    numbers, course = (pd.read_csv(page.saved(PANEL, name)) for name in ("numbers", "course"))
    made = pd.read_csv(made_by(page.command(PANEL)) / "decoded.csv").set_index("view")
    np.testing.assert_allclose(made.loc["numbers", "value"].astype(float), numbers["now"])
    np.testing.assert_allclose(made.loc["course", "value"].astype(float), course["course"])
    assert page.saved(PANEL, "remark").read_text() == made.loc["remark", "value"]


def test_an_edit(opened: Callable[[str], Page], data: Dataset, made_by: Made) -> None:
    page, key = opened("images"), whole(data)
    page.choose(key)
    smiles = bool(arrays(data, key)["attributes"][0, 0])
    page.tab("Edit", ".attribute")
    page.page.locator(".attribute").first.get_by_role("button", name="no" if smiles else "yes", exact=True).click()
    page.page.get_by_role("button", name="Edit", exact=True).click()
    page.page.locator(".edited").wait_for()
    page.picture("edit")
    made = made_by(page.command(PANEL))
    assert np.array_equal(pixels(page.saved(PANEL, "picture")), pixels(made / "images" / f"{key}.png"))
    shown = pd.read_csv(page.saved(PANEL, "table"))
    table = pd.read_csv(made / "attributes.csv").iloc[0]
    assert shown["after"].tolist() == pytest.approx([table[f"{name}/after"] for name in shown["attribute"]])
    assert (shown["after"][0] < shown["before"][0]) == smiles


def test_translation_interpolation_and_generation(opened: Callable[[str], Page], data: Dataset, made_by: Made) -> None:
    page, key = opened("images"), whole(data)
    page.choose(key)
    page.tab("Translate, interpolate, generate", ".translated")
    made = made_by(page.command(".translate"))
    assert np.array_equal(pixels(page.saved(".translate", "picture")), pixels(made / "images" / f"{key}.png"))

    page.page.locator(".lambda").click(position={"x": 250, "y": 10})
    page.page.wait_for_timeout(500)
    share = float(page.page.locator(".lambda[role=slider], .lambda [role=slider]").get_attribute("aria-valuenow"))
    step = round(share * 20)
    assert 10 < step < 20
    made = made_by(page.command(".interpolate")) / "images" / "g_cartoon"
    assert np.array_equal(pixels(page.saved(".interpolate", "cartoon")), pixels(next(made.glob(f"*_{step}.png"))))

    page.page.locator(".attribute").first.get_by_role("button", name="yes", exact=True).click()
    page.page.get_by_role("button", name="Generate", exact=True).click()
    page.page.locator(".generated-face").wait_for()
    page.picture("ways", whole=True)
    strip = pixels(page.saved(".generate", "face"))
    made = made_by(page.command(".generate")) / "images" / "face"
    first = pixels(made / "0000.png")
    assert np.array_equal(strip[:, : first.shape[1]], first)
    assert len([*made.iterdir()]) == 8


def test_a_point_of_the_map_opens_its_sample(opened: Callable[[str], Page], data: Dataset, made_by: Made) -> None:
    page = opened("images")
    page.tab("Map", ".map canvas")
    table = pd.read_csv(page.saved(PANEL, "table"))
    made = pd.read_csv(made_by(page.command(PANEL)) / "factors.csv")
    pd.testing.assert_frame_equal(table, made, atol=1e-6)  # encoded in batches of other sizes, in float32
    chart = page.page.locator(".map")
    number = int(chart.get_attribute("id").removeprefix("c"))
    row, x, y = page.page.evaluate(
        """id => {
          const chart = getElement(id).chart, [a, b, row] = chart.getOption().series[0].data[0];
          return [row, ...chart.convertToPixel({seriesIndex: 0}, [a, b])];
        }""",
        number,
    )
    place = chart.bounding_box()
    page.page.mouse.move(place["x"] + x, place["y"] + y)
    key = str(table["key"][row])
    page.page.locator(".hovered").get_by_text(key, exact=True).wait_for()
    page.picture("map")
    page.page.mouse.click(place["x"] + x, place["y"] + y)
    page.page.get_by_text(f"Sample {key}", exact=True).first.wait_for()


def test_factors_and_views(opened: Callable[[str], Page], run: Path, made_by: Made) -> None:
    page = opened("images")
    page.tab("Factors and views", ".table-neighbours")
    page.picture("views", whole=True)
    made = made_by(page.command(PANEL))
    table = pd.read_csv(page.saved(PANEL, "table"))
    pd.testing.assert_frame_equal(table, pd.read_csv(made / "explained.csv"))
    weights = pd.read_csv(made / "weights.csv").query("view == 'attributes'")
    weights = weights.pivot(index="column", columns="factor", values="weight").add_prefix("w")
    cells = page.page.locator(".table-weights tbody tr").first.locator("td").all_inner_texts()
    head = page.page.locator(".table-weights thead th").all_inner_texts()
    told = head[1].removesuffix("arrow_upward").strip()
    assert float(cells[1]) == pytest.approx(weights.loc[cells[0], told], rel=1e-4)

    latent = pd.read_csv(made / "factors.csv").set_index("key").filter(regex=r"\d$")
    key = page.page.locator(PANEL).get_by_text(re.compile("^Sample ")).inner_text().removeprefix("Sample ")
    distance = np.linalg.norm(latent - latent.loc[key], axis=1)
    nearest = latent.index[np.argsort(distance, kind="stable")[1]]
    assert page.page.locator(".table-neighbours tbody tr").first.locator("td").first.inner_text() == nearest


def test_two_windows_do_not_mix(opened: Callable[[str], Page], data: Dataset) -> None:
    keys = Samples(data, data.having("test", *data.views)).keys
    one, other = opened("images"), opened("images")
    one.choose(keys[0])
    other.choose(keys[1])
    other.page.locator(".view-face").get_by_role("switch").click()
    other.page.locator(".view-face").get_by_text("foretold", exact=True).wait_for()
    one.page.get_by_text(f"Sample {keys[0]}", exact=True).first.wait_for()
    one.page.locator(".view-face").get_by_text("reconstruction", exact=True).wait_for()
    assert keys[0] in " ".join(one.command(".view-face"))
    assert keys[1] in " ".join(other.command(".view-face"))


def test_a_wrong_file_is_one_line(opened: Callable[[str], Page], tmp_path: Path, photos: Path) -> None:
    page = opened("images")
    (tmp_path / "me.png").write_text("no image")
    page.page.locator("input[type=file]").set_input_files(tmp_path / "me.png")
    line = page.page.locator(".mistake")
    line.get_by_text(re.compile("not an image")).wait_for()
    assert line.inner_text() == "input: me.png: not an image"
    page.page.locator("input[type=file]").set_input_files(photos / "a.png")
    page.page.get_by_text("Sample input.png", exact=True).first.wait_for()
    page.page.locator(".view-cartoon").get_by_text("foretold", exact=True).wait_for()
    assert not line.is_visible()


def test_what_is_shown_is_text_and_never_markup(opened: Callable[[str], Page]) -> None:
    page, evil = opened("tables"), "<img src=x onerror='window.bad=1'>"
    page.page.get_by_label("Paste a row, with a header, as CSV").fill(f"id,price,remark\n{evil},5.5,{evil}\n")
    page.page.get_by_role("button", name="Take the row").click()
    page.page.get_by_text(f"Sample {evil}", exact=True).first.wait_for()
    page.page.locator(".view-remark").get_by_text(evil, exact=True).wait_for()
    page.tab("Factors and views", ".table-neighbours")
    page.page.get_by_text(f"Sample {evil}", exact=True).first.wait_for()
    assert page.page.evaluate("window.bad") is None

    page.tab("Sample", ".view-remark")
    page.page.get_by_label("Paste a row, with a header, as CSV").fill("height\n5.5\n")
    page.page.get_by_role("button", name="Take the row").click()
    line = page.page.locator(".mistake")
    line.get_by_text(re.compile("has no column of the run's views")).wait_for()
    assert line.inner_text().startswith("input: pasted.csv has no column")


def test_nobody_else_gets_in(opened: Callable[[str], Page], pages: dict[str, str]) -> None:
    opened("images")  # the page is there
    address = urlsplit(pages["images"])
    assert len(address.path) > 12

    def status(path: str, host: str) -> int:
        connection = HTTPConnection("127.0.0.1", address.port, timeout=20)
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status

    assert status(address.path, f"127.0.0.1:{address.port}") == 200
    assert status("/", f"127.0.0.1:{address.port}") == 404
    assert status(address.path, "elsewhere.example") == 400
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", address.port), timeout=20).close()


def test_an_edit_goes_as_far_as_its_slider_says(opened: Callable[[str], Page], data: Dataset, made_by: Made) -> None:
    page, key = opened("images"), whole(data)
    page.choose(key)
    smiles = bool(arrays(data, key)["attributes"][0, 0])
    page.tab("Edit", ".attribute")
    page.page.locator(".attribute").first.get_by_role("button", name="no" if smiles else "yes", exact=True).click()
    page.page.locator(".strength").first.click(position={"x": 80, "y": 10})
    page.page.get_by_role("button", name="Edit", exact=True).click()
    page.page.locator(".command", has_text=re.compile(r"strengths\.Smiling=2\.\d+$")).wait_for()
    shown = pixels(page.saved(PANEL, "picture"))
    assert np.array_equal(shown, pixels(made_by(page.command(PANEL)) / "images" / f"{key}.png"))
    plain = made_by([word for word in page.command(PANEL) if not word.startswith("strengths")])
    assert np.abs(shown - pixels(plain / "images" / f"{key}.png")).max() > 20


def test_neighbours_are_those_of_their_command(opened: Callable[[str], Page], made_by: Made) -> None:
    page = opened("images")
    page.tab("Factors and views", ".table-neighbours")
    table = pd.read_csv(page.saved(".neighbours", "table"))
    made = pd.read_csv(made_by(page.command(".neighbours")) / "neighbours.csv")
    pd.testing.assert_frame_equal(table, made, rtol=1e-4)


def test_the_map_by_umap(opened: Callable[[str], Page], made_by: Made) -> None:
    page = opened("images")
    page.tab("Map", ".map canvas")
    page.page.get_by_role("button", name="UMAP", exact=True).click()
    if find_spec("umap") is None:
        page.page.get_by_text(re.compile(r"^umap: umap-learn .*pip install 'favae-run\[umap\]'$")).wait_for()
        assert "umap" not in " ".join(page.command(PANEL))
        return
    page.page.locator(".command", has_text="umap=true").wait_for(timeout=6 * PATIENCE)  # it compiles
    page.picture("umap")
    table = pd.read_csv(page.saved(PANEL, "table"))
    made = pd.read_csv(made_by(page.command(PANEL)) / "factors.csv")
    # UMAP makes another plane of what differs in the last digits.
    assert [*table.columns[-2:]] == [*made.columns[-2:]] == ["umap_0", "umap_1"]
    assert table.notna().all().all()
    pd.testing.assert_frame_equal(table.iloc[:, :-2], made.iloc[:, :-2], rtol=1e-3, atol=1e-4)
    page.page.get_by_role("button", name="two factors", exact=True).click()
    page.page.locator(".command", has_text=re.compile("^((?!umap).)*$")).wait_for()
