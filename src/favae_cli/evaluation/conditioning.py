"""All that is measured of a conditioned image VAE."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from favae_cli.common.pixels import unit
from favae_cli.common.random_streams import numpy_generator
from favae_cli.config.run import EvaluationConfig
from favae_cli.data import Dataset
from favae_cli.evaluation.balance import balanced_accuracy, mean_of_known
from favae_cli.evaluation.generation_and_editing import (
    Combinations,
    EditScores,
    curve_metrics,
    edit_metrics,
    edit_scores,
    edits,
    generation_metrics,
)
from favae_cli.evaluation.judge import Judge, agreement, train_judge
from favae_cli.evaluation.labelled import Labelled
from favae_cli.machine.runtime import Runtime
from favae_cli.models.class_gaussians import learn_class_gaussians
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.generate_and_edit import Editor
from favae_cli.reporting.figures import edit_curves
from favae_cli.reporting.grids import image_grid
from favae_cli.reporting.weak_judge import warning, weakly_judged

logger = logging.getLogger(__name__)

MOST_COLUMNS = 10  # combinations in a figure
SHOWN = 24  # attributes in a figure, at most
CURVES = {"flipped": "flip", "others kept": "keep", "R2 to reconstruction": "r2_reconstruction"}


class Conditioning:
    """Judges what a joined model does with one image view and its attributes.

    Args:
        model: joined and trained.
        data: with its split.
        split: whose samples are judged.
        view: the image view.
        attributes: the bernoulli view.
        settings: the `evaluation` section.
        runtime: device and precision.
        seed: of the run.
    """

    def __init__(
        self,
        model: FAVAE,
        data: Dataset,
        split: str,
        view: str,
        attributes: str,
        settings: EvaluationConfig,
        runtime: Runtime,
        seed: int,
    ) -> None:
        self.names = data.views[attributes].columns
        self.settings, self.runtime, self.seed = settings, runtime, seed
        self.train = Labelled.of(data, "train", view, attributes)
        self.editor = Editor(model, view, attributes)
        if (view, attributes) not in model.gaussians:  # an earlier version trained it
            learn_class_gaussians(model, data)
        self.test, self.held_out = (
            Labelled.of(data, part, view, attributes, numpy_generator(seed, "judged", part))
            for part in (split, "validation")
        )
        self.edited = self.test.first(settings.edit.images)
        self.chosen_on = self.held_out.first(settings.edit.images)
        self.combinations = Combinations.of(self.train.labels, settings.min_combination)
        self.weakly_judged: list[str] = []
        self.tried: dict[float, EditScores] = {}
        self.strengths = np.full(len(self.names), min(settings.edit.strengths, key=lambda strength: abs(strength - 1)))

    def metrics(self) -> dict[str, float]:
        """Flat metrics of the judge, of reconstructions, of generated and of edited images."""
        judge = train_judge(self.train, self.held_out, self.settings.judge, self.runtime, self.seed)
        judged = self._judged(judge)
        self.weakly_judged = weakly_judged(judged)
        if self.weakly_judged:
            logger.warning("%s", warning(judged))
        return {
            **judged,
            **self._generated(judge),
            **self._edits(judge),
        }

    def _judged(self, judge: Judge) -> dict[str, float]:
        """The judge on real test images, and on their plain reconstructions."""
        view = self.editor.model.views[self.editor.view]
        z = self.editor.model.embed(self.editor.view, self.test.images)
        real = agreement(judge.read(unit(self.test.images)), self.test.labels)
        kept = agreement(judge.read(view.decode(z)), self.test.labels)
        present = self.test.labels == 1
        by_name = balanced_accuracy(real, self.test.labels)
        metrics = {
            "judge/balanced_accuracy": mean_of_known(by_name),
            "judge/accuracy": float(real.mean()),
            "judge/present": float(real[present].mean()),
            "reconstruction/balanced_accuracy": mean_of_known(balanced_accuracy(kept, self.test.labels)),
            "reconstruction/accuracy": float(kept.mean()),
            "reconstruction/present": float(kept[present].mean()),
            "edit/ceiling": self._ceiling(kept),
        }
        for column, name in enumerate(self.names):
            metrics[f"judge/{name}/balanced_accuracy"] = float(by_name[column])
            metrics[f"judge/{name}/accuracy"] = float(real[:, column].mean())
            metrics[f"reconstruction/{name}/accuracy"] = float(kept[:, column].mean())
        return metrics

    def _ceiling(self, kept: np.ndarray) -> float:
        """How often the edits could flip at best: reconstructions of images that have what is wanted, judged.

        Args:
            kept: (R, D) whether each attribute of the test images survives reconstruction.
        """
        shares = []
        for column in range(len(self.names)):
            present = self.test.labels[:, column] == 1
            wanted = self.edited.labels[:, column] == 0
            survive = {value: kept[present == value, column] for value in (True, False)}
            shares += [survive[value].mean() for value in wanted if survive[value].size]
        return float(np.mean(shares))

    def _generated(self, judge: Judge) -> dict[str, float]:
        """Images of every combination."""
        asked = np.repeat(self.combinations.values, self.settings.generate.per_combination, axis=0)
        rng = numpy_generator(self.seed, "generate")
        return generation_metrics(self.editor, judge, asked, self.test, self.names, rng)

    def _edits(self, judge: Judge) -> dict[str, float]:
        """Edits of test images, for each attribute at the strength that the validation split picks."""
        candidates = sorted(self.settings.edit.strengths)
        if len(self.chosen_on.images):
            scores = self._scores(judge, self.chosen_on, [np.full(len(self.names), s) for s in candidates])
            self.tried = dict(zip(candidates, scores, strict=True))
            worth = [scores.worth(self.settings.edit.likeness) for scores in self.tried.values()]
            self.strengths = np.array(candidates, float)[np.argmax(worth, axis=0)]
        chosen = ", ".join(f"{name} {s:g}" for name, s in zip(self.names, self.strengths, strict=True))
        how = "chosen on the validation split" if len(self.chosen_on.images) else "not chosen, for want of samples"
        logger.info("edit strengths, %s: %s", how, chosen)
        (found,) = self._scores(judge, self.edited, [self.strengths])
        return edit_metrics(found, self.strengths, self.names) | curve_metrics(self.tried)

    def _scores(self, judge: Judge, samples: Labelled, strengths: Sequence[np.ndarray]) -> list[EditScores]:
        z = self.editor.model.embed(self.editor.view, samples.images)
        asked = edits(self.editor, self.combinations, z, samples.labels)
        return [edit_scores(self.editor, judge, samples, z, asked, each) for each in strengths]

    def pictures(self) -> dict[str, Figure]:
        """Edits of test images to every known combination (Fig. 5), random images of each (A.15), edits by strength."""
        curves = {"strengths": self._strength_curves()} if self.tried else {}
        return {"editing": self._edit_grid(), "generated": self._generated_grid(), **curves}

    def _strength_curves(self) -> Figure:
        """What longer steps bring and cost on the validation split, a panel an attribute."""
        tables = {
            title: np.array([getattr(scores, key) for scores in self.tried.values()]) for title, key in CURVES.items()
        }
        names = self.names[:SHOWN]
        curves = {self._named(n): {title: t[:, i] for title, t in tables.items()} for i, n in enumerate(names)}
        return edit_curves(list(self.tried), curves, self.strengths[:SHOWN].tolist())

    def _edit_grid(self) -> Figure:
        """Original, reconstruction, then the combinations: one column each, the asked attributes in its title."""
        count = min(self.settings.edit.show, len(self.test.images))
        originals, labels = self.test.images[:count], self.test.labels[:count]
        view = self.editor.model.views[self.editor.view]
        z = self.editor.model.embed(self.editor.view, originals)
        shown = self.combinations.values[:MOST_COLUMNS]
        columns = [unit(originals), view.decode(z)]
        for wanted in shown:
            target = np.broadcast_to(wanted, labels.shape)
            columns.append(self.editor.edit(z, labels, target, self.strengths))
        titles = ["original", "reconstruction", *map(self._title, shown)]
        has = [self._title(label) for label in labels]
        return image_grid(list(zip(*columns, strict=True)), has, titles)

    def _generated_grid(self) -> Figure:
        """A row of random images for each combination."""
        count, shown = self.settings.generate.show, self.combinations.values[:MOST_COLUMNS]
        rng = numpy_generator(self.seed, "generated figure")
        images = self.editor.generate(np.repeat(shown, count, axis=0), rng)
        rows = [list(images[start : start + count]) for start in range(0, len(images), count)]
        return image_grid(rows, [self._title(wanted) for wanted in shown])

    def _title(self, labels: np.ndarray) -> str:
        """The attributes that are present, or "none"."""
        return ", ".join(self._named(name) for name, value in zip(self.names, labels, strict=True) if value) or "none"

    def _named(self, name: str) -> str:
        return f"{name} (weak judge)" if name in self.weakly_judged else name
