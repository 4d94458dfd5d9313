"""What an estimator offers once it has a trained run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast, overload

import numpy as np
import pandas as pd
from sklearn import get_config
from sklearn.base import TransformerMixin

from favae_cli.api.reading import Reading
from favae_cli.api.samples import filled, kinds_of_run, names_of, samples_of
from favae_cli.common.errors import UserError
from favae_cli.common.suggestions import did_you_mean
from favae_cli.config.data_base import Kind
from favae_cli.evaluation.prediction import prediction_metrics
from favae_cli.queries.given import Given
from favae_cli.queries.samples import Samples

Arrays = dict[str, np.ndarray]


class Fitted(TransformerMixin, Reading):  # type: ignore[misc]
    """Predictions of a trained run for arrays, and what can be read of its factors."""

    def transform(self, X: Mapping[str, Any]) -> np.ndarray:
        """Mean of g given all that the samples have.

        Args:
            X: any of the views.

        Returns:
            (N, K), a column for each factor, by relevance, in the order of `uses_`. After `set_output(transform=
            "pandas")` a table with the names of `get_feature_names_out`, and of the samples where X has some.

        Raises:
            UserError: a mistake in X.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np
            >>> from favae_cli import FAVAE
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> FAVAE(factors=1, device="cpu").fit(X).transform({"a": [[0.5, None, 1.0]]}).shape
            (1, 1)
        """
        _, given = self._given(X)
        latent = given.latents()
        # scikit-learn makes the tables, but of a dict of views it finds no names for the rows.
        wanted = getattr(self, "_sklearn_output_config", {}).get("transform", get_config()["transform_output"])
        return cast(np.ndarray, pd.DataFrame(latent, names_of(X))) if wanted == "pandas" else latent

    def get_feature_names_out(self, input_features: None = None) -> np.ndarray:
        """(K,) names of the columns of `transform`: "factor_0" and so on.

        Args:
            input_features: not used.
        """
        return np.array([f"factor_{factor}" for factor in range(self.n_factors_)], object)

    @overload
    def predict(
        self, X: Mapping[str, Any], to: str | Sequence[str] | None = None, return_std: Literal[False] = False
    ) -> Arrays: ...

    @overload
    def predict(
        self, X: Mapping[str, Any], to: str | Sequence[str] | None = None, *, return_std: Literal[True]
    ) -> tuple[Arrays, Arrays]: ...

    def predict(
        self, X: Mapping[str, Any], to: str | Sequence[str] | None = None, return_std: bool = False
    ) -> Arrays | tuple[Arrays, Arrays]:
        """Views, or entries of them, from all that the samples have.

        Of a view that X gives, what is known stays as it is and the missing entries are filled; leave it out of X to
        have it predicted from the others.

        Args:
            X: any of the views.
            to: views to predict; None: those that X does not give, and those that it gives with something missing.
            return_std: give standard deviations too.

        Returns:
            By view: images float32 (N, H, W, C) from 0 to 1; numbers (N, D), and sequences (N, T, C) with NaN past
            their end, in their units; of binary columns the probability of 1, (N, D); of categories the probability of
            each, (N, D), named by `categories_`; texts (N,). With `return_std` also standard deviations in the same
            units and shapes, 0 of what is known, of the views for which they mean something: numbers and sequences.

        Raises:
            UserError: a mistake in X, or no such view.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np
            >>> from favae_cli import FAVAE
            >>> a = np.random.default_rng(0).normal(size=(60, 1))
            >>> model = FAVAE(factors=1, device="cpu").fit({"a": a, "b": 10 * a + 3})
            >>> bool(abs(model.predict({"a": [[1.0]]})["b"][0, 0] - 13) < 1)
            True
        """
        samples, given = self._given(X)
        names = [to] if isinstance(to, str) else to
        for name in names or ():
            if name not in self._model.views:
                raise UserError(f"to: the model has no view {name!r}; {did_you_mean(str(name), self._model.views)}")
        found = {name: filled(samples, given, name) for name in (self._model.views if names is None else names)}
        wanted = {name: part for name, part in found.items() if names is not None or not part.complete}
        values = {name: part.value for name, part in wanted.items()}
        if not return_std:
            return values
        return values, {name: part.deviation for name, part in wanted.items() if part.deviation is not None}

    def score(self, X: Mapping[str, Any], y: None = None) -> float:
        """How well each view is predicted from the others: the share of the variance, mean over the views.

        That is R2 of numbers and images, and Brier's skill, the R2 of probabilities, of binary columns and categories;
        texts take no part, unless there is nothing else: then it is their F1. A model of one view is judged by its
        entries, each predicted from the others of the sample.

        Args:
            X: at least two of the views.
            y: not used.

        Raises:
            UserError: a mistake in X, or nothing to judge by.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np
            >>> from favae_cli import FAVAE
            >>> a = np.random.default_rng(0).normal(size=(60, 1))
            >>> X = {"a": a, "b": 10 * a + 3}
            >>> FAVAE(factors=1, device="cpu").fit(X).score(X) > 0.9
            True
        """
        model, samples = self._model, samples_of(X, self._trained)
        found = prediction_metrics(model, samples.data, "test", model.encode(samples.data, samples.indices))
        if "predict/mean" not in found:
            raise UserError("X: there is nothing to judge by; it takes samples that differ, with two views each")
        return found["predict/mean"]

    def save(self, folder: str | Path) -> None:
        """Copy the run to a new folder, from which `load` and every task that uses a run take it.

        Args:
            folder: new, or empty.

        Raises:
            UserError: it is not, or this is a copy of an estimator that is gone together with its temporary folder.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np, tempfile
            >>> from favae_cli import FAVAE
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> model = FAVAE(factors=2, device="cpu").fit(X)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save(folder)
            ...     bool((FAVAE.load(folder, device="cpu").transform(X) == model.transform(X)).all())
            True
        """
        if not self.run_.is_dir():
            raise UserError(f"folder: {self.run_} is gone, with the estimator that this is a copy of; save that one")
        shutil.copytree(self.run_, new_folder(folder, "folder"), dirs_exist_ok=True)

    @property
    def run_(self) -> Path:
        """Folder of the run."""
        return self._trained.folder

    @property
    def views_(self) -> dict[str, Kind]:
        """By view, what its data are."""
        return kinds_of_run(self._trained)

    @property
    def columns_(self) -> dict[str, tuple[str, ...]]:
        """By view, names of the columns of its arrays, or of a sequence's channels; of categories "colour=red"."""
        return {name: view.columns for name, view in self._trained.views.items()}

    @property
    def categories_(self) -> dict[str, list[np.ndarray]]:
        """By view of categories, those of each of its variables, in the order of the columns of `predict`."""
        return {
            name: [np.array(variable.categories, object) for variable in view.variables]
            for name, view in self._trained.views.items()
            if view.groups
        }

    def _given(self, X: Mapping[str, Any]) -> tuple[Samples, Given]:
        """X as samples, and what they say of g."""
        samples = samples_of(X, self._trained)
        return samples, Given.of_samples(self._model, samples.data, samples.indices)


def new_folder(path: str | Path, key: str) -> Path:
    """An empty folder, made where it is not there; `key` asked for it.

    Raises:
        UserError: there is something in it.
    """
    folder = Path(path).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{key}: {folder} is not empty; a run is written to a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
