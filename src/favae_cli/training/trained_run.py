"""A finished run, loaded by its folder and ready to be used without the data that it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.config.choices import ViewConfig
from favae_cli.config.data_base import Kind
from favae_cli.config.models import FaConfig
from favae_cli.config.run import Config
from favae_cli.config.stored import stored_config, validate_stored
from favae_cli.config.trust import require_trusted
from favae_cli.config.views import VaeViewConfig
from favae_cli.data import SPLITS, Dataset, ViewData
from favae_cli.data.fingerprint import Fingerprint
from favae_cli.data.written import of_json
from favae_cli.machine.runtime import Runtime
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training import checkpoint
from favae_cli.training.build import build_model
from favae_cli.training.identity import Identity
from favae_cli.training.records import final_numbers
from favae_cli.training.run_state import keep_sizes, unpack
from favae_cli.views import FrozenView, LinearView, View, build_view


@dataclass(frozen=True)
class TrainedRun:
    """What is left of a run once it is finished.

    Attributes:
        folder: of the run.
        config: of the run.
        model: trained, its views joined where it has factors.
        views: shape of a sample and names of columns of each view, as a data set without a sample.
        runtime: device and precision.
        metrics: of metrics.json; empty if it is not there.
        seen: the samples that it was begun with; None where an earlier version made it.
    """

    folder: Path
    config: Config
    model: FAVAE | JointVAE
    views: dict[str, ViewData]
    runtime: Runtime
    metrics: dict[str, float]
    seen: Fingerprint | None = None

    @property
    def images(self) -> list[str]:
        """The views of the model that are images, in order."""
        return [name for name in self.model.views if self.views[name].is_image]

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """Names of the attributes of each binary view, of which there is at least one.

        Raises:
            UserError: there is none.
        """
        binary = {name for name, view in self.config.views.items() if view.type == "bernoulli"}
        if binary:
            return {name: self.views[name].columns for name in self.factors.views if name in binary}
        raise UserError(f"run: {self.folder} has no view of attributes; its views are {', '.join(self.views)}")

    @property
    def factors(self) -> FAVAE:
        """The model, if its views are joined by factors.

        Raises:
            UserError: they are not.
        """
        if isinstance(self.model, FAVAE) and self.model.factors is not None:
            return self.model
        raise UserError(f"run: {self.folder} has model={self.config.model.name}, without the factors that this needs")


def load_run(folder: Path, runtime: Runtime, trust: bool = False) -> TrainedRun:
    """The run in `folder` as its last checkpoint has it.

    All networks are those of the checkpoint, also of views that came from other runs.

    Args:
        folder: of the run.
        runtime: where it is computed.
        trust: as `stored_config`.

    Raises:
        UserError: no such folder, or a run that needs trust, is not finished, not whole or of another version, or holds
            another config than it was trained by.
    """
    composed = stored_config(folder, "run", trust)
    tensors, state = checkpoint.load_finished(folder, "run")
    identity = Identity.stored(RunFolder(folder).last)
    if set(state["views"]) != set(composed.get("views") or ()):
        raise UserError(f"run: {folder} has a checkpoint of other views, {', '.join(state['views'])}, than its config")
    for name, described in state["views"].items():
        if "section" in described:
            composed.views[name] = {**described["section"], "data": composed.views[name].data}
    keep_sizes(composed, state)
    if not trust:
        require_trusted(composed, folder, "run")  # what came of the checkpoint, too
    composed.pretrained = None
    try:
        config = validate_stored(composed)
    except UserError as error:
        raise UserError(f"run: {folder} does not fit this version of favae-run: {error}") from error
    if identity is not None:
        identity.require_config(config, folder, "run")
    kinds = config.data.kinds()
    views = {name: _empty(described, kinds[config.sources[name]]) for name, described in state["views"].items()}
    model = _model(config, views, tensors, runtime)
    for name, described in state["views"].items():
        section = config.views[name]
        if "section" in described and isinstance(model, FAVAE) and isinstance(section, VaeViewConfig):
            model.views[name] = FrozenView(section, views[name].shape, runtime)
    unpack(tensors, {}, model, {})
    return TrainedRun(folder, config, model, views, runtime, final_numbers(folder), identity.data if identity else None)


def empty_view(like: ViewData, samples: int) -> ViewData:
    """A view that every one of `samples` lacks."""
    return replace(like, values=like.values[:0], row=np.full(samples, -1, np.int64))


def _empty(described: dict[str, Any], kind: Kind) -> ViewData:
    """A view as `training.state.described` has it, without a sample."""
    shape = described["shape"]
    kinds: dict[int, Any] = {3: np.uint8, 0: object}  # images, texts
    values = np.zeros((0, *shape), kinds.get(len(shape), np.float32))
    written = tuple(of_json(said) for said in described.get("written", ()))  # not of earlier versions
    row = np.zeros(0, np.int64)
    return ViewData(values, row, tuple(described["columns"]), tuple(described["groups"]), kind, written)


def _model(
    config: Config, views: dict[str, ViewData], tensors: dict[str, torch.Tensor], runtime: Runtime
) -> FAVAE | JointVAE:
    """A model of the config in which the networks of the checkpoint find their places."""
    if isinstance(config.model, FaConfig):
        bases = {name: tensors.get(f"networks/of_{name}.basis.components") for name in views}
        sections = config.views
        return FAVAE({name: _for_fa(name, sections[name], view, bases[name], runtime) for name, view in views.items()})
    nobody = np.array([], np.int64)
    return build_model(config, Dataset("", nobody.astype(str), views, dict.fromkeys(SPLITS, nobody)), runtime)


def _for_fa(name: str, section: ViewConfig, data: ViewData, components: torch.Tensor | None, runtime: Runtime) -> View:
    if components is not None:
        return LinearView(data.shape, components.shape[1])
    return build_view(name, section, data, runtime, torch.Generator())
