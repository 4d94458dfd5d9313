"""A score that no run of the task reports is told before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from favae_cli.common.errors import UserError
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import TASKS, Config
from favae_cli.config.scores import PATTERNS, require_score

ConfigOf = Callable[..., Config]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
EXPERIMENTS = {"train": "digits_views", "condition": "avatars_condition", "adapt": "avatars_adapt"}
EXPERIMENTS |= {"transfer": "avatars_transfer"}


def documented() -> list[str]:
    """Every name of the page, its placeholders filled in with those of the first views."""
    cells = re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    filled = {"<split>": "test", "<score>": "accuracy", "<model>": "transfer", "...": "r2", "<from>-<to>": "PAIR"}
    for placeholder, value in filled.items():
        names = [name.replace(placeholder, value) for name in names]
    return [re.sub("<view>", "VIEW", re.sub("<(?!view)[a-z]+>", "any", name)) for name in names]


def test_every_documented_name_can_be_the_score_of_a_task(config_of: ConfigOf) -> None:
    assert {*PATTERNS} == {*TASKS}
    configs = {task: config_of(f"experiment={name}") for task, name in EXPERIMENTS.items()}
    for name in documented():
        taken = []
        for task, config in configs.items():
            view, other = [*config.views][:2]
            score = name.replace("VIEW", view).replace("PAIR", f"{view}-{other}")
            try:
                require_score(config.model_copy(update={"score": score}))
            except UserError:
                continue
            taken.append(task)
        assert taken, name


@pytest.mark.parametrize(
    "path", sorted((shipped_configs() / "experiment").glob("[adw]*.yaml")), ids=lambda path: path.stem
)
def test_the_scores_of_experiments_are_reported(path: Path, config_of: ConfigOf) -> None:
    require_score(config_of(f"experiment={path.stem}"))


@pytest.mark.parametrize(
    ("task", "score"),
    [
        ("condition", "predict/mean"),
        ("condition", "generate/acuracy"),
        ("condition", "test/fase/r2"),
        ("train", "generate/accuracy"),
        ("train", "predict/digit-digit/r2"),
        ("adapt", "translate/face/r2"),
        ("transfer", "mean"),
    ],
)
def test_another_is_a_line_that_says_what_there_is(task: str, score: str, config_of: ConfigOf) -> None:
    config = config_of(f"experiment={EXPERIMENTS[task]}").model_copy(update={"score": score})
    with pytest.raises(UserError, match=rf"^score: task {task} reports no '{score}'; it reports \S+, .* and the like"):
        require_score(config)
