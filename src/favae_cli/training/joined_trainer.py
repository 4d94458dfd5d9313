"""What the VAEs of all views do together in the rounds: each learns, and learns to be predicted by the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from favae_cli.common.random_streams import torch_generator
from favae_cli.config.run import TrainerConfig
from favae_cli.data import Dataset
from favae_cli.data.dataset import SPLITS
from favae_cli.machine.runtime import send
from favae_cli.models.fa_vae import FAVAE
from favae_cli.models.factor_map import FactorMap
from favae_cli.models.questions import Questions
from favae_cli.training.epoch_state import Moment, Prior, Priors, Totals
from favae_cli.training.joint_trainer import borrowed
from favae_cli.training.recorded import Inputs
from favae_cli.training.stopping import add_up, never
from favae_cli.training.to_device import Rows
from favae_cli.training.trainer import Trainer
from favae_cli.training.vae_trainer import scale_embedding
from favae_cli.views.objective import KLTerm, VaeLoss

Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class JoinedLoss:
    """Terms of the objective, (B,) each in nats a sample; those of a sample that lacks the view do not count.

    Attributes:
        own: by trainable view, its VAE's; `predictive` is at the z that the factors expect given other views.
        inferred: by view without a network, log p(x | what the factors expect), as often as the view counts.
        present: by view, 1 where the sample has it, else 0.
        asked: by view, 1 where it is expected from others, else 0.
        told: by view, how much that expectation counts in training.
        gamma: weight of what is predictive.
    """

    own: dict[str, VaeLoss]
    inferred: dict[str, Tensor]
    present: dict[str, Tensor]
    asked: dict[str, Tensor]
    told: dict[str, Tensor]
    gamma: float

    @property
    def log_likelihood(self) -> Tensor:
        """Of all views."""
        return torch.stack([self.present[name] * part.log_likelihood for name, part in self.own.items()]).sum(0)

    @property
    def kl(self) -> Tensor:
        """Of all views."""
        return torch.stack([self.present[name] * part.kl for name, part in self.own.items()]).sum(0)

    @property
    def predictive(self) -> Tensor:
        """Of all views, as it counts."""
        terms = {name: part.predictive for name, part in self.own.items() if part.predictive is not None}
        terms |= self.inferred
        return torch.stack([self.told[name] * self.asked[name] * term for name, term in terms.items()]).sum(0)

    def objective(self, term: KLTerm, epochs: Tensor | float) -> Tensor:
        """What the KLs cost, each by its view's weight, less log-likelihood and gamma times the predictive one."""
        kl = torch.stack([part.beta * self.present[name] * part.kl for name, part in self.own.items()]).sum(0)
        return term.penalty(kl, epochs) - (self.log_likelihood + self.gamma * self.predictive).mean()


