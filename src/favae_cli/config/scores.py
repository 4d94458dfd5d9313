"""Which numbers of metrics.json a task can report: docs/reference/metrics.md as patterns, to hold `score` against."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import permutations

from favae_cli.common.errors import UserError
from favae_cli.config.run import TASKS, Config

_ONE = "[^/]+"
_OF_DATA = "(r2|r2_mean|r2_std|rmse|mae|auc|accuracy|balanced_accuracy|log_loss|brier_skill|level_error|f1|exact)"
_RECONSTRUCTED = f"test/VIEW/({_OF_DATA}|log_likelihood|kl)"
_READ = f"test/VIEW/({_ONE}/)?(auc|auc_probe|accuracy|average_precision|ece)"
_FACTORS = ("factors/(active|shared)", "factors/private/VIEW")
_TIMES = (f"(seconds|images_per_second)/{_ONE}", f"before/{_RECONSTRUCTED}")
_EDITED = "flip|keep|r2|r2_reconstruction|brightness|border|strength"
_AGREED = "agreement|agreement_present|agreement_real|agreement_balanced|agreement_balanced_real"
_TRANSLATED = f"r2|r2_mean|(chance_)?(top1|top5|median_rank)|partners|log_likelihood|{_AGREED}"
_HELPED = "r2|r2_mean|r2_std|log_likelihood|final_log_likelihood|epochs|seconds|reached|epoch_ratio|seconds_ratio"

APART = range(3, 5)  # views, of which each is also predicted from each other one; of two, that is from all others

PATTERNS: dict[str, tuple[str, ...]] = {
    "train": (
        *(_RECONSTRUCTED, _READ, *_FACTORS),
        f"predict/(VIEW|EACH)/({_OF_DATA}(_usual|_linear|_knn)?|coverage)",
        f"predict/VIEW/{_ONE}/(recall|balanced_accuracy)",
        "predict/(r2|auc|accuracy|f1|mean)",
    ),
    "condition": (
        *(_RECONSTRUCTED, _READ, *_FACTORS),
        *(f"(judge|reconstruction)/({_ONE}/)?(balanced_)?accuracy", "(judge|reconstruction)/present"),
        *(f"generate/({_ONE}/)?accuracy", "generate/variety"),
        *(f"edit/({_ONE}/)?({_EDITED})", "edit/ceiling", f"edit_curve/{_ONE}/(flip|keep|r2_reconstruction)"),
    ),
    "adapt": (_RECONSTRUCTED, _READ, *_FACTORS, f"translate/PAIR/({_TRANSLATED})"),
    "transfer": (
        f"(rival|transfer(/{_ONE})?)/({_HELPED})",
        f"disentanglement/(rival|transfer(/{_ONE})?)/(dci|completeness|informativeness|mig)",
    ),
}
_EXAMPLES = {
    "train": ("predict/mean", "predict/VIEW/r2", "test/VIEW/r2", "factors/active"),
    "condition": ("generate/accuracy", "edit/flip", "test/VIEW/r2"),
    "adapt": ("translate/PAIR/r2", "translate/PAIR/top1", "test/VIEW/r2"),
    "transfer": ("transfer/r2_mean", "transfer/reached", "rival/r2_mean"),
}


def require_score(config: Config) -> None:
    """Refuse a score that the task of a run never reports; those of tasks from other packages are not known here.

    Raises:
        UserError: with what there is, for example.
    """
    task, views = config.task.name, [*config.views]
    if task not in TASKS:
        return
    pairs = [f"{source}-{target}" for source, target in permutations(views, 2)]
    words = {"VIEW": _any_of(views), "PAIR": _any_of(pairs), "EACH": _any_of(pairs if len(views) in APART else ())}
    for pattern in (*PATTERNS[task], *_TIMES):
        if re.fullmatch(re.sub("VIEW|PAIR|EACH", lambda found: words[found[0]], pattern), config.score):
            return
    names = [
        name.replace("VIEW", view).replace("PAIR", pair)
        for name in _EXAMPLES[task]
        for view, pair in zip(views[:1], pairs[:1] or [""], strict=True)
    ]
    raise UserError(
        f"score: task {task} reports no {config.score!r}; it reports {', '.join(names)} and the like, by the names "
        f"of the views {', '.join(views)}"
    )


def _any_of(names: Iterable[str]) -> str:
    return "(" + ("|".join(map(re.escape, names)) or "(?!)") + ")"
