"""The plan of `make paper`, and the page that comes of it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from favae_cli.config.run import Config

Script = Callable[[str], ModuleType]

NUMBERS = (
    *("Fig. 4", "Fig. 5", "Fig. A.15", "Table (3.1, A.1)", "Fig. 8", "Fig. 9, A.16", "Fig. 10"),
    *("Fig. 12", "Fig. 13", "Table 3", "Fig. 14"),
)
FIGURES = (
    *("curves", "editing", "generated", "relevance", "translation_face-cartoon", "translation_cartoon-face"),
    *("interpolation_face", "interpolation_cartoon", "race", "reconstructions", "traversal_transfer"),
)
AVATARS = ["avatars_condition", "avatars_adapt", "avatars_transfer"]
OTHERS = ["avatars_adapt_published", "avatars_adapt_multi_vae", "avatars_adapt_beta_vae"]


def metrics_of(name: str) -> dict[str, float]:
    """As of a run of that name."""
    if "transfer" in name:
        return {
            "rival/r2_mean": 0.911,
            "rival/log_likelihood": 15000.0,
            "transfer/r2_mean": 0.922,
            "transfer/log_likelihood": 15100.0,
            "transfer/epoch_ratio": 0.125,
            "transfer/seconds_ratio": 0.222,
            "transfer/prior/r2_mean": 0.9,
            "transfer/prior/log_likelihood": 14900.0,
            "disentanglement/transfer/dci": 0.44,
        }
    if "condition" in name:
        return {
            "before/test/face/r2_mean": 0.7,
            "test/face/r2_mean": 0.71,
            "test/attributes/Smiling/auc": 0.987,
            "generate/accuracy": 0.965,
            "edit/flip": 0.954,
            "factors/active": 12.0,
        }
    return {
        "test/face/r2_mean": 0.833 if "multi_vae" in name else 0.844,
        "test/cartoon/r2_mean": 0.855,
        "translate/face-cartoon/r2": 0.566,
        "translate/face-cartoon/top1": 0.677,
        "factors/active": 34.0,
    }


@pytest.fixture
def runs(runs: Any) -> Any:
    runs.metrics, runs.figures = metrics_of, FIGURES
    return runs


@pytest.fixture
def paper(script: Script, runs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The script, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    module = script("paper")
    return lambda *arguments: module.main([str(argument) for argument in arguments])


def page(folder: str = "outputs/paper") -> str:
    return Path(folder, "index.html").read_text(encoding="utf-8")


def article(number: str) -> str:
    """The part of the page about one figure or table, its entities resolved."""
    found = [text for text in page().split("<article ")[1:] if f"<h3>{number} ·" in text]
    assert len(found) == 1
    return html.unescape(found[0].split("</article>")[0])


def cells(text: str) -> list[list[str]]:
    """Of all tables, row by row."""
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr.*?>(.*?)</tr>", text, re.DOTALL)]


def folders(root: Path, *names: str) -> list[str]:
    """Options that give an empty folder for each."""
    for name in names:
        (root / name).mkdir()
    return [part for name in names for part in (f"--{name}", name)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), AVATARS),
        (("emoji",), [name for part in AVATARS for name in (part, part.replace("avatars", "emoji"))]),
        (("celeba",), ["celeba_condition", "avatars_adapt", "celeba_transfer"]),
        (("celeba", "cartoons"), ["celeba_condition", "celeba_cartoon", "celeba_transfer"]),
        (("cartoons",), AVATARS),
    ],
)
def test_the_data_decide_what_is_run(
    paper: Callable[..., int], runs: Any, tmp_path: Path, given: tuple[str, ...], expected: list[str]
) -> None:
    assert paper(*folders(tmp_path, *given)) == 0
    adapted = [name for name in expected if "adapt" in name or "cartoon" in name]
    assert runs.names == [
        *expected,
        *(f"{name}_{model}" for model in ("published", "multi_vae", "beta_vae") for name in adapted),
    ]
    roots = {part.partition("=")[2] for call in runs.calls for part in call if ".root=" in part}
    assert roots == {name for name in given if name != "cartoons" or "celeba" in given}


def test_emoji_are_found_where_the_script_builds_them(paper: Callable[..., int], runs: Any, tmp_path: Path) -> None:
    (tmp_path / "data" / "emoji").mkdir(parents=True)
    (tmp_path / "data" / "emoji" / "emoji.csv").touch()
    paper()
    assert "emoji_condition" in runs.names
    assert "data.root=data/emoji" in runs.calls[1]


@pytest.mark.slow
def test_every_step_is_a_valid_run(script: Script, config_of: Callable[..., Config]) -> None:
    roots = {option: Path("there") for option in ("celeba", "cartoons", "emoji")}
    for step in script("paper_plan").PLAN:
        config_of(*step.arguments(roots, quick=True))


def test_the_page_has_every_figure_and_table(paper: Callable[..., int]) -> None:
    paper()
    contents = page().split("<nav")[1].split("</nav>")[0]
    targets = re.findall(r'href="#([^"]*)"', contents)
    assert sorted(targets) == sorted(set(targets)) == sorted(re.findall(r'<article id="([^"]*)"', page()))
    for number in NUMBERS:
        assert f">{number}</a>" in contents
        assert "favae-run experiment=avatars_" in article(number)
        assert "standing in for the paper's data" in article(number)
    for number, figures in {"Fig. 4": 1, "Fig. 8": 2, "Fig. 9, A.16": 2, "Fig. 10": 2, "Fig. 14": 1}.items():
        assert article(number).count('<img src="data:image/png;base64,') == figures


def test_published_numbers_stand_beside_ours(paper: Callable[..., int], tmp_path: Path) -> None:
    paper(*folders(tmp_path, "emoji"))
    assert cells(article("Table 3"))[1:4] == [
        ["Multi-VAE", "0.855", "0.833", "0.833"],
        ["beta-VAE, the large VAE alone", "0.941", "0.911", "0.911"],
        ["FA-VAE, the large VAE with help", "0.969", "0.922", "0.922"],
    ]
    assert ["share of the rival's epochs", "about 0.25", "0.125", "0.125"] in cells(article("Fig. 12"))
    assert ["share of its seconds", "not stated here", "0.222", "0.222"] in cells(article("Fig. 12"))
    assert ["edits that show the wanted attribute", "not stated here", "0.954", "0.954"] in cells(article("Fig. 5"))
    assert "not stated here" in article("Table (3.1, A.1)")


def test_the_runs_own_tables_are_shown(paper: Callable[..., int]) -> None:
    paper()
    assert ["face", "R2, mean over images", "0.700", "0.710", "+0.010"] in cells(article("Fig. 4"))
    assert "0.987" in article("Table (3.1, A.1)")
    assert "0.677" in article("Fig. 8")
    assert "0.440" in article("Fig. 14")
    assert ["R2 face", "0.844", "0.844", "0.833", "0.844"] in cells(article("3.2, rivals"))


def test_a_rival_that_was_never_reached_is_told(paper: Callable[..., int], runs: Any) -> None:
    runs.metrics = lambda name: {k: v for k, v in metrics_of(name).items() if not k.endswith("_ratio")}
    paper()
    assert ["share of the rival's epochs", "about 0.25", "never as good"] in cells(article("Fig. 12"))


def test_what_is_not_there_is_told(paper: Callable[..., int]) -> None:
    paper()
    states = {row[0]: row[-1] for row in cells(page().split("<h2>Runs</h2>")[1].split("</table>")[0]) if row}
    assert states["celeba_condition"] == "not run: needs CELEBA=DIR"
    assert states["celeba_cartoon"] == "not run: needs CELEBA=DIR and CARTOONS=DIR"
    assert states["emoji_adapt_beta_vae"] == "not run: needs EMOJI=DIR"
    assert "favae-run experiment=celeba_transfer data.root=DIR transfer=parts" in article("Fig. 12")


def test_a_failing_step_is_told_and_the_others_go_on(paper: Callable[..., int], runs: Any) -> None:
    runs.codes = {"avatars_condition": 7, "avatars_transfer": 1}
    assert paper() == 7
    assert runs.names[1:] == [*AVATARS[1:], *OTHERS]
    assert "failed (exit code 7)" in article("Fig. 5")
    assert "0.677" in article("Fig. 8")


def test_the_page_follows_every_step(paper: Callable[..., int], runs: Any) -> None:
    runs.codes = {"avatars_adapt": 130}
    assert paper() == 130
    assert "avatars_transfer" not in runs.names
    assert "0.954" in article("Fig. 5")
    assert "not run yet" in article("Fig. 12")


def test_the_same_command_goes_on(paper: Callable[..., int], runs: Any) -> None:
    runs.codes = {"avatars_adapt": 130}
    paper()
    runs.codes, runs.calls = {}, []
    assert paper() == 0
    assert runs.calls[0] == ["resume=outputs/paper/avatars_adapt"]
    assert runs.names == [*AVATARS[1:], *OTHERS]
    assert "0.677" in article("Fig. 8")


def test_quick_runs_are_smaller_and_elsewhere(paper: Callable[..., int], runs: Any) -> None:
    assert paper("--quick") == 0
    assert all("outputs/paper-quick/" in call[-1] for call in runs.calls)
    assert all(any(part.startswith("data.samples=") for part in call) for call in runs.calls)
    assert "make paper-quick" in page("outputs/paper-quick")


def test_the_page_loads_nothing_but_links_to_the_runs(paper: Callable[..., int]) -> None:
    paper()
    assert not re.search(r"https?://|<script[^>]|<link|@import", page())
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]*)"', page()))
    links = [link for link in re.findall(r'href="([^"]*)"', page()) if not link.startswith("#")]
    assert links
    assert all(Path("outputs/paper", link).exists() for link in links)


def test_a_folder_that_is_not_there_is_one_line(paper: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        paper("--celeba", "nowhere")
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("--celeba: there is no folder nowhere")
