"""The schema against the shipped configs, and how it tells mistakes."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from pydantic import TypeAdapter

from favae_cli.common.errors import UserError
from favae_cli.config.choices import ViewConfig
from favae_cli.config.contradictions import validate
from favae_cli.config.folders import shipped_configs
from favae_cli.config.run import Config
from favae_cli.config.section import Section

EXPERIMENTS = sorted(path.stem for path in (shipped_configs() / "experiment").glob("*.yaml"))
MODELS = sorted(path.stem for path in (shipped_configs() / "model").glob("*.yaml"))

FEW = settings(max_examples=8, deadline=None)

ABOVE_ZERO = st.floats(max_value=0, allow_nan=False)
NOT_BELOW_ZERO = st.floats(max_value=0, exclude_max=True, allow_nan=False)
AT_LEAST_ONE = st.integers(max_value=0)
BELOW_ONE = st.floats(min_value=1, allow_nan=False)
AT_MOST_ONE = st.floats(min_value=1, exclude_min=True, allow_nan=False)
OUT_OF_RANGE = {
    "seed": st.integers(max_value=-1),
    "model.factors": AT_LEAST_ONE,
    "model.beta": NOT_BELOW_ZERO | st.just(float("nan")),
    "model.feed": AT_MOST_ONE | NOT_BELOW_ZERO,
    "model.feed_rounds": st.integers(max_value=-1),
    "views.face.latent": AT_LEAST_ONE,
    "views.face.variance": ABOVE_ZERO,
    "views.face.arch.kernel": AT_LEAST_ONE,
    "views.face.arch.leak": BELOW_ONE | NOT_BELOW_ZERO,
    "data.samples": AT_LEAST_ONE,
    "data.split.test": BELOW_ONE | ABOVE_ZERO,
    "data.missing.face": BELOW_ONE | NOT_BELOW_ZERO,
    "schedule.rounds": AT_LEAST_ONE,
    "schedule.patience": AT_LEAST_ONE,
    "schedule.tolerance": NOT_BELOW_ZERO,
    "trainer.batch_size": st.integers(max_value=1),
    "trainer.devices": AT_LEAST_ONE,
    "trainer.nodes": AT_LEAST_ONE,
    "trainer.learning_rate": ABOVE_ZERO,
    "trainer.clip_norm": ABOVE_ZERO,
    "trainer.device": st.sampled_from(["gpu", "cuda:", "cuda0", "CPU", ""]),
    "evaluation.judge.shift": st.integers(max_value=-1),
    "evaluation.translate.steps": st.integers(max_value=2),
    "evaluation.traverse.reach": ABOVE_ZERO,
    "evaluation.min_combination": AT_LEAST_ONE,
    "transfer.share": ABOVE_ZERO | AT_MOST_ONE,
}

BERNOULLI = {"type": "bernoulli", "weight": 1.0, "data": None}


@cache
def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(shipped_configs()), version_base="1.3"):
        return compose("run", list(overrides))


@cache
def pickled(*overrides: str) -> bytes:
    return pickle.dumps(composed(*overrides))


def with_values(values: dict[str, Any], *overrides: str) -> DictConfig:
    changed: DictConfig = pickle.loads(pickled(*overrides))  # OmegaConf takes ten times as long for a copy
    for key, value in values.items():
        OmegaConf.update(changed, key, value, force_add=True)
    return changed


def complaints(values: dict[str, Any], *overrides: str) -> list[str]:
    """The lines with which the config is refused after `values` are put in."""
    with pytest.raises(UserError) as caught:
        validate(with_values(values, *overrides))
    return str(caught.value).splitlines()


def keys_of(config: DictConfig, prefix: str = "") -> Iterator[str]:
    for name, value in config.items():
        key = prefix + str(name)
        yield key
        if isinstance(value, DictConfig):
            yield from keys_of(value, f"{key}.")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_is_valid(experiment: str) -> None:
    overrides = (f"experiment={experiment}",)
    unset = OmegaConf.missing_keys(composed(*overrides))
    assert unset <= {"data.root", "data.faces.root", "data.cartoons.root"}
    config = validate(with_values(dict.fromkeys(unset, "somewhere"), *overrides))
    assert experiment.endswith((config.task.name, "celeba_cartoon", "_views"))
    types = {view.type for view in config.views.values()}
    if config.task.name == "train":
        assert len(config.views) > 1
    else:
        assert types == ({"vae"} if config.task.name == "transfer" else {"vae", "bernoulli"})


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiments_say_what_they_are_and_how_to_run_them(experiment: str) -> None:
    first, description, _, command, example = (
        (shipped_configs() / "experiment" / f"{experiment}.yaml").read_text().splitlines()[:5]
    )
    assert first == "# @package _global_"
    assert description.startswith("# ")
    assert command != example
    assert all(line.startswith(f"#   favae-run experiment={experiment}") for line in (command, example))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_suits_the_adapt_experiment(model: str, config_of: Callable[..., Config]) -> None:
    config = config_of("experiment=avatars_adapt", f"model={model}")
    assert config.model.name == ("fa_vae" if model == "fa_vae_published" else model)
    # Equal epochs for all: what FA-VAE has alone and in its rounds, the others have at a stretch.
    plan = config.plan
    assert plan.epochs == config.schedule.epochs == 20 + 6 * 3
    assert (plan.rounds, plan.alone_epochs) == ((6, 20) if config.model.name == "fa_vae" else (0, 38))


@pytest.mark.parametrize("arch", sorted(path.stem for path in (shipped_configs() / "arch").glob("*.yaml")))
def test_every_arch_suits_some_view(arch: str, config_of: Callable[..., Config]) -> None:
    """Those for images suit drawn faces, as large as their name says."""
    if arch in ("gru", "conv1d", "tokens"):
        kind = "text" if arch == "tokens" else "sequence"
        chosen = composed(f"+view@views.extra={kind}", f"arch@views.extra.arch={arch}").views.extra
        assert TypeAdapter(ViewConfig).validate_python(OmegaConf.to_container(chosen)).type == kind
        return
    size = re.search(r"\d+", arch)
    own = ["views.face.arch._target_=mypackage.MyNets"] if arch == "own" else []
    config = config_of(f"arch@views.face.arch={arch}", f"data.size={size.group() if size else 64}", *own)
    assert config.views["face"].type == "vae"


def test_defaults_live_in_the_yaml_alone() -> None:
    def sections(root: type[Section]) -> Iterator[type[Section]]:
        for section in root.__subclasses__():
            yield section
            yield from sections(section)

    optional = [
        f"{section.__name__}.{name}"
        for section in sections(Section)
        for name, field in section.model_fields.items()
        if not field.is_required()
    ]
    assert optional == []


@FEW
@given(data=st.data())
@pytest.mark.parametrize("key", OUT_OF_RANGE)
def test_a_value_out_of_range_is_one_line_that_names_its_key(key: str, data: st.DataObject) -> None:
    (line,) = complaints({key: data.draw(OUT_OF_RANGE[key])})
    assert line.startswith(f"{key}: must be ")


@FEW
@given(data=st.data())
def test_text_in_place_of_a_number_is_told(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([key for key in OUT_OF_RANGE if key != "trainer.device"]))
    (line,) = complaints({key: "many"})
    assert line.startswith(f"{key}: must be a valid ")
    assert line.endswith('got "many"')


@FEW
@given(data=st.data())
def test_a_misspelt_key_is_told_with_the_right_one(data: st.DataObject) -> None:
    chosen_freely = ("views.face", "views.attributes", "data.views.", "data.missing.")
    keys = [key for key in keys_of(composed()) if len(key.split(".")[-1]) >= 4]
    right = data.draw(st.sampled_from([key for key in keys if not key.startswith(chosen_freely)]))
    parent, _, name = right.rpartition(".")
    cut = data.draw(st.integers(1, len(name) - 1))
    wrong = f"{parent}.".lstrip(".") + name[:cut] + "x" + name[cut:]
    (line,) = complaints({wrong: 1})
    assert line.startswith(f"{wrong}: unknown key; did you mean {name}?")


def test_several_mistakes_are_all_told() -> None:
    lines = complaints({"model.beta": -1, "trainer.device": "gpu", "schedule.pruned": True})
    assert [line.split(":")[0] for line in lines] == ["model.beta", "schedule.pruned", "trainer.device"]


def test_a_key_left_out_is_told() -> None:
    changed = composed().copy()
    OmegaConf.set_struct(changed, False)
    del changed.model["beta"]
    with pytest.raises(UserError, match=r"^model\.beta: is missing$"):
        validate(changed)


def test_what_only_the_user_knows_is_asked_for() -> None:
    (line,) = complaints({}, "experiment=emoji_condition")
    assert line.startswith("data.root: must be given, as data.root=...")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"views.face.likelihood": "gausian"}, "views.face.likelihood: must be 'gaussian' or 'bernoulli'"),
        (
            {"views.face.type": "vea"},
            "views.face.type: must be one of 'vae', 'counts', 'sequence', 'text',",
        ),
        ({"views.fase.latent": 8}, "views.fase.type: is missing; if fase is a slip, did you mean face?"),
        ({"views.face.arch.name": "con"}, "views.face.arch.name: must be one of 'conv', 'mlp'"),
        ({"views.face.arch.channels": [8, -1]}, "views.face.arch.channels.1: must be greater"),
        ({"views.face.arch.channels": []}, "views.face.arch.channels: must have at least 1 item"),
        ({"model": 3}, "model: must be a section with keys of its own, got 3"),
        ({"data.attributes": ["Smilin"]}, "data.attributes: unknown attribute Smilin; did you mean Smiling?"),
        ({"data.attributes": ["Male", "Male"]}, "data.attributes: must name each thing once, but Male"),
        ({"data.views.face": "drawing"}, "data.views.face: must be 'photo', 'cartoon' or 'attributes'"),
        ({"data.missing.fase": 0.1}, "data.missing.fase: no such view; did you mean face?"),
        ({"data.use": ["fase", "attributes", "face"]}, "data.use: no view fase; did you mean face?"),
        ({"data.split.test": 0.95}, "data.split: validation and test together must be below 1"),
        ({"trainer.final_learning_rate": 1.0}, "trainer.final_learning_rate: must be no larger than"),
        (
            {"trainer.devices": 2, "trainer.nodes": 3, "trainer.batch_size": 11},
            "trainer.batch_size: 6 processes (trainer.devices * trainer.nodes) share a batch, 2 samples each at least; "
            "must be at least 12, got 11",
        ),
        ({"trainer.devices": 2, "trainer.device": "cuda:1"}, "trainer.device=cuda:1: is one GPU for 2 processes"),
        ({"pretrained": "no/such/run"}, "pretrained: there is no folder no/such/run"),
        ({"views.face.data": "fase"}, "views.face.data=fase: the data have no such view; did you mean face?"),
        (
            {"model.feed": 0.1, "model.gamma": 1.0},
            "model.feed: is for model.gamma=0, with which each view learns by itself",
        ),
        ({"model.feed_rounds": 1.5}, "model.feed_rounds: must be a valid integer"),
        (
            {"model": {"name": "vea"}},
            "model.name: must be one of 'fa_vae', 'vae', 'beta_vae', 'fa', 'multi_vae', 'amvae', 'jva2e', 'mvae'",
        ),
        ({"data.size": 8}, "views.face.arch.channels: 4 convolutions leave nothing of images of 8 pixels"),
        ({"cache": "${nothing}"}, "cache: Interpolation key 'nothing' not found"),
        (
            {"views.faces": BERNOULLI},
            "views.faces: the data have no such view; did you",
        ),
    ],
)
def test_mistakes_name_the_key_and_what_would_be_right(values: dict[str, Any], line: str) -> None:
    assert any(told.startswith(line) for told in complaints(values))


def test_a_network_takes_no_transform() -> None:
    (line,) = complaints({"views.face.transform": {"log": ["a"]}})
    assert line == "views.face: transform is for views without a network: type real sees vectors and counts too"


def test_a_manifest_view_is_known_by_its_name() -> None:
    overrides = ("experiment=emoji_condition", "data.root=somewhere")
    assert complaints({"data.views.noto.sise": 3}, *overrides)[0].startswith(
        "data.views.noto.sise: unknown key; did you mean size?"
    )
    lines = complaints({"data.views.noto.kind": "picture"}, *overrides)
    assert lines == [
        "data.views.noto.kind: must be one of 'image', 'binary', 'real', 'categorical', 'ordinal', "
        "'counts', 'vector', 'sequence', 'text', got \"picture\""
    ]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"views.attributes.type": "bernoulli", "views.face": BERNOULLI},
            "views.face.type: a bernoulli view cannot see image data, which face holds; use vae",
        ),
        (
            {"views.cartoon": BERNOULLI, "data.use": None},
            "views.cartoon.type: a bernoulli view cannot see image data",
        ),
        (
            {"views.attributes": {"type": "frozen", "run": "no/run", "source": "x", "data": None}},
            "views.attributes.run:",
        ),
    ],
)
def test_a_view_has_to_fit_its_data(values: dict[str, Any], line: str) -> None:
    changed = with_values({})
    for key, value in values.items():
        OmegaConf.update(changed, key, value, merge=False, force_add=True)
    with pytest.raises(UserError) as caught:
        validate(changed)
    assert str(caught.value).startswith(line)


def test_a_joint_vae_has_one_kl_for_all_views() -> None:
    overrides = "experiment=avatars_adapt", "model=multi_vae"
    (line,) = complaints({"views.face.beta": 0.5}, *overrides)
    assert line == "views.face.beta: model=multi_vae has one KL for all views; use null, and model.beta"


def test_condition_needs_images_and_one_table() -> None:
    alone = with_values({})
    OmegaConf.set_struct(alone, False)
    del alone.views["attributes"]
    with pytest.raises(UserError, match="needs exactly one bernoulli view"):
        validate(alone)
    alone = with_values({})
    OmegaConf.set_struct(alone, False)
    del alone.views["face"]
    with pytest.raises(UserError, match="needs at least one vae view of images"):
        validate(alone)


ADAPT, TRANSFER = "experiment=avatars_adapt", "experiment=avatars_transfer"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model=mvae"], "model=mvae: task condition takes fa_vae, vae or beta_vae"),
        (["model=fa"], "model=fa: task condition takes fa_vae, vae or beta_vae"),
        ([ADAPT, "~views.cartoon"], "views: task adapt needs at least two vae views of images"),
        (
            [ADAPT, "+view@views.more=bernoulli", "views.more.data=attributes"],
            "views: task adapt needs at most one bernoulli view, not 2 (attributes, more)",
        ),
        ([TRANSFER, "transfer.target=lagre"], "transfer.target: lagre is no vae view of images; did you mean large?"),
        ([TRANSFER, "transfer.source=attributes"], "transfer.source: attributes is no vae view of images"),
        ([TRANSFER, "model=vae"], "model=vae: task transfer takes fa_vae"),
        ([TRANSFER, "schedule.round_epochs=0"], "schedule.round_epochs: the large VAE learns in the rounds only"),
    ],
)
def test_a_task_says_what_it_needs(overrides: list[str], line: str) -> None:
    (told,) = complaints({}, *overrides)
    assert told.startswith(line)


def test_adapt_does_without_attributes(config_of: Callable[..., Config]) -> None:
    assert list(config_of(ADAPT, "~views.attributes").views) == ["face", "cartoon"]


def test_two_views_may_see_the_same_data(config_of: Callable[..., Config]) -> None:
    views = config_of(ADAPT, "views.cartoon.data=face").views
    assert (views["face"].data, views["cartoon"].data) == (None, "face")


def test_paths_are_read_from_home(config_of: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAVAE_CACHE")
    assert config_of().cache == Path.home() / ".cache" / "favae-run"
