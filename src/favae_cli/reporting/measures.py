"""What a number of metrics.json is measured in, and whether more of it is better."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Better = Literal["higher", "lower", ""]


class Measure(NamedTuple):
    """Unit of a number, "" of shares and scores without one; and what is better, "" where neither is."""

    unit: str
    better: Better


_NATS, _DEVIATIONS = "nats a sample", "standard deviations"
_MEASURES = {
    "(r2|r2_mean|r2_reconstruction|mean|brier_skill)": Measure("", "higher"),
    "(auc|accuracy|balanced_accuracy|average_precision|f1|exact|recall|top1|top5)": Measure("", "higher"),
    "(agreement|agreement_present|agreement_balanced|flip|keep|present|reached)": Measure("", "higher"),
    "(dci|completeness|informativeness|mig)": Measure("", "higher"),
    "(log_likelihood|final_log_likelihood)": Measure(_NATS, "higher"),
    "images_per_second": Measure("samples a second", "higher"),
    "(rmse|mae)": Measure(_DEVIATIONS, "lower"),
    "log_loss": Measure("nats", "lower"),
    "level_error": Measure("levels", "lower"),
    "(ece|brightness|border|epoch_ratio|seconds_ratio)": Measure("", "lower"),
    "median_rank": Measure("", "lower"),
    "seconds": Measure("s", "lower"),
    "epochs": Measure("epochs", "lower"),
    "kl": Measure(_NATS, ""),
}
_OF_PHASE = re.compile(r"(seconds|images_per_second)/.*")
_BASELINE = re.compile(
    r".*_(usual|linear|knn|real|std)|.*/chance_\w+|(before|judge|reconstruction|edit_curve)/.*|.*_probe"
)
_ONLY_BY_ATTRIBUTE = 3  # slashes in a name


def measure_of(name: str) -> Measure:
    """Of a number by its name; of one that says nothing about how good a run is neither is better."""
    phase = _OF_PHASE.fullmatch(name)
    last = phase[1] if phase else re.sub("_(usual|linear|knn)$", "", name.rpartition("/")[2])
    found = next((measure for pattern, measure in _MEASURES.items() if re.fullmatch(pattern, last)), Measure("", ""))
    return Measure(found.unit, "") if _BASELINE.fullmatch(name) else found


def is_headline(name: str) -> bool:
    """Whether it is a score of the run as a whole: no baseline, no time, nothing of a single attribute or category."""
    return bool(measure_of(name).better) and not _OF_PHASE.fullmatch(name) and name.count("/") < _ONLY_BY_ATTRIBUTE
