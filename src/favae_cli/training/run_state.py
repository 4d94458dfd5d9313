"""What a training has learned so far, as tensors and JSON that a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from favae_cli.common.errors import UserError
from favae_cli.config.views import AUTO
from favae_cli.data import Dataset
from favae_cli.data.written import as_json
from favae_cli.factors import FactorModel, Gamma, ViewFactors
from favae_cli.factors.curvature import Curvature
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.training.epoch_state import Prior, Priors
from favae_cli.training.stored_gaussians import pack_gaussians, unpack_gaussians
from favae_cli.training.stored_read_outs import pack_read_outs, unpack_read_outs
from favae_cli.training.trainer import Trainer
from favae_cli.views import BernoulliView, CategoricalView, FrozenView, VaeView

_ARRAYS = ("weights", "weights_cov", "bias", "usage", "variance")
_NUMBERS = {"bias_var": "bias_var", "count": "count", "copies": "weight"}  # and as stored
_GAMMAS = ("noise", "ard")


def described(model: FAVAE | JointVAE, data: Dataset) -> dict[str, dict[str, Any]]:
    """What it takes to build the model again without its data or other runs, as JSON.

    By view the shape of a sample, the names of columns and how the user's file writes them, the size of z, and the
    section of a network that is another run's.
    """
    views: dict[str, dict[str, Any]] = {
        name: {"shape": [*view.shape], "columns": [*view.columns], "groups": [*view.groups]}
        | {"written": [as_json(way) for way in view.written]}
        for name, view in data.views.items()
    }
    for name, view in model.views.items():
        if isinstance(view, VaeView):
            views[name]["latent"] = view.size  # the config may leave it to the data
        if isinstance(view, FrozenView):
            views[name]["section"] = view.config.model_dump(mode="json")
    return views


def keep_sizes(composed: DictConfig, state: Mapping[str, Any]) -> None:
    """Have a stored config say how large each z of size auto came out, by its checkpoint's state."""
    for name, section in composed.views.items():
        if section.get("latent") == AUTO:
            section.latent = state["views"][name].get("latent", AUTO)


def pack(model: FAVAE | JointVAE, trainers: Mapping[str, Trainer], priors: Priors) -> dict[str, torch.Tensor]:
    """Networks, optimisers, factor model and priors, but for their means, as named tensors."""
    tensors = {f"networks/{name}": value for name, value in model.networks.state_dict().items()}
    for view, trainer in trainers.items():
        for i, slots in trainer.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{view}/{i}/{slot}": value for slot, value in slots.items()}
    if isinstance(model, FAVAE) and model.factors is not None:
        arrays = pack_factors(model.factors) | pack_read_outs(model) | pack_gaussians(model)
        tensors |= {name: torch.from_numpy(array) for name, array in arrays.items()}
    for view, splits in priors.items():
        for split, prior in splits.items():
            tensors[f"prior/{view}/{split}/precision"] = torch.tensor(prior.precision, dtype=torch.float64)
            tensors[f"prior/{view}/{split}/feed"] = torch.tensor(prior.feed, dtype=torch.float64)
            if prior.variance is not None and prior.kind is not None:
                tensors[f"prior/{view}/{split}/variance"] = torch.from_numpy(prior.variance)
                tensors[f"prior/{view}/{split}/kind"] = torch.from_numpy(prior.kind)
    return tensors


def pack_means(priors: Priors) -> dict[str, np.ndarray]:
    """The means of the priors that have some, by "view/split"; they stay the same for a whole round."""
    return {
        f"{view}/{split}": prior.mean
        for view, splits in priors.items()
        for split, prior in splits.items()
        if prior.mean is not None
    }


