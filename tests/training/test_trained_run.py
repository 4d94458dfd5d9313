"""A finished run comes back by its folder, with nothing of what it was trained on or made from."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.config.run import Config
from favae_cli.config.stored import stored_config
from favae_cli.data import Dataset
from favae_cli.machine.runtime import Runtime
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.training import checkpoint
from favae_cli.training.build import build_model
from favae_cli.training.schedule import Training
from favae_cli.training.trained_run import load_run
from favae_cli.views import FrozenView, LinearView

TinyConfig = Callable[..., Config]
PLAIN = Runtime(torch.device("cpu"))


def train(folder: Path, config: Config, data: Dataset) -> FAVAE | JointVAE:
    """The model of a finished run, whose folder is left behind."""
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(OmegaConf.create(config.model_dump(mode="json")), folder / ".hydra" / "config.yaml")
    model = build_model(config, data, PLAIN)
    training = Training(model, data, config, folder)
    training.run(StopRequest())
    training.log.close()
    return model


@pytest.fixture(scope="module")
def trained(
    tiny_config: TinyConfig, fresh_data: Callable[[], Dataset], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, FAVAE]:
    """The folder of a finished run, for looking at and copying, and its model."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    model = train(folder, tiny_config(), fresh_data())
    assert isinstance(model, FAVAE)
    return folder, model


@pytest.fixture
def run(trained: tuple[Path, FAVAE], tmp_path: Path) -> Path:
    """A copy of the folder."""
    return shutil.copytree(trained[0], tmp_path / "run")


VIEWS = ("face", "cartoon", "attributes")


def same_answers(one: FAVAE | JointVAE, other: FAVAE | JointVAE, data: Dataset) -> None:
    """Both say the same of the test samples."""
    assert isinstance(one, FAVAE)
    assert isinstance(other, FAVAE)
    indices = data.split["test"]
    for view in one.views:
        given = [name for name in one.views if name != view]
        said = [Given.of_samples(model, data, indices, views=given).decoded(view) for model in (one, other)]
        np.testing.assert_allclose(said[0], said[1], rtol=1e-6)


def test_the_loaded_model_says_what_the_trained_one_said(
    tiny_config: TinyConfig, data: Dataset, trained: tuple[Path, FAVAE]
) -> None:
    folder, model = trained
    loaded = load_run(folder, PLAIN)
    same_answers(model, loaded.model, data)
    assert loaded.config == tiny_config()
    assert (loaded.images, loaded.attributes) == (["face"], {"attributes": loaded.views["attributes"].columns})
    assert loaded.views["attributes"].columns == ("Bright", "Striped")
    assert loaded.metrics == {}


def test_numbers_of_the_run_come_along(run: Path) -> None:
    (run / "metrics.json").write_text('{"generate/accuracy": 0.25}')
    assert load_run(run, PLAIN).metrics == {"generate/accuracy": 0.25}


def test_linear_views_need_no_data(config_of: Callable[..., Config], data: Dataset, tmp_path: Path) -> None:
    data = replace(data, views={name: data.views[name.replace("cartoon", "face")] for name in VIEWS})
    small = ["schedule.sweeps=10", *(f"views.{view}.arch.channels=[4,8]" for view in ("face", "cartoon"))]
    config = config_of(
        "experiment=avatars_adapt", "model=fa", "model.components=5", "data.size=8", "schedule.sweeps=10", *small
    )
    model = train(tmp_path, config, data)
    loaded = load_run(tmp_path, PLAIN)
    assert isinstance(loaded.factors.views["face"], LinearView)
    assert loaded.factors.views["face"].size == 5
    same_answers(model, loaded.model, data)


