"""Tables foretold from other views of a sample: which read-outs a joined model has, learned and used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain, combinations

import numpy as np

from favae_cli.data import Dataset
from favae_cli.data.dataset import some
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.moments import Pattern
from favae_cli.factors.read_out import read_out
from favae_cli.models.fa_vae import FAVAE, observed_table
from favae_cli.views import BernoulliView, CategoricalView, Encoded, OrdinalView, RealView, View

ROWS = 2000  # samples that one is learned from, at most
WORK = 1e9  # rows x columns x the fewer of them, of one regression, at most
FEWEST = 10  # samples with the target and what is given, to learn from
JUDGES = 3  # the same, to choose a share by; of fewer it is 0
SETS = 32  # of given views, for a target, at most
WIDEST = 4.0  # variance of a logit, past which its mean would grow endlessly along
FEW = 4  # views, up to which every set of them has its read-out

Linked = BernoulliView | CategoricalView | OrdinalView
"""Tables of which a read-out foretells logits."""


def learn_read_outs(model: FAVAE, data: Dataset) -> None:
    """Give a joined model its read-outs: of every table of numbers, bits, categories or levels from other views.

    Each is learned from the training samples that have the target and any of the given views, what these lack filled
    with what the factors expect, and mixed with the factors' own word by the validation samples that have all.

    Args:
        model: joined.
        data: with its split.
    """
    model.read_outs = {}
    for target, given in read_out_of(model, data):
        learn_read_out(model, data, target, given)


def read_out_of(model: FAVAE, data: Dataset) -> list[tuple[str, Pattern]]:
    """The tables, each with every set of other views that it is to be read out of."""
    targets = [name for name, view in model.views.items() if isinstance(view, RealView | Linked)]
    return [(target, given) for target in targets for given in _sets(model, data, target)]


def learn_read_out(model: FAVAE, data: Dataset, target: str, given: Pattern) -> None:
    """One of those of `learn_read_outs`; none where there are too few samples."""
    view = model.views[target]
    size = sum(model.views[name].size for name in given)
    rows = for_regression(data.having("train", target, any_of=given), size)
    if len(rows) < FEWEST:
        return
    x, _ = _seen_by(model, data, rows, given)
    found = read_out(x, wanted(model, data, target, rows), _groups(view))
    rows = for_regression(data.having("validation", target, *given), size)
    if len(rows) >= JUDGES:
        x, evidence = _seen_by(model, data, rows, given)
        expected = _expected(view, Encoded(*evidence.predict(model.joined, target)))
        found = found.balanced(x, expected, wanted(model, data, target, rows))
    model.read_outs[target, given] = found


def foretold(model: FAVAE, evidence: Embeddings, encoded: Mapping[str, Encoded], target: str) -> Encoded:
    """Mean and variance of z of `target`, (N, D) each: by its read-out where a sample lacks it, else by the factors.

    Args:
        model: joined.
        evidence: settled.
        encoded: q(z | x) of the views in it that have an encoder.
    """
    found = Encoded(*evidence.predict(model.joined, target))
    assert found.variance is not None
    known_of = {given: model.read_outs.get((target, given)) for given in evidence.groups}
    seen = {name for given, known in known_of.items() if known is not None for name in given}
    columns = {name: _columns_of(model, evidence, encoded, name) for name in seen}
    for given, group in evidence.groups.items():
        known = known_of[given]
        if known is not None:
            rows = group.rows
            x = _beside([columns[name][rows] for name in given])
            made = known.foretold(x, _expected(model.views[target], found.at(rows)))
            view, spread = model.views[target], np.minimum(found.variance[rows], WIDEST)
            if isinstance(view, Linked):
                found.mean[rows], found.variance[rows] = view.at_logits(made, spread), spread
            else:
                found.mean[rows], found.variance[rows] = made, known.variance
    return found


def _sets(model: FAVAE, data: Dataset, target: str) -> list[Pattern]:
    """The sets of other views that a target is to be read out of, in the order of the model."""
    others = tuple(name for name in model.views if name != target)
    if len(model.views) <= FEW:
        return [*chain.from_iterable(combinations(others, size) for size in range(1, len(others) + 1))]
    train = data.having("train", target)
    present = np.stack([data.views[name].present[train] for name in others], axis=1)
    met = Counter(tuple(name for name, here in zip(others, row, strict=True) if here) for row in present.tolist())
    sets = [others, *((name,) for name in others), *(pattern for pattern, _ in met.most_common() if pattern)]
    return [*dict.fromkeys(sets)][:SETS]


def for_regression(indices: np.ndarray, size: int, most: int = ROWS) -> np.ndarray:
    """As many of the samples as a ridge regression on so many columns can do with, at most `most`."""
    return some(indices, min(most, int(max(WORK / size**2, min(size, (WORK / size) ** 0.5)))))


def _seen_by(model: FAVAE, data: Dataset, indices: np.ndarray, given: Pattern) -> tuple[np.ndarray, Embeddings]:
    """The columns of the given views of some samples, and what they say of the factors."""
    encoded = model.encode(data, indices, given)
    evidence = model.embeddings(data, indices, encoded, given)
    evidence.settle(model.joined)
    return _beside([_columns_of(model, evidence, encoded, name) for name in given]), evidence


def _columns_of(model: FAVAE, evidence: Embeddings, encoded: Mapping[str, Encoded], name: str) -> np.ndarray:
    """(N, D) of a given view: z, as the other views have it expected if it is missing; or bits, NaN if missing."""
    local = evidence.local.get(name)
    if local is not None and not isinstance(model.views[name], RealView):
        return 2 * local.x
    z = encoded[name].mean if local is None else local.mean
    lacking = np.isnan(z if local is None else local.x).all(axis=1, keepdims=True)
    return np.where(lacking, evidence.expect(model.joined, name), z)


def _beside(columns: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(columns, axis=1, dtype=np.float64)


def _expected(view: View, z: Encoded) -> np.ndarray:
    """What the factors say of a target, as a `ReadOut` takes it."""
    return view.decode(z.mean, z.variance) if _groups(view) else z.mean


def wanted(model: FAVAE, data: Dataset, target: str, indices: np.ndarray) -> np.ndarray:
    """(N, D) z of real columns, and bits as they are; NaN where they are missing."""
    view, values = model.views[target], observed_table(data, target, indices)
    if isinstance(view, RealView):
        local = view.local(values)
        return np.where(np.isnan(local.x), np.nan, local.mean)
    return values


def _groups(view: View) -> tuple[int, ...]:
    if isinstance(view, CategoricalView | OrdinalView):
        return view.groups
    return (1,) * view.size if isinstance(view, BernoulliView) else ()
