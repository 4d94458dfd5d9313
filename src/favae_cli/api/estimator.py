"""FA-VAE as an estimator of scikit-learn's kind, over the code that the tasks use."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from pydantic import TypeAdapter
from sklearn.base import BaseEstimator

from favae_cli.api.fitted import Fitted, new_folder
from favae_cli.api.samples import training_data, views_to_fit
from favae_cli.api.settings import compose_run, sections_of
from favae_cli.common.errors import UserError
from favae_cli.common.run_folder import RunFolder
from favae_cli.common.run_lock import holding
from favae_cli.common.watch import watched
from favae_cli.config.contradictions import validate
from favae_cli.config.run import MachineConfig
from favae_cli.config.section import validated
from favae_cli.evaluation.health import ailments, noted
from favae_cli.machine.runtime import prepare
from favae_cli.machine.stop_signals import StopRequest
from favae_cli.models import fa_vae
from favae_cli.training.build import build_model
from favae_cli.training.records import read_records
from favae_cli.training.schedule import Training
from favae_cli.training.trained_run import load_run


class FAVAE(Fitted, BaseEstimator):  # type: ignore[misc]
    """Factor analysis over the embeddings of several views of the same samples, any of which may be missing.

    `X` is a dict of views of the same N samples, in the same order: NumPy arrays, lists, sparse matrices, or pandas
    tables, whose rows are joined by their index: those of the first in its order, then those that only others have. Or
    it is an AnnData or a MuData (`views_of` chooses among their layers and columns). NaN, None or a mask says that an
    entry is missing; a sample need not have every view. After `fit`, `factors_` says where the samples stand, as
    `factor_scores`. Mistakes are told as `favae_cli.common.errors.UserError`, in a line each. Progress is logged to
    the logger `favae_cli`.

    Args:
        views: by view, what it is: "image" (N, H, W) or (N, H, W, C), uint8 or float from 0 to 1; "real" or "vector"
            (numbers that a network is to see together), (N, D); "counts" (N, D); "binary" or "bernoulli", (N, D) of 0
            and 1; "categorical" or "ordinal" (N,) or (N, D), the latter numbers or pandas Categoricals with an order;
            "sequence" (N, T) or (N, T, C), NaN past its end; "text" (N,). Or a dict with
            this `type` and keys of its section, as {"type": "image", "latent": 8, "arch": "mlp_small"}.
            What is not said is guessed from the values.
        factors: K to start with, of which those that explain nothing are pruned; None: a tenth of the training
            samples, from 2 to 100.
        latent: dimensions of z of each view with networks. None here and below: as configs/ have it.
        epochs: of each network alone, at most.
        rounds: of factors and networks in turn, at most.
        round_epochs: of each network in a round.
        beta: weight of the KL term in the rounds; above 1, z follows the factors more closely.
        seed: of every random number. The same seed gives the same numbers on a CPU.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N".
        directory: new folder for the run; None: a temporary one, which goes with the estimator. See `save`.
        overrides: of any other key of a run, as on the command line: ["trainer.batch_size=32", "schedule.sweeps=100"].

    Attributes:
        health_: what may be wrong with the fitted model, and what to do about it, a line each; it is logged as well.

    Examples:
        >>> import numpy as np
        >>> from favae_cli import FAVAE
        >>> rng = np.random.default_rng(0)
        >>> shared = rng.normal(size=(100, 2))
        >>> numbers = shared @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(100, 4))
        >>> numbers[::7, 0] = np.nan
        >>> colour = np.where(shared[:, 0] > 0, "red", "blue")
        >>> model = FAVAE(factors=4, device="cpu").fit({"numbers": numbers, "colour": colour})
        >>> model.views_
        {'numbers': 'real', 'colour': 'categorical'}
        >>> model.transform({"numbers": numbers}).shape == (100, model.n_factors_)
        True
        >>> model.categories_["colour"]
        [array(['blue', 'red'], dtype=object)]
        >>> probabilities = model.predict({"numbers": numbers}, to="colour")["colour"]
        >>> bool(np.mean((probabilities[:, 1] > 0.5) == (colour == "red")) > 0.8)
        True
    """

    def __init__(
        self,
        views: Mapping[str, str | Mapping[str, Any]] | None = None,
        *,
        factors: int | None = None,
        latent: int | None = None,
        epochs: int | None = None,
        rounds: int | None = None,
        round_epochs: int | None = None,
        beta: float | None = None,
        seed: int = 0,
        device: str = "auto",
        directory: str | Path | None = None,
        overrides: Sequence[str] = (),
    ) -> None:
        self.views = views
        self.factors = factors
        self.latent = latent
        self.epochs = epochs
        self.rounds = rounds
        self.round_epochs = round_epochs
        self.beta = beta
        self.seed = seed
        self.device = device
        self.directory = directory
        self.overrides = overrides

    def fit(self, X: Mapping[str, Any], y: None = None) -> FAVAE:
        """Train on X, of which a tenth, drawn by the seed, only says when to stop.

        Args:
            X: by view, its values.
            y: not used.

        Returns:
            Itself.

        Raises:
            UserError: a mistake in X or in the parameters, or a folder that is not empty.

        Examples:
            >>> import numpy as np
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> FAVAE(factors=2, device="cpu").fit(X).columns_
            {'a': ('a_0', 'a_1', 'a_2')}
        """
        sections = sections_of(self.views)
        views, kinds = views_to_fit(X, sections)
        composed = compose_run(views, kinds, sections, self.latent, self._overrides())
        config = validate(composed)
        data = training_data(views, kinds, config.seed)
        runtime = prepare(config.trainer)
        model = build_model(config, data, runtime)
        if not isinstance(model, fa_vae.FAVAE) or not model.joins:
            raise UserError("X: one view with a network has nothing to share its factors with; give another view too")
        folder = self._new_folder()
        RunFolder(folder).hydra.mkdir()
        OmegaConf.save(composed, RunFolder(folder).config)
        training = Training(model, data, config, folder)
        with holding(folder), watched(folder, None):
            training.run(StopRequest())
            training.log.close()
        found = ailments(model, data, config, read_records(folder, "round"))
        # That validation samples are few is no news here: they only say when to stop.
        self.health_ = noted([each for each in found if each.kind != "few samples"], folder)
        self._run = load_run(folder, runtime, trust=True)
        self.factors_ = self._scores(X, data)
        return self

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto", trust: bool = False) -> FAVAE:
        """A finished run, of any task whose model has factors, or what `save` wrote.

        The parameters of the estimator are the defaults: those of the run are in its .hydra/config.yaml.

        Args:
            folder: of the run.
            device: as in the class.
            trust: whether the run may run code that does not come with favae-run, and look up variables.

        Raises:
            UserError: no finished run with factors, or no such device.

        Examples:
            >>> import numpy as np, tempfile
            >>> X = {"a": np.random.default_rng(0).normal(size=(50, 3))}
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     FAVAE(factors=2, device="cpu", directory=folder).fit(X)
            ...     FAVAE.load(folder, device="cpu").views_
            FAVAE(device='cpu', directory=..., factors=2)
            {'a': 'real'}
        """
        machine = TypeAdapter(MachineConfig)
        runtime = prepare(
            validated(OmegaConf.create({"device": device, "precision": "auto", "threads": None}), machine)
        )
        loaded = cls(device=device)
        loaded._run = load_run(Path(folder).expanduser(), runtime, trust)
        _ = loaded._run.factors  # or there is nothing here that this class can do
        return loaded

    def _overrides(self) -> list[str]:
        """The parameters as the command line of favae-run would have them."""
        said = {
            "model.factors": self.factors,
            "model.beta": self.beta,
            "schedule.alone_epochs": self.epochs,
            "schedule.rounds": self.rounds,
            "schedule.round_epochs": self.round_epochs,
            "seed": self.seed,
            "trainer.device": self.device,
        }
        return [*(f"{key}={value}" for key, value in said.items() if value is not None), *self.overrides]

    def _new_folder(self) -> Path:
        if self.directory is not None:
            return new_folder(self.directory, "directory")
        folder = Path(tempfile.mkdtemp(prefix="favae-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder
