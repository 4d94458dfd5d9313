"""Every command and every piece of Python on the pages: the quick ones are run, of the others all is checked first."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from _pytest.mark import ParameterSet
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from sklearn.linear_model import LinearRegression

from favae_cli.cli import main
from favae_cli.command_line import compose as composing
from favae_cli.command_line.resume_run import resume, resumed_folder
from favae_cli.config.aside_tasks import validate_aside
from favae_cli.config.composition import ASIDE, CHECK, TRAINING, USE, composition_mistakes
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.overrides import combinations, parse_overrides
from favae_cli.config.trained_run_tasks import validate_use
from favae_cli.data.files.table import read_table

h5py = pytest.importorskip("h5py", reason="of the extra omics")
TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
GUIDES = DOCS / "guides"
WRITTEN = DOCS / "reference" / "config"  # from the heads of configs/, by scripts/docs/reference.py
PAGES = [
    TOP / "README.md",
    TOP / "CONTRIBUTING.md",
    *sorted(page for page in DOCS.rglob("*.md") if WRITTEN not in page.parents),
]

FENCE = re.compile(r"^```(?P<language>\w*)(?P<title>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"(?P<key>run|resume|pretrained)=(?P<folder>outputs/\S+)")
KEY = re.compile(r"^(?!hydra\.)\w+(\.\w+)+=")
OMICS = ("rna.tsv", "mirna.csv.gz", "methylation.csv", "clinic.csv", "new_rna.tsv")  # files of that guide
TABLES = ("shop.csv", "people.csv", "spectra.npz", "wine.csv", "survey.csv", "later.csv", "waves.csv")
FILES = ("me.jpg", "you.jpg", *TABLES, *OMICS)  # of the user whom the pages talk to
TINY = {  # what makes the long commands short
    "experiment=wine": ["model.factors=6", "schedule.sweeps=20", "evaluation.cards=1", "trainer.threads=1"],
    "experiment=study": ["model.factors=6", "schedule.sweeps=60", "evaluation.cards=1", "trainer.threads=1"],
    "task=factors": ["cards=1", "count=20"],
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(TOP)}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """The words of each command; the shell's variables are made up."""
        for line in re.sub(r"\\\n\s*", "", self.text).splitlines():
            plain = re.sub(r"\$(\w+)", lambda name: "" if name[1] == "resume" else f"the_{name[1]}", line)
            if words := shlex.split(plain.removeprefix("$ "), comments=True):
                yield words


def blocks(page: Path) -> list[Block]:
    """Of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text[: found.start()].count("\n") + 1, found["language"], found["title"], found["text"])
        for found in FENCE.finditer(text)
    ]


def commands(program: str) -> list[str]:
    """What follows the program's name, wherever on the pages it is called."""
    found: dict[str, None] = {}
    for block in SHELL:
        for words in block.commands():
            if program in words:
                line = shlex.join(words[words.index(program) + 1 :])
                found[re.sub(r"root=\S+", "root=DIR", line)] = None  # wherever the data are
    return list(found)


def marked(lines: list[str]) -> list[ParameterSet]:
    """The README's commands are for every run of the tests, those of other pages for the whole."""
    first = (TOP / "README.md").read_text(encoding="utf-8")
    return [pytest.param(line, marks=[pytest.mark.slow] * (line not in first)) for line in lines]


ALL = [block for page in PAGES for block in blocks(page)]
SHELL = [block for block in ALL if block.language in ("sh", "bash")]
PYTHON = [block for block in ALL if block.language == "python"]


