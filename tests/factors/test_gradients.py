"""Closed-form updates are stationary points of the bound, written out here sample by sample for autograd."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch.distributions import Distribution, Gamma, MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import log_softmax, logsigmoid

from favae_cli.factors import FactorModel, fit
from favae_cli.factors import Gamma as GammaBelief
from favae_cli.factors.bernoulli import Bernoulli
from favae_cli.factors.bound import bound_terms
from favae_cli.factors.categorical import Softmax, contrasts
from favae_cli.factors.embeddings import Embeddings
from favae_cli.factors.ordinal import CumulativeLogit
from favae_cli.factors.pseudo_data import PseudoData
from favae_cli.factors.real import RealEmbedding
from favae_cli.factors.updates import update_ard, update_bias, update_latents, update_noise, update_weights

if TYPE_CHECKING:
    from tests.factors.conftest import Hold, Plant

Blocks = dict[str, torch.Tensor]
PSEUDO = {"x": 0.25, "c": 0.5, "o": 0.5}  # curvatures of the views with a bound on their likelihood
LOCAL = (*PSEUDO, "r")
VIEWS = ("a", "b", *LOCAL)
CENTRES = {"x": np.array([-0.4, 0.7]), "c": np.array([0.3, -0.2, 0.5])}
CUTS = [np.array([-1.0, 0.2, 0.9]), np.array([-0.3, 0.8])]
CATEGORIES = (3, 2)
LOG_TWO_PI = math.log(2 * math.pi)
SAMPLES = 8
COPIES = {"b": 0.5, "x": 3.0}


class Problem:
    """A few samples of a view of each kind, observed, uncertain and inferred, and a model far from converged."""

    def __init__(self, plant: Plant, missing: float, copies: dict[str, float]) -> None:
        self.copies = copies
        rng = np.random.default_rng(3)
        arrays = plant(5, SAMPLES, {"a": 4, "b": 3, "x": 2, "c": 3, "o": 2, "r": 3}, 3, missing).arrays
        gaps = {view: rng.random(arrays[view].shape) < missing for view in LOCAL}
        gaps["c"][:, 1] = gaps["c"][:, 0]  # of one variable
        binary = np.where(np.isnan(arrays["x"]) | gaps["x"], np.nan, arrays["x"] > 0.3)
        kinds = np.digitize(arrays["c"][:, 0], [-0.5, 0.5]), np.digitize(arrays["c"][:, 1], [0.0])
        turned = [np.eye(size)[kind] @ contrasts(size) for kind, size in zip(kinds, CATEGORIES, strict=True)]
        sorts = np.where(np.isnan(arrays["c"]) | gaps["c"], np.nan, np.concatenate(turned, axis=1))
        levels = np.stack([np.digitize(arrays["o"][:, column], CUTS[column]) for column in range(2)], axis=1)
        levels = np.where(np.isnan(arrays["o"]) | gaps["o"], np.nan, levels)
        real = np.where(gaps["r"], np.nan, arrays["r"])
        self.arrays = {"a": arrays["a"], "b": arrays["b"], "x": binary, "c": sorts, "o": levels, "r": real}
        self.variances = {"a": np.zeros((SAMPLES, 4)), "b": rng.uniform(0.1, 1.0, (SAMPLES, 3))}
        self.present = {view: ~np.isnan(array).all(axis=1) for view, array in self.arrays.items()}
        self.local: dict[str, RealEmbedding] = {
            "x": PseudoData(binary, Bernoulli(CENTRES["x"])),
            "c": PseudoData(sorts, Softmax(CATEGORIES, CENTRES["c"])),
            "o": PseudoData(levels, CumulativeLogit(CUTS)),
            "r": RealEmbedding(real),
        }
        fixed = {view: arrays[view] for view in ("a", "b")}
        self.embeddings = Embeddings(fixed, {"b": self.variances["b"]}, self.local, VIEWS)
        self.model = fit(
            self.embeddings.moments(),
            3,
            copies=copies,
            sweeps=3,
            rotate_every=0,
            prune=False,
            local=self.embeddings,
        )

    def parameters(self, model: FactorModel) -> Blocks:
        """q of W, b, alpha and tau."""
        blocks: dict[str, np.ndarray | float] = {}
        for name, view in model.views.items():
            blocks |= {
                f"W mean {name}": view.weights,
                f"W covariance {name}": view.weights_cov,
                f"b mean {name}": view.bias,
                f"b variance {name}": view.bias_var,
                f"alpha shape {name}": np.full(model.factors, view.ard.shape),
                f"alpha rate {name}": view.ard.rate,
            }
            if isinstance(view.noise, GammaBelief):
                blocks |= {f"tau shape {name}": view.noise.shape, f"tau rate {name}": view.noise.rate}
        return _tensors(blocks)

    def latents(self, model: FactorModel) -> Blocks:
        """The optimal q(g) of every sample."""
        mean = self.embeddings.latents(model)
        spread = np.empty((len(mean), model.factors, model.factors))
        for rows, covariance in self.embeddings.apart(model):
            spread[rows] = covariance
        slopes = {f"z slope {view}": model.views[view].weights for view in LOCAL}
        return _tensors({"g mean": mean, "g covariance": spread} | slopes)

    def embedded(self) -> Blocks:
        """q(z) of the views whose z is inferred; a missing entry's given g: its mean moves by `slope` (g - <g>)."""
        return _tensors(
            {f"z mean {view}": self.local[view].mean for view in LOCAL}
            | {f"z variance {view}": self.local[view].variance for view in LOCAL}
            | {f"touch {view}": np.where(np.isnan(self.arrays[view]), 0, self.touch(view)) for view in PSEUDO}
        )

    def touch(self, view: str) -> np.ndarray:
        """(N, D) where the bound touches the likelihood."""
        local = self.local[view]
        assert isinstance(local, PseudoData)
        return local.touch

    def free(self, view: str) -> torch.Tensor:
        """(N, D) which entries are missing though the sample has the view."""
        return torch.tensor(np.isnan(self.arrays[view]) & self.present[view][:, None])

    def bound(self, q: Blocks) -> torch.Tensor:
        """E log p(x, z, g, W, b, alpha, tau) + H[q], with the quadratic bound for log p(x | eta)."""
        total = -sum(_parameters_kl(q, view) for view in VIEWS)
        g = q["g mean"]
        prior = MultivariateNormal(torch.zeros_like(g[0]), torch.eye(g.shape[1], dtype=g.dtype))
        total = total - kl_divergence(MultivariateNormal(g, q["g covariance"]), prior).sum()
        for sample in range(len(g)):
            for view in VIEWS:
                if self.present[view][sample]:
                    total = total + self.copies.get(view, 1.0) * self._embedding(q, sample, view)
        return total

    def _embedding(self, q: Blocks, sample: int, view: str) -> torch.Tensor:
        """E log p(x | z) + E log p(z | g, W, b, tau) + H[q(z)] of one sample's view."""
        if view in LOCAL:
            mean, variance = q[f"z mean {view}"][sample], q[f"z variance {view}"][sample]
        else:
            mean = torch.tensor(self.arrays[view][sample])
            variance = torch.tensor(self.variances[view][sample])
        g, spread = q["g mean"][sample], q["g covariance"][sample]
        weights, covariance = q[f"W mean {view}"], q[f"W covariance {view}"]
        expected = weights @ g + q[f"b mean {view}"]
        unsure = q[f"b variance {view}"] + g @ covariance @ g + torch.trace(covariance @ spread)
        beyond = weights - q[f"z slope {view}"] * self.free(view)[sample, :, None] if view in LOCAL else weights
        unsure = unsure + torch.diagonal(beyond @ spread @ beyond.T)
        square = (mean - expected) ** 2 + variance + unsure
        if view in PSEUDO:
            tau = torch.tensor(PSEUDO[view], dtype=torch.float64)
            log_tau = tau.log()
        else:
            shape, rate = q[f"tau shape {view}"], q[f"tau rate {view}"]
            tau, log_tau = shape / rate, torch.digamma(shape) - torch.log(rate)
        log_density = 0.5 * (log_tau - LOG_TWO_PI - tau * square)
        if view != "a":
            uncertain = variance > 0
            log_density = log_density + Normal(0.0, torch.where(uncertain, variance, 1.0).sqrt()).entropy() * uncertain
        if view not in PSEUDO:
            return log_density.sum()
        seen = torch.tensor(~np.isnan(self.arrays[view][sample]))
        touch = q[f"touch {view}"][sample]
        touch = touch if touch.requires_grad else touch.clone().requires_grad_()
        at = self._log_likelihood(view, sample, touch)
        (slope,) = torch.autograd.grad(at, touch, create_graph=True)
        apart = expected - touch
        bound = at + ((slope * apart - 0.5 * tau * (apart**2 + unsure)) * seen).sum()
        return bound + (log_density * ~seen).sum()

    def _log_likelihood(self, view: str, sample: int, eta: torch.Tensor) -> torch.Tensor:
        """log p(x | eta) of the entries that are seen of one sample."""
        x = self.arrays[view][sample]
        terms = [0 * eta.sum()]
        if view == "x":
            logits = eta + torch.tensor(CENTRES["x"])
            terms += [logsigmoid(logits[d] if x[d] else -logits[d]) for d in range(2) if not np.isnan(x[d])]
        if view == "c":
            start = 0
            for size in CATEGORIES:
                own, basis = slice(start, start + size - 1), contrasts(size)
                if not np.isnan(x[own]).any():
                    logits = torch.tensor(basis) @ (eta[own] + torch.tensor(CENTRES["c"][own]))
                    terms.append(log_softmax(logits, 0)[int(np.argmax(basis @ x[own]))])
                start += size - 1
        if view == "o":
            for column, cuts in enumerate(CUTS):
                if not np.isnan(level := x[column]):
                    up_to = torch.sigmoid(torch.tensor([-math.inf, *cuts, math.inf], dtype=torch.float64) - eta[column])
                    terms.append(torch.log(up_to[int(level) + 1] - up_to[int(level)]))
        return torch.stack(terms).sum()


