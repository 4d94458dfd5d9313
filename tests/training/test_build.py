"""Networks of an earlier run: taken over whole, or refused in one line that names the key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from favae_cli.common.errors import UserError
from favae_cli.config.models import FaConfig
from favae_cli.config.run import Config
from favae_cli.config.views import TextViewConfig, TokenArch
from favae_cli.data import SPLITS, Dataset, ViewData
from favae_cli.machine.runtime import Runtime
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.joint_vae import JointVAE
from favae_cli.training import checkpoint
from favae_cli.training.build import build_model, make_trainers
from favae_cli.training.run_state import pack
from favae_cli.views import BernoulliView, LinearView

TinyConfig = Callable[..., Config]
PLAIN = Runtime(torch.device("cpu"))


def weights(model: FAVAE | JointVAE) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in model.networks.state_dict().values()])


@pytest.fixture
def finished(tiny_config: TinyConfig, data: Dataset, tmp_path: Path) -> Path:
    """The folder of a run with other weights than the ones that seed 0 gives."""
    config = tiny_config("seed=9")
    folder = tmp_path / "finished"
    tensors = pack(build_model(config, data, PLAIN), {}, {})
    for name in ("alone", "last"):
        checkpoint.save(folder / "checkpoints" / name, tensors, {"finished": True})
    (folder / ".hydra").mkdir()
    OmegaConf.save(OmegaConf.create(config.model_dump(mode="json")), folder / ".hydra" / "config.yaml")
    return folder


def test_a_fresh_model_has_the_views_of_the_config_and_the_weights_of_the_seed(
    tiny_config: TinyConfig, data: Dataset
) -> None:
    models = [build_model(tiny_config(f"seed={seed}"), data, PLAIN) for seed in (0, 0, 1)]
    assert list(models[0].views) == ["face", "attributes"]
    assert torch.equal(weights(models[0]), weights(models[1]))
    assert not torch.equal(weights(models[0]), weights(models[2]))


@pytest.mark.parametrize(
    ("overrides", "beta"),
    [(["model.gamma=1"], 0.1), (["model=fa_vae_published"], 1.0), (["model=vae"], 1.0), (["model=beta_vae"], 1.0)],
)
def test_texts_weigh_their_kl_less_only_where_the_views_learn_through_the_factors(
    overrides: list[str], beta: float, tiny_config: TinyConfig
) -> None:
    arch = TokenArch(name="tokens", embedding=4, hidden=4, layers=1)
    section = TextViewConfig(type="text", arch=arch, latent=2, vocabulary=300, length=8, beta=None, data=None)
    config = tiny_config(*overrides).model_copy(update={"views": {"name": section}})
    names, row = np.array(["red square", "blue circle"] * 4, object), np.arange(8)
    data = Dataset("toy", row.astype(str), {"name": ViewData(names, row, kind="text")}, dict.fromkeys(SPLITS, row))
    assert build_model(config, data, PLAIN).trainable["name"].beta == beta


@pytest.mark.parametrize(("components", "size"), [(5, 5), (500, 26)])
def test_without_networks_images_are_taken_in_the_basis_of_their_training_samples(
    components: int, size: int, tiny_config: TinyConfig, data: Dataset
) -> None:
    config = tiny_config().model_copy(update={"model": FaConfig(name="fa", factors=4, components=components)})
    model = build_model(config, data, PLAIN)
    view, train = model.views["face"], data.having("train", "face")
    assert isinstance(view, LinearView)
    assert isinstance(model.views["attributes"], BernoulliView)
    # Through 27 samples there are 26 components at most.
    assert (len(train), view.size) == (27, size)
    z = view.encode(data.views["face"].gather(train)).mean
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-4)
    assert z.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-3)
    assert model.trainable == make_trainers(model, data, config.trainer, config.seed) == {}


def test_pretrained_networks_are_taken_over(tiny_config: TinyConfig, data: Dataset, finished: Path) -> None:
    model = build_model(tiny_config(f"pretrained={finished}"), data, PLAIN)
    assert torch.equal(weights(model), weights(build_model(tiny_config("seed=9"), data, PLAIN)))
    assert list(model.trainable) == ["face"]


@pytest.mark.parametrize(
    "change", ["views.face.latent=5", "views.face.arch.channels=[4]", "views.face.arch.channels=[4,6]"]
)
def test_networks_of_another_shape_are_refused(
    change: str, tiny_config: TinyConfig, data: Dataset, finished: Path
) -> None:
    with pytest.raises(UserError) as refused:
        build_model(tiny_config(f"pretrained={finished}", change), data, PLAIN)
    (line,) = str(refused.value).splitlines()
    assert line.startswith("pretrained, view face: ")
    assert "another arch, latent, start or image size" in line


def test_a_run_without_a_checkpoint_is_refused(tiny_config: TinyConfig, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="pretrained, view face: there is no checkpoint at"):
        build_model(tiny_config(f"pretrained={tmp_path}"), data, PLAIN)


def frozen(run: Path, source: str) -> tuple[str, ...]:
    return ("data.use=null", "+view@views.cartoon=frozen", f"views.cartoon.run={run}", f"views.cartoon.source={source}")


def test_a_frozen_view_has_the_networks_of_its_source_and_stays_out_of_training(
    tiny_config: TinyConfig, data: Dataset, finished: Path
) -> None:
    data.views["cartoon"] = data.views["face"]
    model = build_model(tiny_config(*frozen(finished, "face")), data, PLAIN)
    assert list(model.trainable) == ["face"]
    assert set(model.networks) == {"of_face", "of_cartoon", "of_attributes"}  # these have rates to keep
    source = build_model(tiny_config("seed=9"), data, PLAIN)
    for name, value in model.views["cartoon"].networks.state_dict().items():
        assert torch.equal(value, source.views["face"].networks.state_dict()[name])


def test_a_frozen_view_of_nothing_is_refused(
    tiny_config: TinyConfig, data: Dataset, finished: Path, tmp_path: Path
) -> None:
    data.views["cartoon"] = data.views["face"]
    with pytest.raises(UserError, match=r"views\.cartoon\.source: .* no VAE called 'attributes'; it has face"):
        build_model(tiny_config(*frozen(finished, "attributes")), data, PLAIN)
    with pytest.raises(UserError, match=r"views\.cartoon\.run: .* is not the folder of a run"):
        build_model(tiny_config(*frozen(tmp_path, "face")), data, PLAIN)


def test_a_view_of_a_run_that_is_not_finished_is_refused(
    tiny_config: TinyConfig, data: Dataset, finished: Path
) -> None:
    data.views["cartoon"] = data.views["face"]
    tensors, _ = checkpoint.load(finished / "checkpoints" / "last")
    checkpoint.save(finished / "checkpoints" / "last", tensors, {"finished": False})
    with pytest.raises(UserError, match=r"views\.cartoon\.run: .* is not finished; favae-run resume="):
        build_model(tiny_config(*frozen(finished, "face")), data, PLAIN)


def test_a_resumed_run_no_longer_needs_what_it_was_pretrained_from(
    tiny_config: TinyConfig, data: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(f"pretrained={tmp_path}").model_copy(update={"resume": tmp_path})
    assert list(build_model(config, data, PLAIN).trainable) == ["face"]
