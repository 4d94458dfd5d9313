"""How well an image view is reconstructed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from favae_cli.data import Dataset
from favae_cli.evaluation.grids import image_grid
from favae_cli.evaluation.translator import image_views, translator_of
from favae_cli.model import FAVAE
from favae_cli.rivals import JointVAE
from favae_cli.training.epochs import Prior, held_out
from favae_cli.views import VaeView


def unit(images: np.ndarray) -> np.ndarray:
    """Stored uint8 images as float32 in [0, 1]."""
    return images.astype(np.float32) / 255


def r2_per_image(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(R,) coefficient of determination of `others` for each image, around the image's own mean; (R, H, W, C) each."""
    axes = tuple(range(1, images.ndim))
    error = np.square(images - others).sum(axis=axes)
    spread = np.square(images - images.mean(axis=axes, keepdims=True)).sum(axis=axes)
    # A picture of one colour has nothing to explain: 1 if it comes out the same, else 0.
    return np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), np.where(error > 0, 0.0, 1.0))


def r2_pooled(images: np.ndarray, others: np.ndarray) -> float:
    """One coefficient of determination for all images, around the mean image; NaN if all are the same."""
    error = np.square(images - others).sum(dtype=np.float64)
    spread = np.square(images - images.mean(axis=0)).sum(dtype=np.float64)
    return float(1 - error / spread) if spread > 0 else float("nan")


def reconstruction_metrics(
    model: FAVAE | JointVAE, data: Dataset, split: str, priors: Mapping[str, Prior], seed: int
) -> dict[str, float]:
    """Flat metrics of every image view: R2 and, where there is a prior, log-likelihood and KL, nats a sample.

    Args:
        model: with its networks.
        data: with its split.
        split: which one is scored.
        priors: by view with a VAE of its own, for the samples of the split that have the view; its KL is against this.
        seed: of the draws of z in the log-likelihood.
    """
    metrics: dict[str, float] = {}
    translator = translator_of(model)
    for name in image_views(model, data):
        part = data.views[name]
        indices = data.having(split, name)
        if not len(indices):
            continue
        stored = part.gather(indices)
        images, decoded = unit(stored), translator.translate(name, name, stored)
        each = r2_per_image(images, decoded)
        metrics |= {
            f"{split}/{name}/r2_mean": float(each.mean()),
            f"{split}/{name}/r2_std": float(each.std()),
            f"{split}/{name}/r2": r2_pooled(images, decoded),
        }
        view = model.views[name] if isinstance(model, FAVAE) else None
        if name in priors and isinstance(view, VaeView):
            totals = held_out(name, view, part, indices, priors[name], seed).means()
            metrics[f"{split}/{name}/log_likelihood"] = totals["log_likelihood"]
            metrics[f"{split}/{name}/kl"] = totals["kl"]
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
