"""Which views the samples have, and which they have together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from favae_cli.data import SPLITS, Dataset
from favae_cli.preparation.check_findings import Findings

FEW = 30  # training samples, below which nothing can be said of a view
FEW_FOR_NETWORK = 200  # below which a network learns little


def check_presence(data: Dataset, networks: set[str], findings: Findings) -> None:
    """Find views that too few samples have, or that never meet another.

    Args:
        data: with its views.
        networks: views that are seen through a network.
        findings: to add to.
    """
    for name in data.views:
        counts = {split: len(data.having(split, name)) for split in SPLITS}
        if counts["train"] < 2:
            findings.refuse(
                [f"data.split: {counts['train']} training samples have {name}, 2 is the least; enlarge that split"]
            )
        else:
            findings.warn(_few(name, counts["train"], name in networks))
        for split in SPLITS[1:]:
            if not counts[split]:
                findings.warn([f"data.split: no {split} sample has {name}, so it is not judged; enlarge that split"])
    findings.refuse(_lonely(data))
    groups = _tied(data)
    if len(groups) > 1:
        told = " and ".join(", ".join(group) for group in groups)
        findings.refuse(
            [f"views: no training sample ties {told}, so they cannot be joined; leave one side out, or add samples"]
        )
    for one, other in _apart(data):
        if any({one, other} <= {*group} for group in groups):
            findings.warn(
                [f"views: {one} and {other} are in no training sample together, only other views tie them; trust less"]
            )


def _lonely(data: Dataset) -> Iterator[str]:
    """Splits in which nothing could be predicted from anything else."""
    for split in ("train", "test"):
        if len(data.views) > 1 and (count := len(data.in_company(split))) < 2:
            yield f"data.split: {count} {split} samples have two views or more, 2 is the least; enlarge that split"


def _few(name: str, count: int, network: bool) -> Iterator[str]:
    if count < FEW:
        yield f"views.{name}: {count} training samples have it, fewer than {FEW}; add samples, or leave it out"
    elif network and count < FEW_FOR_NETWORK:
        yield (
            f"views.{name}: {count} training samples have it, and a network learns little from fewer than "
            f"{FEW_FOR_NETWORK}; add samples, or use a type without network where there is one"
        )


def overlap(data: Dataset, split: str) -> np.ndarray:
    """int64 (M, M): samples of the split that have both views; on the diagonal those that have the view."""
    present = np.stack([view.present[data.split[split]] for view in data.views.values()]).astype(np.int64)
    return present @ present.T


def _apart(data: Dataset) -> Iterator[tuple[str, str]]:
    """Pairs of views that no training sample has both of, though some have the one and some the other."""
    together = overlap(data, "train")
    for (i, one), (j, other) in combinations(enumerate(data.views), 2):
        if together[i, i] and together[j, j] and not together[i, j]:
            yield one, other


def _tied(data: Dataset) -> list[list[str]]:
    """The views that training samples have, in groups that are tied through samples."""
    names, together = [*data.views], overlap(data, "train") > 0
    groups: list[list[str]] = []
    left = [i for i in range(len(names)) if together[i, i]]
    while left:
        reached = {left[0]}
        while (more := {int(j) for i in reached for j in np.flatnonzero(together[i])}) > reached:
            reached = more
        groups.append([names[i] for i in sorted(reached)])
        left = [i for i in left if i not in reached]
    return groups