def unpack(
    tensors: Mapping[str, torch.Tensor],
    means: Mapping[str, np.ndarray],
    model: FAVAE | JointVAE,
    trainers: Mapping[str, Trainer],
) -> Priors:
    """Put everything that `pack` and `pack_means` named back into its place; returns the priors.

    Raises:
        UserError: they are of another model.
    """
    networks = under(tensors, "networks/")
    if isinstance(model, FAVAE):
        _require_todays_likelihoods(model, networks)
    own = model.networks.state_dict()
    # Of a run of before this was kept: it took every real column.
    networks = {name: torch.ones_like(own[name]) for name in own if name.endswith(".standard.varies")} | networks
    _require_fit(networks, own)
    model.networks.load_state_dict(networks)
    for view, trainer in trainers.items():
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in under(tensors, f"optimizer/{view}/").items():
            i, slot = name.split("/")
            slots.setdefault(int(i), {})[slot] = _laid_out(value, trainer.parameters[int(i)])
        if trainer.optimizer.state:  # in place: a step that was recorded as a graph knows where they lie
            for place, memory in slots.items():
                for part, value in memory.items():
                    trainer.optimizer.state[trainer.parameters[place]][part].copy_(value)
        else:
            trainer.optimizer.load_state_dict({**trainer.optimizer.state_dict(), "state": slots})
    arrays = {name: value.numpy() for name, value in tensors.items() if name.startswith("factors/")}
    if isinstance(model, FAVAE):
        model.factors = unpack_factors(arrays, tuple(model.views)) if arrays else None
        model.read_outs = unpack_read_outs(under(tensors, "read_outs/"))
        model.gaussians = unpack_gaussians(under(tensors, "gaussians/"))
    priors: Priors = {}
    for name, precision in under(tensors, "prior/").items():
        view, split, what = name.split("/")
        if what == "precision":
            feed = tensors[f"prior/{view}/{split}/feed"].item()
            mean = means.get(f"{view}/{split}")
            if mean is None and (stored := tensors.get(f"prior/{view}/{split}/mean")) is not None:
                mean = stored.numpy()  # of a run that schema 2 left unfinished
            own = under(tensors, f"prior/{view}/{split}/")
            variance, kind = (own[part].numpy() if part in own else None for part in ("variance", "kind"))
            prior = Prior(mean, precision.item(), feed, variance, kind)
            priors.setdefault(view, {})[split] = prior
    return priors


def _require_fit(stored: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> None:
    """Refuse networks of other layers or sizes than the config makes."""

    def shape(tensors: Mapping[str, torch.Tensor], name: str) -> str:
        return " x ".join(map(str, tensors[name].shape)) or "one number" if name in tensors else "not there"

    for name in dict.fromkeys((*own, *stored)):
        if (there := shape(stored, name)) != (here := shape(own, name)):
            raise UserError(
                f"the checkpoint does not fit the config: {name} is {there} in the one and {here} in the other; "
                "one of the two was changed, or is another run's"
            )


def _require_todays_likelihoods(model: FAVAE, networks: Mapping[str, torch.Tensor]) -> None:
    """Refuse binary and categorical views of an earlier version, whose noise was learned and whose rates were not kept.

    Raises:
        UserError: names the view.
    """
    for name, view in model.views.items():
        if isinstance(view, BernoulliView | CategoricalView) and f"of_{name}.intercepts.values" not in networks:
            raise UserError(
                f"views.{name}: the run is of an earlier version of favae-run, which had another likelihood for "
                "binary and categorical views; train it again, or use it with that version"
            )


def _laid_out(slot: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """An optimiser's slot in the memory layout of its parameter: the fused AdamW walks through both side by side."""
    return torch.empty_like(parameter).copy_(slot) if slot.shape == parameter.shape else slot


def under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose name begins with `prefix`, by the rest of the name."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def pack_factors(model: FactorModel) -> dict[str, np.ndarray]:
    """A factor model's beliefs as float64 arrays, named factors/<view>/..."""
    arrays: dict[str, np.ndarray] = {}
    for name, view in model.views.items():
        prefix = f"factors/{name}/"
        arrays |= {prefix + part: getattr(view, part) for part in _ARRAYS}
        arrays |= {prefix + stored: np.asarray(getattr(view, part), np.float64) for part, stored in _NUMBERS.items()}
        if view.chance is not None:
            arrays[f"{prefix}chance"] = view.chance
        for part in _GAMMAS:
            belief: Gamma | Curvature = getattr(view, part)
            if isinstance(belief, Curvature):
                arrays[f"{prefix}{part}/curvature"] = np.asarray(belief.precision, np.float64)
                continue
            arrays[f"{prefix}{part}/shape"] = np.asarray(belief.shape, np.float64)
            arrays[f"{prefix}{part}/rate"] = np.asarray(belief.rate, np.float64)
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def unpack_factors(arrays: Mapping[str, np.ndarray], views: tuple[str, ...]) -> FactorModel:
    """The factor model that `pack_factors` named; without the history of its bound.

    Raises:
        UserError: it is one of other views.
    """
    posteriors = {}
    for name in views:
        prefix = f"factors/{name}/"
        if f"{prefix}weights" not in arrays:
            raise UserError(f"the checkpoint does not fit the config: its factors do not know the view {name}")
        parts: dict[str, Any] = {part: arrays[prefix + part] for part in _ARRAYS}
        parts["variance"] = parts["variance"] * np.ones(len(parts["bias"]))  # of an earlier version: their mean
        parts |= {part: arrays[prefix + stored].item() for part, stored in _NUMBERS.items()}
        for part in _GAMMAS:
            if (curvature := arrays.get(f"{prefix}{part}/curvature")) is not None:
                parts[part] = Curvature(curvature.item())
            else:
                parts[part] = Gamma(arrays[f"{prefix}{part}/shape"].item(), arrays[f"{prefix}{part}/rate"])
        posteriors[name] = ViewFactors(**parts, chance=arrays.get(f"{prefix}chance"))
    return FactorModel(posteriors)
