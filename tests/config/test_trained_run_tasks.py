"""The command line of the tasks that use a trained run: what reaches them, and what is said to a mistake."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from favae_cli.cli import main
from favae_cli.common.errors import UserError
from favae_cli.config.choices import DataConfig
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.trained_run_tasks import (
    TASKS,
    EditConfig,
    EvaluateConfig,
    InterpolateConfig,
    TranslateConfig,
    UseConfig,
    changed_data,
    require_place,
    validate_use,
)

Uses = list[tuple[UseConfig, Path]]
RUN = Path("outputs/avatars_condition/earlier")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder with a run and a picture, and give back what an entry point may change of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["favae-run"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    (RUN / ".hydra").mkdir(parents=True)
    (RUN / ".hydra" / "config.yaml").touch()
    Path("me (1).jpg").touch()


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> Uses:
    """What the command line asks for; nothing of it is done."""
    asked: Uses = []
    monkeypatch.setattr(
        "favae_cli.tasks.trained_run.use_run", lambda config, directory: asked.append((config, directory))
    )
    return asked


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on stderr, each of them from favae-run."""
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("favae-run: ") for line in lines)
    return [line.removeprefix("favae-run: ") for line in lines]


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return compose("use", list(overrides))


def test_every_task_has_a_schema_a_config_and_an_example() -> None:
    classes = get_args(get_args(UseConfig)[0])
    assert {get_args(each.model_fields["task"].annotation)[0] for each in classes} == set(TASKS)
    for task in TASKS:
        text = (shipped_configs() / "task" / f"{task}.yaml").read_text()
        assert f"favae-run task={task} run=" in text
        more = {"edit": ["++attributes.Smiling=1"], "add_view": ["name=price"], "predict": [f"input={__file__}"]}.get(
            task, []
        )
        assert validate_use(composed(f"task={task}", f"run={RUN}", *more)).task == task


