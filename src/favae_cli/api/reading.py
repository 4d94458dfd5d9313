"""What can be read of a trained run's factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from favae_cli.api.annotated import is_annotated, put_back, views_of
from favae_cli.api.samples import names_of, samples_of
from favae_cli.common.errors import UserError
from favae_cli.data import Dataset
from favae_cli.models import fa_vae
from favae_cli.queries.associations import compared
from favae_cli.queries.factor_reading import factor_use
from favae_cli.queries.factor_scores import all_factor_scores
from favae_cli.queries.weights import weights_of, weights_table
from favae_cli.tasks.trained_run.annotated_output import results_of
from favae_cli.training.trained_run import TrainedRun


class Reading:
    """Tables of the factors: where samples stand on them, and what they do to columns."""

    _run: TrainedRun

    @property
    def n_factors_(self) -> int:
        """K, the factors that are left."""
        return self._model.joined.factors

    @property
    def uses_(self) -> list[str]:
        """(K,) who uses each factor: "shared a, b", "private a" or "unused"."""
        return [factor_use(self._model.joined, factor) for factor in range(self.n_factors_)]

    @property
    def relevance_(self) -> dict[str, np.ndarray]:
        """By view, (K,) share of its embedding's variance that each factor explains."""
        return self._model.joined.relevance

    @property
    def weights_(self) -> dict[str, pd.DataFrame]:
        """By view with named columns, (C, K): what one standard deviation of a factor adds to each of the C columns.

        In the units of the column, or in log odds. Factors come by relevance, their signs by a rule.
        """
        model = self._model
        found = {
            name: weights_of(view, model.joined.views[name], self._trained.views[name])
            for name, view in model.views.items()
        }
        return {
            name: pd.DataFrame(part.weight, index=[*part.columns]) for name, part in found.items() if part is not None
        }

    @property
    def loadings_(self) -> dict[str, pd.DataFrame]:
        """As `weights_`."""
        return self.weights_

    @property
    def components_(self) -> dict[str, np.ndarray]:
        """As `weights_`, (K, C) as scikit-learn's decompositions have it."""
        return {name: weights.to_numpy().T for name, weights in self.weights_.items()}

    @property
    def weights_table_(self) -> pd.DataFrame:
        """As task=factors writes it: view, column, factor, weight, deviation and standardised weight."""
        return weights_table(self._model, self._trained.views)

    def factor_scores(self, X: Mapping[str, Any]) -> pd.DataFrame:
        """Where samples stand on each factor: "factor_0", "factor_0_std" and so on, in units of the prior.

        Args:
            X: any of the views.

        Returns:
            A row a sample, called as the index of X's pandas tables.

        Raises:
            UserError: a mistake in X.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np
            >>> from favae_cli import FAVAE
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> FAVAE(factors=1, device="cpu").fit(X).factor_scores(X).columns.tolist()
            ['factor_0', 'factor_0_std']
        """
        return self._scores(X, samples_of(X, self._trained).data)

    def _scores(self, X: Mapping[str, Any], data: Dataset) -> pd.DataFrame:
        """Of the samples of X, which `data` are."""
        scores = all_factor_scores(self._model, data, np.arange(len(data.keys))).iloc[:, 1:]
        return scores.set_axis(names_of(X), axis=0)

    def associations(self, X: Mapping[str, Any], known: pd.DataFrame, permutations: int = 999) -> pd.DataFrame:
        """How the factors of samples go along with what else is known of them.

        Args:
            X: any of the views, of N samples.
            known: N rows, of numbers, truth values, dates, which are numbers of days, and words, each word of which is
                compared by itself.
            permutations: of the samples, by which p is found.

        Returns:
            A row for each column and factor: column, factor, measure ("auc" or Spearman's "correlation"), value,
            samples, and p, two-sided. It is not for columns that are in X, which tell of themselves.

        Raises:
            UserError: a mistake in X, or another number of rows.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.

        Examples:
            >>> import numpy as np, pandas as pd
            >>> from favae_cli import FAVAE
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> model = FAVAE(factors=1, device="cpu").fit(X)
            >>> model.associations(X, pd.DataFrame({"sum": X["a"].sum(axis=1)}))["measure"].tolist()
            ['correlation']
        """
        samples = samples_of(X, self._trained)
        if len(known) != len(samples.indices):
            raise UserError(f"known: has {len(known)} rows, but X has {len(samples.indices)} samples")
        latent = all_factor_scores(self._model, samples.data, samples.indices).iloc[:, 1::2].to_numpy()
        known = known.apply(_in_days)
        words = [name for name in known if not pd.api.types.is_numeric_dtype(known[name])]
        coded = pd.get_dummies(known, columns=words, prefix_sep="=", dtype=float).astype(float)
        for name in words:
            coded.loc[known[name].isna().to_numpy(), coded.columns.str.startswith(f"{name}=")] = np.nan
        columns = {str(name): coded[name].to_numpy(float) for name in coded}
        return compared(latent, columns, permutations).drop(columns="view")

    @staticmethod
    def views_of(X: Any, layers: Mapping[str, str] | None = None, obs: Sequence[str] = ()) -> dict[str, Any]:
        """The views of an AnnData or MuData, to be given as X; given itself, it stands for those of its X.

        Args:
            X: of N observations.
            layers: by modality ("X" of an AnnData), the layer to take.
            obs: columns of the observations, each a view of its own.

        Raises:
            UserError: no such modality, layer or column.
        """
        return views_of(X, layers, obs)

    def annotate(self, X: Any, layers: Mapping[str, str] | None = None) -> None:
        """Put what the model found into an AnnData or MuData, from where scanpy and muon go on.

        `obsm` gets "X_favae" (N, K), where each observation stands on each factor, and "X_favae_std"; `varm` of each
        modality "favae" (D, K), the weights; `uns["favae"]` the explained variance by view, and who uses each factor.

        Args:
            X: of the modalities that the model was fitted on.
            layers: as `views_of` was given when it was fitted.

        Raises:
            UserError: it is no such object, or a mistake in it.
            sklearn.exceptions.NotFittedError: neither fitted nor loaded.
        """
        if not is_annotated(X):
            raise UserError(f"X: annotate takes an AnnData or a MuData, got {type(X).__name__}")
        known = {name: view for name, view in views_of(X, layers).items() if name in self._trained.views}
        known |= {name: X.obs[name] for name in self._trained.views if name in X.obs and name not in known}
        scores = self.factor_scores(known)
        put_back(X, results_of(self._trained, scores.rename_axis("key").reset_index()))

    @property
    def _trained(self) -> TrainedRun:
        check_is_fitted(self, "_run")
        return self._run

    @property
    def _model(self) -> fa_vae.FAVAE:
        return self._trained.factors


def _in_days(column: pd.Series) -> pd.Series:
    """Dates and times as days since 1970, durations as days; other columns as they are."""
    kind, day = pd.api.types.infer_dtype(column, skipna=True), pd.Timedelta(1, "D")
    if kind in ("date", "datetime", "datetime64"):
        return (pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC")) / day
    return pd.to_timedelta(column) / day if kind in ("timedelta", "timedelta64") else column
