"""What others make of views that patients lack: for the benchmark of whole views."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

OMICS = ("rna", "mirna", "methylation")
FACTORS = 40
PENALTIES = np.logspace(-1, 5, 13)
NEAREST = 50  # columns that IterativeImputer looks at for each

Tables = dict[str, np.ndarray]
Row = dict[str, float]


@dataclass(frozen=True)
class Question:
    """A view that is foretold of some patients, and what is given of them: tables with NaN where it is not."""

    name: str
    target: str
    given: Tables
    truth: np.ndarray


def rivals(learned: Tables, asked: Sequence[Question], seed: int) -> dict[str, list[np.ndarray]]:
    """By name what each that is installed answers, question by question."""
    nearest = IterativeImputer(max_iter=5, n_nearest_features=NEAREST, random_state=seed)
    found = {
        "ridge": ridges(learned, asked),
        "KNNImputer": imputed(KNNImputer(), learned, asked),
        "IterativeImputer": imputed(nearest, learned, asked),
    }
    if find_spec("mofapy2"):
        found["mofapy2"] = mofa(learned, asked, seed)
    if find_spec("imml"):
        found["imml, DFMF"] = fused(learned, asked, seed)
    return found


def side_by_side(tables: Tables) -> np.ndarray:
    return np.hstack([tables[name] for name in OMICS])


def parted(table: np.ndarray, like: Tables) -> Tables:
    """The views that lie side by side in a table."""
    ends = np.cumsum([like[name].shape[1] for name in OMICS])[:-1]
    return dict(zip(OMICS, np.split(table, ends, axis=1), strict=True))


def ridges(learned: Tables, asked: Sequence[Question]) -> list[np.ndarray]:
    """From the columns of the given views, gaps filled with the mean, learned from patients who have the target."""
    found = []
    for question in asked:
        given = [name for name, table in question.given.items() if not np.isnan(table).all()]
        there = ~np.isnan(learned[question.target]).any(axis=1)
        x = np.hstack([learned[name][there] for name in given])
        scaler = StandardScaler().fit(x)
        regression = RidgeCV(PENALTIES).fit(np.nan_to_num(scaler.transform(x)), learned[question.target][there])
        new = scaler.transform(np.hstack([question.given[name] for name in given]))
        found.append(regression.predict(np.nan_to_num(new)))
    return found


def imputed(imputer: KNNImputer | IterativeImputer, learned: Tables, asked: Sequence[Question]) -> list[np.ndarray]:
    """By one of scikit-learn's, on standardised columns."""
    scaler = StandardScaler().fit(side_by_side(learned))
    imputer.fit(scaler.transform(side_by_side(learned)))
    found = []
    for question in asked:
        filled = scaler.inverse_transform(imputer.transform(scaler.transform(side_by_side(question.given))))
        found.append(parted(filled, learned)[question.target])
    return found


def appended(learned: Tables, asked: Sequence[Question]) -> tuple[list[np.ndarray], StandardScaler]:
    """For those that know no new samples: by view the standardised training patients, then those of all questions."""
    scaler = StandardScaler().fit(side_by_side(learned))
    tables = [learned, *(question.given for question in asked)]
    stacked = scaler.transform(np.vstack([side_by_side(part) for part in tables]))
    return [*parted(stacked, learned).values()], scaler


def answers(
    made: Sequence[np.ndarray], scaler: StandardScaler, learned: Tables, asked: Sequence[Question]
) -> list[np.ndarray]:
    """What is made of `appended` views, question by question, in the units of the tables."""
    views = parted(scaler.inverse_transform(np.hstack(made)), learned)
    counts = [len(part[OMICS[0]]) for part in (learned, *(question.given for question in asked))]
    places = np.cumsum(counts)[:-1]
    return [np.split(views[question.target], places)[place + 1] for place, question in enumerate(asked)]


def fused(learned: Tables, asked: Sequence[Question], seed: int) -> list[np.ndarray]:
    """By imml's fusion of matrices (DFMFImputer)."""
    from imml.impute import DFMFImputer

    views, scaler = appended(learned, asked)
    with contextlib.redirect_stdout(io.StringIO()):
        made = DFMFImputer(n_components=FACTORS, random_state=seed).fit_transform(views)
    return answers([np.asarray(part) for part in made], scaler, learned, asked)


def mofa(learned: Tables, asked: Sequence[Question], seed: int) -> list[np.ndarray]:
    """By mofapy2, which knows no new samples: it is fitted to the training patients and to all questions at once."""
    from mofapy2.run.entry_point import entry_point

    views, scaler = appended(learned, asked)
    with contextlib.redirect_stdout(io.StringIO()):
        model = entry_point()
        model.set_data_options(scale_views=False)
        model.set_data_matrix([[view] for view in views])
        model.set_model_options(factors=FACTORS, spikeslab_weights=False)
        model.set_train_options(iter=1000, convergence_mode="fast", dropR2=None, seed=seed, quiet=True)
        model.build()
        model.run()
    nodes = model.model.nodes
    latent, weights = nodes["Z"].getExpectation(), np.vstack(nodes["W"].getExpectation())
    centre = np.nanmean(np.hstack(views), axis=0)  # which it takes off
    return answers([latent @ weights.T + centre], scaler, learned, asked)