def _parameters_kl(q: Blocks, view: str) -> torch.Tensor:
    """KL of W, alpha, tau and b; a0 = b0 = 1e-6."""
    tiny = torch.tensor(1e-6, dtype=torch.float64)
    alpha = Gamma(q[f"alpha shape {view}"], q[f"alpha rate {view}"])
    bias = Normal(q[f"b mean {view}"], q[f"b variance {view}"].sqrt())
    beliefs = [kl_divergence(alpha, Gamma(tiny, tiny)).sum()]
    if view not in PSEUDO:
        beliefs.append(kl_divergence(Gamma(q[f"tau shape {view}"], q[f"tau rate {view}"]), Gamma(tiny, tiny)))
    width = (10.0 if view in PSEUDO else 1.0) * torch.ones_like(bias.loc)
    mean, covariance = q[f"W mean {view}"], q[f"W covariance {view}"]
    mean_log = torch.digamma(alpha.concentration) - torch.log(alpha.rate)
    log_prior = 0.5 * (mean_log - LOG_TWO_PI - alpha.mean * (mean**2 + torch.diagonal(covariance)))
    return (
        -log_prior.sum()
        - MultivariateNormal(mean, covariance).entropy().sum()
        + torch.stack(beliefs).sum()
        + kl_divergence(bias, Normal(torch.zeros_like(bias.loc), width)).sum()
    )