@pytest.fixture(scope="module", autouse=True)
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stand in the folder of the user whom the pages talk to: with files, pictures, and experiments."""
    folder = tmp_path_factory.mktemp("shop")
    for name in FILES:
        (folder / name).touch()
    (folder / "photos").mkdir()
    own = folder / "configs" / "experiment"
    own.mkdir(parents=True)
    (mine,) = (block for block in blocks(GUIDES / "own-data.md") if "experiment/mine.yaml" in block.title)
    (own / "mine.yaml").write_text(mine.text)
    for name in ("shop", "wine", "survey", "study"):  # much as init would write it
        shutil.copy(shipped_configs() / "experiment" / "wine_views.yaml", own / f"{name}.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def begin(folder: Path, resumed: bool) -> None:
    """A run as far as a command line is checked against it; what is in its config matters if it is to go on."""
    file = folder / ".hydra" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    if resumed:
        with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
            OmegaConf.save(compose("run"), file)


def check(words: list[str]) -> None:
    """What favae-run checks before it computes: that the choices are there, and that the schema takes what they make.

    Raises:
        UserError: what is wrong with the command line.
    """
    parsed = composing.parse_arguments(words)
    if folder := resumed_folder(parsed):
        resume(folder, parsed)
        return
    primary = composing.primary_config(parsed)
    if parsed.multirun:  # of a sweep the first run is enough
        lines = [line for line in parsed.overrides if not line.startswith(("resume=", "sweep.resume="))]
        parsed.overrides = next(iter(combinations(parse_overrides(lines))))
    if primary == CHECK:
        parsed.overrides.remove("task=check")
        primary = TRAINING
    lines = [KEY.sub(r"++\g<0>", line) for line in parsed.overrides]  # composed once, where the program does so twice
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"), composition_mistakes():
        composed = compose(primary, lines)
    {USE: validate_use, ASIDE: validate_aside}.get(primary, validate)(composed)


@pytest.mark.parametrize("line", marked(commands("favae-run")))
def test_favae_run_takes_it(line: str) -> None:
    words = shlex.split(line)
    if words == ["--help"]:
        assert main(words) == 0
        return
    for found in RUN.finditer(line):
        begin(Path(found["folder"]), found["key"] == "resume")
    check(words)


@pytest.mark.parametrize("block", [block for block in ALL if block.language == "console"], ids=str)
def test_what_it_answers_is_what_the_page_says(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    asked, told = block.text.split("\n", 1)
    assert main(shlex.split(asked)[2:]) == 2
    assert capsys.readouterr().err == told


def test_make_has_the_targets() -> None:
    known = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    assert {shlex.split(line)[0] for line in commands("make")} <= known


def test_pip_finds_the_extras() -> None:
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = {name for page in PAGES for name in re.findall(r"\[(\w+)\]'", page.read_text())}
    assert told
    assert told <= extras.keys()


@pytest.mark.parametrize("line", commands("python"))
def test_scripts_are_there_and_take_it(line: str) -> None:
    script, *words = shlex.split(line)
    assert (TOP / script).is_file()
    if script == "scripts/compare_models.py":
        check([f"experiment={words[0]}", *(word for word in words[1:] if "=" in word)])  # without options of its own


def test_nothing_else_is_called() -> None:
    """Or it would have to be checked as well."""
    programs = {words[0] for block in ALL if block.language == "sh" for words in block.commands()}
    assert programs <= {"favae-run", "make", "pip", "python", "ray", ".ci/run"}


@pytest.mark.parametrize("block", [block for block in ALL if block.language == "yaml"], ids=str)
def test_yaml_is_whole(block: Block) -> None:
    if "--8<--" not in block.text:  # a shipped file
        assert isinstance(yaml.safe_load(block.text), dict)


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_is_whole(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", sorted({block.page for block in PYTHON}), ids=lambda page: page.stem)
@pytest.mark.slow
def test_python_runs(page: Path) -> None:
    """Block after block, as a reader would; not those that load a run, or what it wrote, which only the reader has."""
    names: dict[str, object] = {}
    for block in blocks(page):
        made_by_reader = re.search(r'"(outputs/|predicted\.csv)', block.text)
        if block.language == "python" and not made_by_reader and page.stem != "omics":  # which has a test of its own
            exec(compile(block.text, str(block), "exec"), names)


@pytest.mark.slow
def test_getting_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_figures: Callable[[], AbstractContextManager[None]]
) -> None:
    """A table, an experiment for it, a run, its holes filled, its factors read: word for word, but for fewer sweeps."""
    monkeypatch.chdir(tmp_path)
    section = re.split(r"^## ", (DOCS / "getting-started.md").read_text(), flags=re.MULTILINE)
    (tutorial,) = (part for part in section if part.startswith("A table of your own"))
    python, shell = FENCE.findall(tutorial)
    exec(python[2], {})
    for words in Block(DOCS, 0, *shell).commands():
        newest = max(tmp_path.glob("outputs/wine/*"), default=tmp_path)
        given = [word.replace("outputs/wine/...", str(newest)) for word in words[1:]]
        with quick_figures():
            assert favae_run(*given, *TINY.get(given[0], [])) == 0, words
    filled = (tmp_path / "filled.csv").read_text().splitlines()
    assert len(filled) == 1 + 178
    assert not any(",," in line for line in filled)
    assert "experiment=wine" in (tmp_path / "configs" / "experiment" / "wine.yaml").read_text()


@pytest.mark.slow
def test_from_omics_tables_to_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_figures: Callable[[], AbstractContextManager[None]]
) -> None:
    """Three assays with patients missing, a label, new patients with one assay: word for word, but for fewer sweeps."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks(GUIDES / "omics.md"):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
        for words in block.commands() if block.language == "sh" else ():
            if words[0] != "favae-run":
                continue
            newest = max(tmp_path.glob("outputs/study/*"), default=tmp_path)
            given = [word.replace("outputs/study/2026-...", str(newest)) for word in words[1:]]
            with quick_figures():
                assert favae_run(*given, *TINY.get(given[0], [])) == 0, words
    clinic = names["clinic"].set_index("patient")
    told = pd.read_csv("subtypes.csv").set_index("patient")
    truth = clinic.loc[told.index]
    assert (told["subtype"] == truth["subtype"]).mean() >= 0.75
    assert np.corrcoef(told["age"], truth["age"])[0, 1] > 0.6
    inside = (told["age_lower"] <= truth["age"]) & (truth["age"] <= told["age_upper"])
    assert inside.mean() >= 0.7
    (folder,) = (tmp_path / "outputs" / "factors").iterdir()
    scores, weights = (pd.read_parquet(folder / f"{name}.parquet") for name in ("factors", "weights"))
    assert scores["patient"].tolist() == clinic.index[:150].tolist()
    made = LinearRegression().fit(scores[[f"factor_{k}" for k in range(3)]], names["factors"][:150])
    assert made.score(scores[[f"factor_{k}" for k in range(3)]], names["factors"][:150]) > 0.9
    assert set(weights["view"]) == {"rna", "mirna", "methylation", "clinic_numbers", "clinic_categories"}
    found = names["found"].set_index(["view", "column"])
    assert found.loc[("clinic_categories", "subtype=luminal"), "q"].min() < 0.05
    back = read_table(Path("study.h5mu"))
    np.testing.assert_allclose(back.matrices["rna/X"].read(), names["rna"][:140], rtol=1e-5)
    with h5py.File("study.h5mu") as file:
        assert file["obsm/X_favae"].shape == (150, len(weights["factor"].unique()))
        assert file["mod/rna/varm/favae"].shape == (80, len(weights["factor"].unique()))
        assert set(file["uns/favae/explained_variance"]) == set(weights["view"])
    assert names["model"].factors_.shape[0] == 150


def favae_run(*words: str) -> int:
    """The exit code; Hydra ends what it runs by SystemExit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["favae-run"])
        patch.setenv("HYDRA_FULL_ERROR", "0")
        try:
            return main(words)
        except SystemExit as ended:
            return int(ended.code or 0)