class JoinedTrainer(Trainer):
    """Trains the networks of all views through the factors, which are held fixed.

    To every view's ELBO comes gamma E log p(x_m | z_m = E[z_m | z_o]) for a set o of other views, drawn anew for each
    sample, step and view m: any question that the model can be asked is practised. The expectation is linear in the
    encoders' means (`FactorMap`), so that the encoders of o learn to tell what m is. A view without a network takes
    part with the mean of its z given its own data alone, and is predicted by its own likelihood.

    Args:
        model: whose networks are trained.
        data: with its split.
        settings: the `trainer` section.
        seed: of the run.
        gamma: weight of the predictive log-likelihood.
    """

    def __init__(self, model: FAVAE, data: Dataset, settings: TrainerConfig, seed: int, gamma: float) -> None:
        self.model, self.data, self.gamma = model, data, gamma
        self.views = model.trainable
        self._present = np.stack([data.views[name].present for name in model.views], axis=1)
        self._questions = Questions.about(self._present)
        self._lenders = {name: data.having("train", name) for name in self.views}
        networks = nn.ModuleDict({f"of_{name}": view.networks for name, view in self.views.items()})
        runtime = next(iter(self.views.values())).runtime
        super().__init__("views", networks, self.samples(data, "train"), settings, seed, runtime, tuple(self.views))
        self._rows: dict[str, Rows] = {}
        self._priors: Priors = {}
        self._rank = {name: _ranks(data, name) for name in self.views}
        self._split = np.full(len(data.keys), -1)
        for number, split in enumerate(SPLITS):
            self._split[data.split[split]] = number
        self._still: dict[str, np.ndarray] = {}
        self._seen: dict[str, np.ndarray] = {}
        self._map: FactorMap | None = None

    def samples(self, data: Dataset, split: str) -> np.ndarray:
        """Those that have a view with networks."""
        return data.having(split, any_of=self.views)

    def tie(self, priors: Priors) -> None:
        """Begin, or go on with, a round: its factors are the model's."""
        factors = self.model.joined
        self._map, self._priors, self._recorded = FactorMap(factors, self._questions.given, self.device), priors, None
        everyone = np.arange(len(self.data.keys))
        for name in self.model.inferred_views:
            alone = self.model.embeddings(self.data, everyone, {}, [name])
            alone.settle(factors)
            self._seen[name] = alone.local[name].x.astype(np.float32)
            self._still[name] = np.nan_to_num(alone.local[name].mean).astype(np.float32)
        for name in self.model.encoded_views.keys() - self.views.keys() - self._still.keys():
            self._still[name] = np.nan_to_num(self.model.encode(self.data, everyone, [name])[name].mean)

    def draw(self, noise: torch.Generator) -> Drawn:
        """By view the noise of z, (B, D); and (B, V) the chance by which the given views are chosen."""
        chance = torch.rand(self.batch_size, len(self.model.views), generator=noise)
        return self._noise(self.batch_size, noise) | {"chance": chance}

    def _noise(self, count: int, noise: torch.Generator) -> Drawn:
        return {f"noise/{name}": torch.randn(count, view.size, generator=noise) for name, view in self.views.items()}

    def inputs(self, rows: np.ndarray, drawn: Drawn, prior: Prior) -> Inputs:
        """All views of the samples, which of them there are, and which are given when each is asked for."""
        own = {name: value[self.share] for name, value in drawn.items()}
        asked = self._questions.drawn(self.indices[rows], own.pop("chance").numpy())
        return self._inputs(self.indices[rows], own, asked)

    def _inputs(self, indices: np.ndarray, noise: Drawn, asked: np.ndarray) -> Inputs:
        """Of samples that are all in one split."""
        split = SPLITS[self._split[indices[0]]]
        found = {"present": self._present[indices].astype(np.float32), "asked": asked, **noise}
        for name, view in self.views.items():
            part, prior = self.data.views[name], self._priors[name][split]
            if name not in self._rows:
                self._rows[name] = Rows(part.values, np.arange(len(part.values)), self.device)
            row = borrowed(part.row[indices], part.row[self._lenders[name]])
            rank = np.maximum(self._rank[name][indices], 0)
            found[f"x/{name}"] = view.batch(self._rows[name].gather(row))
            found[f"prior/{name}"] = prior.of(rank, view.size, self.device)
            found[f"precision/{name}"] = prior.precisions(rank, self.device)
        found |= {f"still/{name}": table[indices] for name, table in self._still.items()}
        found |= {f"x/{name}": table[indices] for name, table in self._seen.items()}
        return {name: send(value, self.device) for name, value in found.items()}

    def loss(self, inputs: Inputs, moment: Moment) -> JoinedLoss:
        """Every view's ELBO, and what the others let expect of it."""
        assert self._map is not None
        posterior = {name: view.inference(inputs[f"x/{name}"]) for name, view in self.views.items()}
        means = {name: mean for name, (mean, _) in posterior.items()}
        means |= {name: inputs[f"still/{name}"] for name in self._still}
        expected = self._map.expected(means, inputs["asked"])
        own = {
            name: view.terms(
                inputs[f"x/{name}"],
                posterior[name],
                inputs[f"noise/{name}"],
                inputs[f"prior/{name}"],
                inputs[f"precision/{name}"],
                expected=expected[name],
            )
            for name, view in self.views.items()
        }
        place = {name: i for i, name in enumerate(self.model.views)}
        inferred = {}
        for name, view in self.model.inferred_views.items():
            variance = self._map.variance(name, inputs["asked"][:, place[name]])
            copies = self.model.joined.views[name].copies
            inferred[name] = copies * view.log_likelihood(inputs[f"x/{name}"], expected[name], variance)
        present = {name: inputs["present"][:, i] for name, i in place.items()}
        asked = {name: present[name] * (inputs["asked"][:, i] > 0) for name, i in place.items()}
        told = {name: self._map.told(name, inputs["asked"][:, i]) for name, i in place.items()}
        return JoinedLoss(own, inferred, present, asked, told, self.gamma)

    def summed(self, loss: JoinedLoss) -> Tensor:  # type: ignore[override]
        """(V, 5), of the samples that have each view."""
        rows = []
        for name, part in loss.own.items():
            present, asked = loss.present[name], loss.asked[name]
            assert part.predictive is not None
            terms = [present * part.log_likelihood, present * part.kl, present, asked * part.predictive, asked]
            rows.append(torch.stack(terms).detach().double().sum(1))
        return torch.stack(rows)

    def own(self, priors: Priors, split: str) -> Prior:
        """None of them: each view has one, which `tie` brought."""
        return Prior()

    def test(self, data: Dataset, split: str, priors: Priors, stop: Callable[[], bool] = never) -> dict[str, Totals]:
        """`held_out` of a split; of the training samples for views that nobody in it has."""
        found = super().test(data, split, priors, stop)
        if all(part.count for part in found.values()):
            return found
        instead = super().test(data, "train", priors, stop)
        return {name: part if part.count else instead[name] for name, part in found.items()}

    @torch.inference_mode()
    def held_out(
        self, data: Dataset, indices: np.ndarray, prior: Prior, stop: Callable[[], bool] = never
    ) -> dict[str, Totals]:
        """By view, the sums over samples; what is predicted of a view is given all others that a sample has."""
        self.networks.eval()
        noise = torch_generator(self.seed, self.name, "held out")
        moment = Moment(*torch.zeros(3, dtype=torch.float64, device=self.device))

        def of(part: slice) -> Tensor | None:
            rows = indices[part]
            share = self.world.share(len(rows))
            drawn = {name: value[share] for name, value in self._noise(len(rows), noise).items()}
            if not len(here := rows[share]):
                return None
            return self.summed(self.loss(self._inputs(here, drawn, self._questions.whole(here)), moment))

        parts = next(iter(self.views.values())).parts(len(indices))
        sums = add_up(torch.zeros_like(self._sums), parts, of, self.world, stop)
        return {name: Totals.of(row) for name, row in zip(self.parts, sums, strict=True)}

    def scale_embedding(self, name: str, scale: Tensor | float) -> None:
        """That of one view."""
        scale_embedding(self.views[name], self.optimizer, scale)


def _ranks(data: Dataset, view: str) -> np.ndarray:
    """int64 (N,): by sample, its position among those of its split that have the view; -1 where it lacks it."""
    ranks = np.full(len(data.keys), -1)
    for split in data.split:
        indices = data.having(split, view)
        ranks[indices] = np.arange(len(indices))
    return ranks