@pytest.mark.slow
def test_joint_models_are_loaded_too(config_of: Callable[..., Config], data: Dataset, tmp_path: Path) -> None:
    data.views["cartoon"] = data.views["face"]
    small = [f"views.{view}.{key}" for view in ("face", "cartoon") for key in ("arch.channels=[4,8]", "latent=12")]
    config = config_of(
        "experiment=avatars_adapt",
        "model=multi_vae",
        "data.size=8",
        "schedule.alone_epochs=1",
        "schedule.rounds=1",
        "schedule.round_epochs=0",
        "trainer.batch_size=8",
        *small,
    )
    model = train(tmp_path, config, data)
    loaded = load_run(tmp_path, PLAIN)
    assert isinstance(model, JointVAE)
    assert isinstance(loaded.model, JointVAE)
    assert loaded.images == ["face", "cartoon"]
    stored = data.views["face"].values[:3]
    said = [joint.translate("face", "cartoon", stored) for joint in (model, loaded.model)]
    np.testing.assert_array_equal(said[0], said[1])
    with pytest.raises(UserError, match=r"run: .* has model=multi_vae, without the factors that this needs"):
        loaded.factors  # noqa: B018


@pytest.mark.slow
def test_a_frozen_view_is_the_run_s_own_even_when_the_run_it_came_from_is_gone(
    tiny_config: TinyConfig, data: Dataset, tmp_path: Path
) -> None:
    train(tmp_path / "first", tiny_config("seed=9", "views.face.latent=5"), data)
    data.views["cartoon"] = data.views["face"]
    source = f"views.cartoon.run={tmp_path / 'first'}", "views.cartoon.source=face"
    model = train(tmp_path / "run", tiny_config("data.use=null", "+view@views.cartoon=frozen", *source), data)
    shutil.rmtree(tmp_path / "first")
    loaded = load_run(tmp_path / "run", PLAIN)
    assert isinstance(loaded.factors.views["cartoon"], FrozenView)
    assert list(loaded.factors.trainable) == ["face"]
    same_answers(model, loaded.model, data)


def test_what_is_no_finished_run_is_refused(trained: tuple[Path, FAVAE], tmp_path: Path) -> None:
    def refusal(folder: Path) -> str:
        with pytest.raises(UserError) as refused:
            load_run(folder, PLAIN)
        (line,) = str(refused.value).splitlines()
        return line

    run = tmp_path / "run"
    assert refusal(run) == f"run: there is no folder {run}"
    run.mkdir()
    assert refusal(run) == f"run: {run} is not the folder of a run; it has no .hydra/config.yaml"
    run.rmdir()
    shutil.copytree(trained[0], run)
    tensors, state = checkpoint.load(run / "checkpoints" / "last")
    checkpoint.save(run / "checkpoints" / "last", tensors, state | {"finished": False})
    assert refusal(run) == f"run: {run} is not finished; favae-run resume={run} goes on with it"
    shutil.rmtree(run / "checkpoints")
    assert refusal(run).startswith(f"run: {run} is not finished")


def test_a_run_without_the_keys_of_today_is_taken(
    tiny_config: TinyConfig, data: Dataset, trained: tuple[Path, FAVAE], run: Path
) -> None:
    file = run / ".hydra" / "config.yaml"
    file.write_text(re.sub(r"(?m)^  (clip_norm|show|leak): .*\n", "", file.read_text()))
    loaded = load_run(run, PLAIN)
    assert loaded.config == tiny_config()
    same_answers(trained[1], loaded.model, data)


def test_a_run_of_another_time_is_refused(run: Path) -> None:
    file = run / ".hydra" / "config.yaml"
    file.write_text(file.read_text().replace("factors:", "factor:"))
    with pytest.raises(UserError) as refused:
        load_run(run, PLAIN)
    assert str(refused.value).startswith(f"run: {run} does not fit this version of favae-run: model.factor")


def test_code_that_a_checkpoint_names_needs_trust_as_well(trained: tuple[Path, FAVAE], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained[0], run)
    last = run / "checkpoints" / "last"
    tensors, state = checkpoint.load(last)
    section = stored_config(run, "run").views.face
    section.arch = {"name": "own", "_target_": "torch.hub.load"}
    state["views"]["face"]["section"] = OmegaConf.to_container(section)
    state["identity"]["config"]["views"]["face"]["type"] = "frozen"  # what has a section of its own is another run's
    checkpoint.save(last, tensors, state, checkpoint.load_tables(last))
    with pytest.raises(UserError, match=r"^run: .* its views\.face\.arch\._target_=torch\.hub\.load runs code"):
        load_run(run, PLAIN)
    with pytest.raises(UserError, match=r"torch\.hub\.load must be a class that inherits from torch\.nn\.Module"):
        load_run(run, PLAIN, trust=True)
