"""How well one image view is made from another, by any model that can."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from favae_cli.common.pixels import unit
from favae_cli.config.run import EvaluationConfig, TranslationConfig
from favae_cli.data import Dataset
from favae_cli.evaluation.balance import balanced_accuracy, mean_of_known
from favae_cli.evaluation.images import gaussian_log_likelihood, r2_per_image, r2_pooled
from favae_cli.evaluation.judge import agreement, train_judge
from favae_cli.evaluation.labelled import Labelled
from favae_cli.machine.runtime import Runtime
from favae_cli.models import JointVAE
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.queries.translate import image_views, translator_of
from favae_cli.reporting.grids import image_grid
from favae_cli.reporting.weak_judge import warning, weakly_judged

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pairs:
    """Samples of one split that have two image views.

    Attributes:
        source, target: the views.
        given, partners: uint8 (R, H, W, C) each, in the same order.
        indices: (R,) of the samples.
    """

    source: str
    target: str
    given: np.ndarray
    partners: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, data: Dataset, split: str, source: str, target: str) -> Pairs:
        """All samples of `split` that have both views, in the order of the data set."""
        indices = data.having(split, source, target)
        return cls(source, target, data.views[source].gather(indices), data.views[target].gather(indices), indices)


def translation_metrics(
    model: FAVAE | JointVAE, data: Dataset, split: str, variances: Mapping[str, float] = {}
) -> dict[str, float]:
    """R2, retrieval and its chance for every direction: `translate/<from>-<to>/r2` and so on.

    Samples that have both views are scored; a direction without any is left out.

    Args:
        variances: by view, of its pixels around what is decoded; for `.../log_likelihood`, the mean over images of the
            target's, in nats, at what is made of its source.
    """
    translator, metrics = translator_of(model), {}
    for source, target in permutations(image_views(model, data), 2):
        pairs = Pairs.of(data, split, source, target)
        if not len(pairs.indices):
            continue
        key = f"translate/{source}-{target}"
        truth, made = unit(pairs.partners), translator.translate(source, target, pairs.given)
        metrics[f"{key}/r2"] = r2_pooled(truth, made)
        metrics[f"{key}/r2_mean"] = float(r2_per_image(truth, made).mean())
        if variance := variances.get(target):
            metrics[f"{key}/log_likelihood"] = float(gaussian_log_likelihood(truth, made, variance).mean())
        ranks = partner_ranks(*translator.match(source, target, pairs.given, pairs.partners))
        metrics |= {f"{key}/{name}": value for name, value in retrieval(ranks).items()}
    return metrics


def partner_ranks(expected: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """(R,) how many of the rows of `actual` (R, D) lie nearer to each row of `expected` than its own partner.

    Near in angle: what is expected is shrunk towards the mean the more the less is known, so that lengths do not
    compare. Those just as near count by half, so that a model that puts all in one place is no better than chance.
    """
    distances = np.nan_to_num(cdist(expected, actual, "cosine"), nan=1.0)  # a row of zeros has no angle
    own = np.diag(distances)[:, None]
    nearer, as_near = (distances < own).sum(axis=1), (distances == own).sum(axis=1) - 1
    return nearer + as_near / 2


def retrieval(ranks: np.ndarray) -> dict[str, float]:
    """`top1`, `top5`, `median_rank` (0 is best), what chance would give, and among how many."""
    count = len(ranks)
    return {
        "top1": float((ranks <= 0).mean()),
        "top5": float((ranks <= 4).mean()),
        "median_rank": float(np.median(ranks)),
        "chance_top1": 1 / count,
        "chance_top5": min(5, count) / count,
        "chance_median_rank": (count - 1) / 2,
        "partners": float(count),
    }


def agreement_metrics(
    model: FAVAE | JointVAE,
    data: Dataset,
    attributes: str,
    split: str,
    settings: EvaluationConfig,
    runtime: Runtime,
    seed: int,
) -> dict[str, float]:
    """Whether translations show their source's attributes: `translate/<from>-<to>/agreement`.

    One judge for each target view, trained on its real training images. `.../agreement_real` is what the same judge
    says of the true partners, `.../agreement_present` counts only the attributes that are present, and
    `.../agreement_balanced` (and `_balanced_real`) present and absent ones alike, mean over attributes.

    Args:
        attributes: the table of binary attributes.
    """
    translator, metrics = translator_of(model), {}
    names = image_views(model, data)
    for target in names:
        train = Labelled.of(data, "train", target, attributes)
        if len(train.images) < 2 or not any(len(data.having(split, name, target)) for name in names if name != target):
            continue
        held_out = Labelled.of(data, "validation", target, attributes)
        judge = train_judge(train, held_out, settings.judge, runtime, seed)
        for source in names:
            pairs = Pairs.of(data, split, source, target)
            truth = observed_table(data, attributes, pairs.indices)
            if source == target or not np.isfinite(truth).any():
                continue
            made = agreement(judge.read(translator.translate(source, target, pairs.given)), truth)
            real = agreement(judge.read(unit(pairs.partners)), truth)
            key = f"translate/{source}-{target}"
            metrics[f"{key}/agreement_balanced"] = mean_of_known(balanced_accuracy(made, truth))
            metrics[f"{key}/agreement_balanced_real"] = mean_of_known(balanced_accuracy(real, truth))
            metrics[f"{key}/agreement"] = float(np.nanmean(made))
            metrics[f"{key}/agreement_real"] = float(np.nanmean(real))
            if (truth == 1).any():
                metrics[f"{key}/agreement_present"] = float(made[truth == 1].mean())
    if weakly_judged(metrics):
        logger.warning("%s", warning(metrics))
    return metrics


def translation_pictures(
    model: FAVAE | JointVAE, data: Dataset, split: str, settings: TranslationConfig
) -> dict[str, Figure]:
    """Each image, what it is translated into, and the truth (Fig. 8); a figure for every direction."""
    translator, pictures = translator_of(model), {}
    for source, target in permutations(image_views(model, data), 2):
        pairs = Pairs.of(data, split, source, target)
        given, partners = pairs.given[: settings.show], pairs.partners[: settings.show]
        if not len(given):
            continue
        rows = [
            list(given),
            list(translator.translate(source, source, given)),
            list(translator.translate(source, target, given)),
            list(translator.translate(target, target, partners)),
            list(partners),
        ]
        labels = [source, f"{source}, reconstructed", f"translated to {target}", f"{target}, reconstructed", target]
        pictures[f"translation_{source}-{target}"] = image_grid(rows, labels)
    return pictures
