"""The tables of prediction, domain adaptation and transfer learning."""

from __future__ import annotations

from favae_cli.reporting.table import Metrics, Table, number, unique
from favae_cli.reporting.weak_judge import warning

_TRANSLATION = {
    "r2": "R2, pooled",
    "r2_mean": "R2, mean over images",
    "top1": "top-1",
    "top5": "top-5",
    "median_rank": "median rank",
    "agreement_balanced": "agreement, balanced",
    "agreement_balanced_real": "of true partners",
    "agreement": "agreement",
    "agreement_real": "of true partners",
}
_TRANSFER = {
    "r2_mean": "R2, mean over images",
    "log_likelihood": "best log-likelihood (nats)",
    "epochs": "at epoch",
    "seconds": "at second",
    "epoch_ratio": "share of the rival's epochs",
    "seconds_ratio": "of its seconds",
}
_DISENTANGLEMENT = {"dci": "DCI", "completeness": "completeness", "informativeness": "informativeness", "mig": "MIG"}
_PREDICTION = {
    "r2": "R2",
    "rmse": "RMSE",
    "mae": "MAE",
    "auc": "AUC",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "brier_skill": "Brier skill",
    "coverage": "in 90 % interval",
    "f1": "F1",
    "exact": "exact",
}
_BASELINES = {"_usual": "  what is usual", "_linear": "  regression", "_knn": "  nearest neighbours"}
_WORSE = " (!)"  # than what is usual


def _predicted(metrics: Metrics) -> dict[str, dict[str, float]]:
    """By view, or by what it is foretold from, all its scores."""
    found: dict[str, dict[str, float]] = {}
    for key, value in metrics.items():
        if key.startswith("predict/") and key.count("/") == 2:
            _, way, measure = key.split("/")
            found.setdefault(way, {})[measure] = value
    return found


def prediction(metrics: Metrics) -> Table:
    """A row for every view from all others, and from each single one where that was measured: its first score."""
    rows = []
    for way, scores in _predicted(metrics).items():
        first = next((measure for measure in _PREDICTION if measure in scores), None)
        if first is not None:
            own, *others = (scores.get(f"{first}{suffix}") for suffix in ("", *_BASELINES))
            worse = _WORSE if others[0] is not None and scores[first] < others[0] else ""
            cells = [number(own) + worse, *map(number, others), number(scores.get("coverage"))]
            rows.append([way.replace("-", " to "), _PREDICTION[first], *cells])
    note = (
        "Each view of the scored samples as the factors predict it from all their other views, or from one. Beside it "
        "what could be said without factors: what is usual in the training samples, and by ridge or logistic "
        "regression and by nearest neighbours from the same given views. (!) marks what is worse than what is usual; a "
        "dash is what these samples cannot tell, or would take long."
    )
    header = ["view", "measure", "factors", *(title.strip() for title in _BASELINES.values()), "in 90 % interval"]
    return Table("Prediction", note, header, rows)


def prediction_in_full(metrics: Metrics) -> Table:
    """As `prediction`, in every measure, where any view has more than one."""
    found = _predicted(metrics)
    measures = [measure for measure in _PREDICTION if any(measure in scores for scores in found.values())]
    rows = []
    for way, scores in found.items():
        for suffix, title in {"": way.replace("-", " to "), **_BASELINES}.items():
            cells = [scores.get(f"{name}{suffix}") for name in measures]
            if any(cell is not None for cell in cells):
                rows.append([title, *map(number, cells)])
                first = next(place for place, cell in enumerate(cells) if cell is not None)
                usual = scores.get(f"{measures[first]}_usual")
                if not suffix and usual is not None and scores[measures[first]] < usual:
                    rows[-1][first + 1] += _WORSE
    note = (
        "Errors are in standard deviations of the column, and the log loss in nats; F1 is that of a text's words. "
        "Brier skill is the R2 of probabilities."
    )
    header = ["view", *(_PREDICTION[measure] for measure in measures)]
    return Table("Prediction in every measure", note, header, rows if len(measures) > 1 else [], False, aside=True)


def translation(metrics: Metrics) -> Table:
    """A row for every direction, and below it what chance would give."""
    rows = []
    for way in unique(key.split("/")[1] for key in metrics if key.startswith("translate/")):
        found = [metrics.get(f"translate/{way}/{measure}") for measure in _TRANSLATION]
        chance = [metrics.get(f"translate/{way}/chance_{measure}") for measure in _TRANSLATION]
        rows += [[way.replace("-", " to "), *map(number, found)], ["  by chance", *map(number, chance)]]
    note = (
        "Each test image translated to the other view, against its true partner. Retrieval: the rank of the partner "
        "among all test partners by the angle of embeddings, 0 is best. Agreement: share of attributes that a judge, "
        f"trained on real images of the target view, sees in the translation. {warning(metrics, 'translate/')}"
    ).rstrip()
    return Table("Translation", note, ["direction", *_TRANSLATION.values()], rows)


def transfer(metrics: Metrics) -> Table:
    """A row for the rival and for every way to help."""
    beside = unique(key.split("/")[1] for key in metrics if key.startswith("transfer/") and key.count("/") == 2)
    rows = [
        [name.removeprefix("transfer/"), *(number(metrics.get(f"{name}/{measure}")) for measure in _TRANSFER)]
        for name in ("rival", "transfer", *(f"transfer/{name}" for name in beside))
        if f"{name}/log_likelihood" in metrics
    ]
    note = (
        "On the test split. The shares say when the rival's best likelihood was reached, against when the rival had "
        "it; a dash where it never was."
    )
    return Table("Transfer", note, ["large VAE", *_TRANSFER.values()], rows)


def disentanglement(metrics: Metrics) -> Table:
    """A row for every model whose embedding was compared with the known factors."""
    models = unique(key.split("/")[1] for key in metrics if key.startswith("disentanglement/"))
    rows = [
        [name, *(number(metrics.get(f"disentanglement/{name}/{measure}")) for measure in _DISENTANGLEMENT)]
        for name in models
    ]
    note = "How far each dimension of the embedding stands for one true factor (DCI, MIG), 1 is best."
    return Table("Disentanglement", note, ["embedding of", *_DISENTANGLEMENT.values()], rows)
