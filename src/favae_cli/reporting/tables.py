"""The numbers of metrics.json, sorted into tables that a person can read. Whatever is missing is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from favae_cli.reporting.table import Metrics, Table, number, unique
from favae_cli.reporting.task_tables import disentanglement, prediction, prediction_in_full, transfer, translation
from favae_cli.reporting.weak_judge import warning, weakly_judged

_VIEW_MEASURES = {
    "r2_mean": "R2, mean over images",
    "r2_std": "R2, standard deviation",
    "r2": "R2, pooled",
    "rmse": "RMSE (standard deviations)",
    "mae": "MAE (standard deviations)",
    "auc": "AUC",
    "accuracy": "accuracy",
    "f1": "F1 of words",
    "exact": "texts that are the same",
    "log_likelihood": "log-likelihood (nats)",
    "kl": "KL (nats)",
}
_ATTRIBUTE_MEASURES = {
    "auc": "AUC",
    "auc_probe": "AUC, probe",
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "ece": "calibration error",
}
_JUDGED = {
    "judge/balanced_accuracy": "Balanced accuracy of the judge on real images",
    "judge/accuracy": "Its plain accuracy",
    "judge/present": "The same, of attributes that are present",
    "reconstruction/balanced_accuracy": "Balanced accuracy of the judge on reconstructions",
    "reconstruction/accuracy": "Attributes that survive reconstruction",
    "reconstruction/present": "The same, of attributes that are present",
    "generate/accuracy": "Asked attributes that generated images show",
    "generate/variety": "Variance of generated images with the same attributes, as a share of that of real ones",
    "edit/flip": "Edits that flip the wanted attribute",
    "edit/ceiling": "Edits that could, at best: reconstructions that show what is wanted",
    "edit/keep": "Other attributes that stay in an edit",
    "edit/r2": "R2 between edit and original",
    "edit/r2_reconstruction": "R2 between edit and reconstruction",
    "edit/brightness": "Change of the mean value by an edit, of 1",
    "edit/border": "Change of the border by an edit, of 1",
    "edit/strength": "Strength of the edits, mean over attributes",
}
_JUDGED_BY_ATTRIBUTE = {
    "judge/{}/balanced_accuracy": "judge, real images, balanced",
    "judge/{}/accuracy": "judge, real images",
    "reconstruction/{}/accuracy": "survives reconstruction",
    "generate/{}/accuracy": "shown when asked",
    "edit/{}/flip": "flipped by an edit",
    "edit/{}/keep": "others kept",
    "edit/{}/r2_reconstruction": "R2 to reconstruction",
    "edit/{}/strength": "at strength",
}


def headline(metrics: Metrics) -> list[tuple[str, str, str]]:
    """Label, number and remark of what to look at first."""
    metrics, tiles = _as_test(metrics), []
    for view in _image_views(metrics):
        before = metrics.get(f"before/test/{view}/r2_mean")
        remark = f"{number(before)} by the VAE alone" if before is not None else "mean over images"
        tiles.append((f"R2 of {view}", metrics.get(f"test/{view}/r2_mean"), remark))
    for key in metrics:
        if key.startswith("translate/") and key.endswith("/top1"):
            way = key.split("/")[1]
            chance = f"top-1 retrieval; {number(metrics.get(f'translate/{way}/chance_top1'))} by chance"
            tiles.append((way, metrics[key], chance))
    for name, title in (("r2", "R2"), ("auc", "AUC"), ("accuracy", "accuracy"), ("f1", "F1")):  # no mean over these
        tiles.append((f"Prediction, {title}", metrics.get(f"predict/{name}"), "mean over views, each from the others"))
    ratio = metrics.get("transfer/epoch_ratio")
    tiles.append(("Epochs of the rival", ratio, "that transfer needs to be as good"))
    for view in _attribute_views(metrics):
        probe = _mean(metrics, view, "auc_probe")
        remark = f"{number(probe)} by a probe on z" if probe is not None else "mean over attributes"
        tiles.append((f"AUC of {view}", _mean(metrics, view, "auc"), remark))
    judge = "a judge that is weak on some" if weakly_judged(metrics, "judge/") else "the judge"
    tiles += [
        ("Shown when asked", metrics.get("generate/accuracy"), f"generated images, by {judge}"),
        ("Edits that flip", metrics.get("edit/flip"), f"by {judge}"),
        ("Edits that keep", metrics.get("edit/keep"), "the other attributes"),
        ("Survive reconstruction", metrics.get("reconstruction/accuracy"), f"attributes, by {judge}"),
        (
            "Active factors",
            metrics.get("factors/active"),
            f"{number(metrics.get('factors/shared'), 0)} shared",
        ),
    ]
    return [
        (label, number(value, 0 if label == "Active factors" else 3), remark)
        for label, value, remark in tiles
        if value is not None
    ]


def tables(metrics: Metrics) -> list[Table]:
    """All tables that have a row, in reading order."""
    metrics = _as_test(metrics)
    made = [
        _reconstruction(metrics),
        prediction(metrics),
        prediction_in_full(metrics),
        translation(metrics),
        transfer(metrics),
        disentanglement(metrics),
        *_attributes(metrics),
        _judged(metrics),
        _judged_by_attribute(metrics),
        _factors(metrics),
        _phases(metrics),
    ]
    return [table for table in made if table.rows]


def _as_test(metrics: Metrics) -> Metrics:
    """The metrics, with those of the split that was scored under the names that they have for the test split."""
    scored = {key.partition("/")[0] for key in metrics} & {"train", "validation", "test", "all"}
    if len(scored) != 1:
        return metrics
    (split,) = scored
    return {re.sub(f"^{split}/", "test/", key): value for key, value in metrics.items()}


def _reconstruction(metrics: Metrics) -> Table:
    rows = []
    for view in _reconstructed_views(metrics):
        for measure, name in _VIEW_MEASURES.items():
            after, before = (metrics.get(f"{when}test/{view}/{measure}") for when in ("", "before/"))
            if after is None and before is None:
                continue
            change = None if after is None or before is None else after - before
            sign = "+" if change is not None and change > 0 and number(change) != number(0) else ""
            rows.append([view, name, number(before), number(after), sign + number(change)])
    note = "Of the scored samples, by the VAE alone and after it was joined, which should cost next to nothing."
    return Table("Reconstruction", note, ["view", "measure", "before", "after", "change"], rows)


def _attributes(metrics: Metrics) -> list[Table]:
    made = []
    for view in _attribute_views(metrics):
        names = unique(key.split("/")[2] for key in metrics if _is_attribute(key, view))
        rows = [[name, *_cells(metrics, f"test/{view}/{name}/{{}}", _ATTRIBUTE_MEASURES)] for name in names]
        mean = [number(_mean(metrics, view, measure)) for measure in _ATTRIBUTE_MEASURES]
        note = (
            "Each attribute predicted for the scored samples through the factors. The probe is a "
            "logistic regression on z, the yardstick; the calibration error is how far probabilities are "
            "from the observed shares."
        )
        header = ["attribute", *_ATTRIBUTE_MEASURES.values()]
        made.append(Table(f"Prediction of {view}", note, header, [*rows, ["mean", *mean]]))
    return made


def _judged(metrics: Metrics) -> Table:
    rows = [[name, number(metrics[key])] for key, name in _JUDGED.items() if key in metrics]
    note = "A classifier trained on real training images alone, as many with an attribute as without, says what a made "
    note = f"{note}image shows. {warning(metrics, 'judge/')}".rstrip()
    return Table("Generation and editing", note, ["measure", "value"], rows)


def _judged_by_attribute(metrics: Metrics) -> Table:
    ends = [key.split("{}") for key in _JUDGED_BY_ATTRIBUTE]
    names = unique(
        key[len(start) : -len(end)]
        for key in metrics
        for start, end in ends
        if key.startswith(start) and key.endswith(end) and len(key) > len(start) + len(end)
    )
    rows = [[name, *(number(metrics.get(key.format(name))) for key in _JUDGED_BY_ATTRIBUTE)] for name in names]
    return Table(
        "Generation and editing by attribute",
        f"Shares of images, by the judge. {warning(metrics, 'judge/')}".rstrip(),
        ["attribute", *_JUDGED_BY_ATTRIBUTE.values()],
        rows,
    )


def _factors(metrics: Metrics) -> Table:
    names = {"factors/active": "active", "factors/shared": "shared by two views or more"}
    names |= {key: f"private to {key.removeprefix('factors/private/')}" for key in metrics if "factors/private/" in key}
    rows = [[name, number(metrics[key], 0)] for key, name in names.items() if key in metrics]
    return Table("Factors", "What is left after pruning.", ["factors", "count"], rows)


def _phases(metrics: Metrics) -> Table:
    phases = unique(key.split("/", 1)[1] for key in metrics if key.startswith(("seconds/", "images_per_second/")))
    rows = [
        [
            phase,
            number(metrics.get(f"seconds/{phase}"), 1),
            number(metrics.get(f"images_per_second/{phase}"), 0),
        ]
        for phase in phases
    ]
    return Table("Time", "", ["phase", "seconds", "samples a second"], rows)


def _cells(metrics: Metrics, key: str, measures: Iterable[str]) -> list[str]:
    return [number(metrics.get(key.format(measure))) for measure in measures]


def _mean(metrics: Metrics, view: str, measure: str) -> float | None:
    """Mean over the view's attributes that have the measure."""
    found = [
        value
        for key, value in metrics.items()
        if _is_attribute(key, view) and key.endswith(f"/{measure}") and value == value
    ]
    return sum(found) / len(found) if found else None


def _image_views(metrics: Metrics) -> list[str]:
    return unique(
        key.split("/")[-2]
        for key in metrics
        if key.removeprefix("before/").startswith("test/") and key.endswith("/r2_mean")
    )


def _reconstructed_views(metrics: Metrics) -> list[str]:
    """Views with a VAE, and images."""
    likely = [key.split("/")[-2] for key in metrics if key.startswith("test/") and key.endswith("/log_likelihood")]
    return unique([*_image_views(metrics), *likely])


def _attribute_views(metrics: Metrics) -> list[str]:
    return unique(key.split("/")[1] for key in metrics if key.startswith("test/") and key.count("/") == 3)


def _is_attribute(key: str, view: str) -> bool:
    return key.startswith(f"test/{view}/") and key.count("/") == 3