def keys_of(node: object, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from keys_of(value, f"{prefix}{key}.")


def test_every_key_is_explained_where_its_default_is() -> None:
    files = [shipped_configs() / "use.yaml", *(shipped_configs() / "use").glob("*.yaml")]
    for file in [*files, *(shipped_configs() / "task" / f"{task}.yaml" for task in TASKS)]:
        plain = yaml.safe_load(file.read_text())
        for key in keys_of({name: value for name, value in plain.items() if name not in ("defaults", "task")}):
            name = key.rpartition(".")[2]
            assert re.search(rf"^ *{name}:.* # \w", file.read_text(), re.MULTILINE), (file.name, key)


def test_a_use_reaches_its_task_and_writes_beside_no_training(uses: Uses) -> None:
    assert main(["task=translate", f"run={RUN}", "input=me (1).jpg", "from=faces", "to=cartoons"]) == 0
    ((config, directory),) = uses
    assert isinstance(config, TranslateConfig)
    assert (config.run, config.input) == (RUN, [Path("me (1).jpg")])
    assert (config.source, config.to, config.split) == ("faces", "cartoons", "test")
    assert re.fullmatch(r"outputs/translate/\d{4}-[\d_-]+", directory.relative_to(Path.cwd()).as_posix())
    assert (directory / ".hydra" / "config.yaml").is_file()


@pytest.mark.slow
def test_attributes_and_changes_of_the_data_need_no_plus(uses: Uses) -> None:
    assert main(["task=edit", f"run={RUN}", "attributes.Smiling=1", "attributes.Male=0", "data.root=~/faces"]) == 0
    assert main(["task=interpolate", f"run={RUN}", f"input=[{RUN},{RUN}]", "in=g"]) == 0
    assert main(["task=evaluate", f"run={RUN}", "data=avatars", "data.samples=50"]) == 0
    edit, way, scores = (config for config, _ in uses)
    assert isinstance(edit, EditConfig)
    assert (edit.attributes, edit.data) == ({"Smiling": 1, "Male": 0}, {"root": "~/faces"})
    assert isinstance(way, InterpolateConfig)
    assert (way.input, way.space) == ([RUN, RUN], "g")
    assert isinstance(scores, EvaluateConfig)
    assert (scores.data["name"], scores.data["samples"]) == ("avatars", 50)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["task=translate"], "run: must be given, as run=..."),
        (["task=translate", "run=nowhere"], "run: there is no folder nowhere"),
        (["task=translate", "run=outputs"], "run: outputs is not the folder of a run; it has no .hydra/config.yaml"),
        ([f"run={RUN}"], "run: say what to do with it, as task=translate; there are add_view, decode, edit, evaluate"),
        (
            [f"run={RUN}", "task=translat"],
            "task=translat: takes no run; did you mean translate? there are add_view",
        ),
        ([f"run={RUN}", "task=condition"], "task=condition: takes no run; there are add_view, decode, edit, evaluate"),
        (["-m", "task=edit", f"run={RUN}", "attributes.Smiling=0,1"], "task=edit: is done once; leave out -m"),
        (["task=edit", f"run={RUN}"], "attributes: say what to change, as attributes.NAME=1 or attributes.NAME=0"),
        (["task=edit", f"run={RUN}", "attributes.Smiling=2"], "attributes.Smiling: must be 0 or 1, got 2"),
        (["task=edit", f"run={RUN}", "attribute.Smiling=1"], "attributes: say what to change"),
        (["task=translate", f"run={RUN}", "form=faces"], "form: unknown key; did you mean from?"),
        (["task=generate", f"run={RUN}", "input=me.jpg"], "input: unknown key; there are attributes, count"),
        (["task=translate", f"run={RUN}", "input=you.jpg"], "input: there is no file or folder you.jpg"),
        (["task=interpolate", f"run={RUN}", "in=w"], "in: must be 'z', 'g' or 'both', got \"w\""),
        (["task=interpolate", f"run={RUN}", "steps=2"], "steps: must be greater than or equal to 3, got 2"),
        (["task=evaluate", f"run={RUN}", "split=tset"], "split: must be 'train', 'validation', 'test' or 'all'"),
        (["task=evaluate", f"run={RUN}", "trainer.device=gpu"], "trainer.device: must be auto, cpu, cuda or cuda:N"),
        (["task=evaluate", f"run={RUN}", "data=manifest"], "data.root: must be given, as data.root=..."),
        (["task=impute", f"run={RUN}", "format=xls"], "format: must be 'csv' or 'parquet', got \"xls\""),
        (["task=impute", f"run={RUN}", "experiment=avatars_adapt"], "Could not override 'experiment'."),
    ],
)
def test_a_mistake_is_a_line_before_anything_happens(
    arguments: list[str], told: str, uses: Uses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said(capsys)[0].startswith(told)
    assert uses == []
    assert [path.name for path in Path("outputs").iterdir()] == ["avatars_condition"]


def test_cfg_prints_the_keys_of_the_task_and_does_nothing(uses: Uses, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task=edit", "attributes.Smiling=1", "--cfg", "job"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["task"], shown["attributes"], shown["run"]) == ("edit", {"Smiling": 1}, "???")
    assert uses == []


def test_help_lists_the_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for task in TASKS:
        assert re.search(rf"^  {task} +\w.*trained run", shown, re.MULTILINE)


def test_a_mistake_found_in_the_run_is_told_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def use_run(config: UseConfig, directory: Path) -> None:
        raise UserError("from: no view faces")

    monkeypatch.setattr("favae_cli.tasks.trained_run.use_run", use_run)
    assert main(["task=impute", f"run={RUN}"]) == 2
    assert said(capsys) == ["from: no view faces"]


# Data


def own_data() -> DataConfig:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return validate(compose("run", ["experiment=celeba_condition", "data.root=here"])).data


def test_changes_keep_what_they_do_not_name_and_other_data_keep_nothing() -> None:
    own = own_data()
    changed = changed_data(own, {"root": "there", "split": {"official": False}}).model_dump(mode="json")
    kept = own.model_dump(mode="json")
    assert changed == kept | {"root": "there", "split": kept["split"] | {"official": False}}
    avatars = yaml.safe_load(OmegaConf.to_yaml(composed("task=evaluate", f"run={RUN}", "data=avatars").data))
    other = changed_data(own, avatars)
    assert other.name == "avatars"


def test_changes_that_do_not_fit_the_data_are_refused() -> None:
    for changes, told in (
        ({"rot": "there"}, "data.rot: unknown key; did you mean root?"),
        ({"size": 0}, "data.size: must be greater than or equal to 1, got 0"),
        ({"use": ["faces"]}, "data.use: no view faces; did you mean face?"),
    ):
        with pytest.raises(UserError) as refused:
            changed_data(own_data(), changes)
        assert str(refused.value).startswith(told)


def test_an_output_is_a_file_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file.csv").touch()
    require_place(tmp_path / "new" / "folder" / "a.csv", overwrite=False)
    for output, told in (
        (tmp_path, "is a folder"),
        (tmp_path / "file.csv" / "a.csv", "is a file, in which none can be"),
        (tmp_path / "file.csv" / "b" / "a.csv", "is a file, in which none can be"),
        (tmp_path / "file.csv", "is there already"),
    ):
        with pytest.raises(UserError, match=rf"^output: .* {told}"):
            require_place(output, overwrite=False)
    require_place(tmp_path / "file.csv", overwrite=True)
