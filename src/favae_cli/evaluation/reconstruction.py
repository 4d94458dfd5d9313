"""How well a view comes back from its own embedding."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.evaluation.scores import score
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.translate import image_views, translator_of
from favae_cli.reporting.grids import image_grid
from favae_cli.training.epoch_state import Prior
from favae_cli.training.vae_trainer import held_out
from favae_cli.views import VaeView


def reconstruction_metrics(
    model: FAVAE | JointVAE, data: Dataset, split: str, priors: Mapping[str, Prior], seed: int
) -> dict[str, float]:
    """Flat metrics of every view of images and every VAE: scores and, where there is a prior, log-likelihood and KL.

    Scores are those of the view's kind of data; log-likelihood and KL are nats a sample.

    Args:
        model: with its networks.
        data: with its split.
        split: which one is scored.
        priors: by view with a VAE of its own, for the samples of the split that have the view; its KL is against this.
        seed: of the draws of z in the log-likelihood.
    """
    metrics: dict[str, float] = {}
    translator = translator_of(model)
    for name, view in model.views.items():
        vae = view if isinstance(model, FAVAE) and isinstance(view, VaeView) else None
        part, indices = data.views[name], data.having(split, name)
        if not len(indices) or not (vae or part.is_image):
            continue
        stored = part.gather(indices)
        found = score(part, stored, translator.translate(name, name, stored))
        if vae and name in priors:
            totals = held_out(name, vae, part, indices, priors[name], seed).means()
            found |= {key: totals[key] for key in ("log_likelihood", "kl")}
        metrics |= {f"{split}/{name}/{key}": value for key, value in found.items()}
    return metrics


def reconstruction_pictures(model: FAVAE | JointVAE, data: Dataset, split: str, count: int) -> dict[str, Figure]:
    """Originals over their reconstructions, a figure for each image view; `count` images."""
    pictures, translator = {}, translator_of(model)
    for name in image_views(model, data):
        indices = data.having(split, name)[:count]
        if len(indices):
            stored = data.views[name].gather(indices)
            rows = [list(stored), list(translator.translate(name, name, stored))]
            pictures[f"reconstructions_{name}"] = image_grid(rows, ["original", "reconstruction"])
    return pictures