def _tensors(blocks: Mapping[str, np.ndarray | float]) -> Blocks:
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in blocks.items()}


def updates(problem: Problem) -> Iterator[tuple[list[str], Blocks]]:
    """The blocks that each closed-form update changes, and q right after it."""
    model, embedded = problem.model, problem.embedded()
    latents = update_latents(model, problem.embeddings.moments(model))
    q = problem.parameters(model) | problem.latents(model) | embedded
    yield ["g mean", "g covariance", *(f"z slope {view}" for view in LOCAL)], q
    for name in VIEWS:
        view, sums = model.views[name], latents.views[name]
        for blocks, update in (
            (["W mean", "W covariance"], lambda view, sums=sums: update_weights(view, sums)),
            (["b mean", "b variance"], lambda view, sums=sums: update_bias(view, sums)),
            (["alpha shape", "alpha rate"], update_ard),
            (["tau shape", "tau rate"], lambda view, sums=sums: update_noise(view, sums)),
        ):
            view = update(view)
            updated = problem.parameters(replace(model, views=model.views | {name: view}))
            yield [f"{block} {name}" for block in blocks if f"{block} {name}" in q], q | updated
    problem.embeddings.settle(model, tolerance=1e-14, steps=2000)
    embedded = problem.embedded()
    yield [*embedded, "g mean"], q | embedded | problem.latents(model)


def gradient_sizes(problem: Problem, q: Blocks, at: Blocks) -> dict[str, float]:
    """Of the bound by each of the blocks `at` that take the place of those of q."""
    variables = {block: value.clone().requires_grad_() for block, value in at.items()}
    gradients = torch.autograd.grad(problem.bound(q | variables), list(variables.values()))
    sizes = {}
    for block, gradient in zip(variables, gradients, strict=True):
        inferred = block.startswith(("z mean", "z variance"))  # what is seen is no choice of q
        sizes[block] = float((gradient[problem.free(block[-1])] if inferred else gradient).norm())
    return sizes


@pytest.fixture(autouse=True, scope="module")
def unchecked_distributions() -> Iterator[None]:
    """Checking the arguments of each distribution would take longer than the bound."""
    Distribution.set_default_validate_args(False)
    yield
    Distribution.set_default_validate_args(True)


Case = tuple[dict[str, float], bool]  # and whether moments are held as rows, or as squares
PLAIN: Case = ({}, True)
COPIED: Case = (COPIES, False)


@pytest.fixture(params=[PLAIN, COPIED], ids=["plain, rows", "copies, squares"])
def problem(request: pytest.FixtureRequest, plant: Plant, missing: float, hold: Hold) -> Problem:
    copies, rows = request.param
    hold(rows)
    return Problem(plant, missing, copies)


@pytest.mark.slow
def test_gradient_vanishes_after_each_update(problem: Problem) -> None:
    checked = set()
    for blocks, q in updates(problem):
        at = gradient_sizes(problem, q, {block: q[block] for block in blocks}) if blocks else {}
        for block in blocks:
            (beside,) = gradient_sizes(problem, q, {block: q[block] * 1.01}).values()
            if block.startswith("z ") and not problem.free(block[-1]).any():
                assert beside == 0  # without holes there is nothing to choose
            else:
                assert at[block] < 1e-9 * beside, block
            checked.add(block)
    assert checked == set(q)


def test_engine_bound_is_the_written_out_bound(problem: Problem) -> None:
    embedded = problem.embedded()
    q = problem.parameters(problem.model) | problem.latents(problem.model) | embedded
    latents = update_latents(problem.model, problem.embeddings.moments(problem.model))
    likelihood = sum(problem.copies.get(view, 1.0) * problem.local[view].log_likelihood() for view in PSEUDO)
    local = problem.local["o"]
    assert isinstance(local, PseudoData)
    likelihood -= local.likelihood.log_prior()  # of the thresholds, which are held here
    engine = sum(bound_terms(problem.model, latents).values()) + likelihood
    assert engine == pytest.approx(float(problem.bound(q).detach()), rel=1e-10)
