"""Sequences of real values: what their likelihood is, what is not seen, and that they come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import expit

from favae_cli.config.views import Conv1dArch, GruArch
from favae_cli.config.views import SequenceViewConfig as Section
from favae_cli.machine.runtime import Runtime
from favae_cli.training import checkpoint
from favae_cli.views.likelihoods import Variance
from favae_cli.views.objective import KLTerm
from favae_cli.views.sequence import SequenceView

STEPS, CHANNELS, LATENT, VARIANCE = 12, 2, 6, 0.05
GRU = GruArch(name="gru", hidden=20, layers=1)
CONV = Conv1dArch(name="conv1d", channels=[24, 32], kernel=5, stride=2, leak=0.1)
BOTH = pytest.mark.parametrize("arch", [GRU, CONV], ids=["gru", "conv1d"])
Learned = Callable[[GruArch | Conv1dArch], SequenceView]
BOTH_LEARNED = pytest.mark.parametrize(  # a recurrent network takes seconds to learn
    "arch", [pytest.param(GRU, marks=pytest.mark.slow), CONV], ids=["gru", "conv1d"]
)


def view(
    arch: GruArch | Conv1dArch = GRU, variance: Variance = VARIANCE, seed: int = 0, bf16: bool = False
) -> SequenceView:
    section = Section(type="sequence", arch=arch, latent=LATENT, variance=variance, beta=None, data=None)
    runtime = Runtime(torch.device("cpu"), bf16)
    return SequenceView(section, (STEPS, CHANNELS), runtime, torch.Generator().manual_seed(seed))


def sines(count: int = 240, seed: int = 0, holes: float = 0.1) -> np.ndarray:
    """A sine and its cosine on scales of their own, of different frequency, phase and length, a tenth missing."""
    rng = np.random.default_rng(seed)
    frequency, phase = rng.uniform(0.1, 0.5, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    angle = frequency * np.arange(STEPS) + phase
    values = np.stack([100 + 20 * np.sin(angle), 0.03 * np.cos(angle)], axis=2).astype(np.float32)
    values[rng.random(values.shape) < holes] = np.nan
    for row, length in zip(values, rng.choice([6, 9, STEPS], count), strict=True):
        row[length:] = np.nan
    return values


def ends(values: np.ndarray) -> np.ndarray:
    """(R,) steps up to the last at which anything is there."""
    return np.array([np.flatnonzero(~np.isnan(row).all(axis=1)).max(initial=0) + 1 for row in values])


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))


def trained(arch: GruArch | Conv1dArch, values: np.ndarray, epochs: int = 30) -> SequenceView:
    """After a short time of the objective that the training loop minimises, alone with the prior N(0, I)."""
    found = view(arch)
    found.fit(values)
    optimizer = torch.optim.AdamW(found.networks.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    rng = np.random.default_rng(0)
    found.networks.train()
    for epoch in range(epochs):
        for rows in np.split(rng.permutation(len(values)), 4):
            x = found.batch(values[rows])
            drawn = noise(len(rows), seed=int(rng.integers(2**31)))
            loss = found.loss(x, drawn, torch.zeros(len(rows), LATENT), 1.0).objective(KLTerm(1.0), epoch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(found.networks.parameters(), 10.0)
            optimizer.step()
        schedule.step()
    return found


@pytest.fixture(scope="module")
def learned() -> Learned:
    """A view of that architecture that has learned the sines."""
    found: dict[str, SequenceView] = {}

    def of(arch: GruArch | Conv1dArch) -> SequenceView:
        if arch.name not in found:
            found[arch.name] = trained(arch, sines())
        return found[arch.name]

    return of


# What the likelihood is


@pytest.mark.parametrize("variance", [VARIANCE, "learned"])
def test_likelihood_of_seen_entries_and_of_the_length(variance: Variance) -> None:
    values = sines(9)
    values[0] = np.where(np.arange(STEPS)[:, None] < 5, values[0], np.nan)
    values[1, 2:6] = np.nan  # a hole of whole steps is no end
    made = view(variance=variance)
    made.fit(sines(200, seed=1))
    output = torch.randn(9, STEPS, CHANNELS + 1, generator=torch.Generator().manual_seed(0))

    train = sines(200, seed=1).astype(float)
    centre, scale = np.nanmean(train, axis=(0, 1)), np.nanstd(train, axis=(0, 1))
    deviation = made.likelihood.noise.variance(torch.zeros(CHANNELS)).sqrt().tolist()  # before it has learned
    assert variance == "learned" or deviation == pytest.approx([VARIANCE**0.5] * CHANNELS)
    expected = np.zeros(9)
    for i, length in enumerate(ends(values)):
        for t in range(STEPS):
            for c in range(CHANNELS):
                if not np.isnan(values[i, t, c]):
                    standardised = (values[i, t, c] - centre[c]) / scale[c]
                    expected[i] += stats.norm.logpdf(standardised, output[i, t, c].item(), deviation[c])
            if t > 0:
                expected[i] += stats.bernoulli.logpmf(t < length, expit(output[i, t, -1].item()))
    found = made.log_likelihood(made.batch(values), output)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-4)


def test_what_is_missing_changes_neither_likelihood_nor_gradient() -> None:
    values, made = sines(20), view()
    x = made.batch(values)
    output = torch.randn(20, STEPS, CHANNELS + 1, generator=torch.Generator().manual_seed(0), requires_grad=True)
    made.log_likelihood(x, output).sum().backward()
    gradient = output.grad[..., :-1]
    assert torch.equal(gradient == 0, x.isnan())
    assert output.grad[:, 1:, -1].ne(0).all()


# Data space


def test_decoded_sequences_are_in_the_units_of_the_data_and_end() -> None:
    values, made = sines(), view()
    made.fit(values)
    made.decoder.get_parameter("body.readout.bias").data[-1] = 0.0
    z = 3 * noise(200).numpy()
    decoded, output = made.decode(z), made.generative(torch.from_numpy(z)).detach().numpy()
    assert decoded.dtype == np.float64
    for row, made_of_it in zip(decoded, output, strict=True):
        behind = np.flatnonzero(made_of_it[1:, -1] < 0)
        length = behind[0] + 1 if len(behind) else STEPS
        assert np.isnan(row[length:]).all()
        centre, scale = np.nanmean(values, axis=(0, 1)), np.nanstd(values, axis=(0, 1))
        np.testing.assert_allclose(row[:length], centre + scale * made_of_it[:length, :-1], rtol=1e-3, atol=1e-4)
    assert len(set(ends(decoded))) > 2


@pytest.mark.parametrize(("bias", "length"), [(-50.0, 1), (50.0, STEPS)])
def test_a_decoded_sequence_has_one_step_at_least_and_all_at_most(bias: float, length: int) -> None:
    made = view()
    made.decoder.get_parameter("body.readout.bias").data[-1] = bias
    assert ends(made.decode(noise(5).numpy())).tolist() == [length] * 5


@BOTH_LEARNED
def test_deviations_are_in_the_units_of_the_data_and_have_the_decoded_shape(
    arch: GruArch | Conv1dArch, learned: Learned
) -> None:
    made = learned(arch)
    encoded = made.encode(sines(50, seed=1))
    decoded, found = made.decode(encoded.mean), made.deviation(encoded.mean, encoded.variance)
    assert found.shape == decoded.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(decoded))
    scale = np.nanstd(sines(), axis=(0, 1))
    certain = made.deviation(encoded.mean, np.zeros_like(encoded.variance))
    np.testing.assert_allclose(np.nanmean(certain, axis=(0, 1)), VARIANCE**0.5 * scale, rtol=1e-3)
    assert (np.nanmean(found, axis=(0, 1)) > np.nanmean(certain, axis=(0, 1))).all()


@BOTH_LEARNED
def test_planted_sequences_come_back(arch: GruArch | Conv1dArch, learned: Learned) -> None:
    made, values, whole = learned(arch), sines(200, seed=1), sines(200, seed=1, holes=0.0)
    decoded = made.decode(made.encode(values).mean)
    for channel in range(CHANNELS):
        truth, found = whole[..., channel], decoded[..., channel]
        both = ~np.isnan(truth) & ~np.isnan(found)
        error = np.square(truth - found)[both].mean() / truth[both].var()
        assert error < 0.1, f"R2 {1 - error:.3f}"
    assert np.abs(ends(decoded) - ends(whole)).mean() < 1.5  # they differ by 2 from their median


# Its embedding


@BOTH
@pytest.mark.parametrize("bf16", [False, True])
def test_encodings_do_not_depend_on_the_company_nor_on_the_order(arch: GruArch | Conv1dArch, bf16: bool) -> None:
    made, values = view(arch, bf16=bf16), sines(300)  # more than a batch
    made.fit(values)
    together = made.encode(values)
    assert together.mean.shape == together.variance.shape == (300, LATENT)
    assert together.mean.dtype == np.float32
    rows = np.argsort(ends(values))
    apart = [made.encode(values[part]).mean for part in np.array_split(rows, 7)]
    np.testing.assert_allclose(np.concatenate(apart), together.mean[rows], atol=0.05 if bf16 else 1e-5)


@BOTH
def test_units_do_not_matter_to_the_embedding_once_it_is_fitted(arch: GruArch | Conv1dArch) -> None:
    values, units, shift = sines(), np.array([30, 0.2], np.float32), np.array([-8, 5], np.float32)
    plain, other = view(arch), view(arch)
    plain.fit(values)
    other.fit(values * units + shift)
    np.testing.assert_allclose(other.encode(values * units + shift).mean, plain.encode(values).mean, atol=1e-3)
    z = noise(5).numpy()
    np.testing.assert_allclose(other.decode(z), plain.decode(z) * units + shift, rtol=1e-3, atol=1e-2)


@BOTH
def test_gradients_are_finite_on_incomplete_data(arch: GruArch | Conv1dArch) -> None:
    made, values = view(arch, "learned"), sines(12, holes=0.6)
    values[0, :, 1] = np.nan  # a channel that the sample lacks
    values[1, 1:] = np.nan
    made.fit(values)
    loss = made.loss(made.batch(values), noise(12), torch.zeros(12, LATENT), 1.0)
    loss.objective(KLTerm(1.0), 0).backward()
    gradients = [parameter.grad for parameter in made.networks.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@BOTH_LEARNED
def test_rescaling_the_embedding_leaves_what_is_decoded(arch: GruArch | Conv1dArch, learned: Learned) -> None:
    made, values = view(arch), sines(20)
    made.networks.load_state_dict(learned(arch).networks.state_dict())
    before = made.encode(values)
    decoded = made.decode(before.mean)
    made.scale_embedding(0.2)
    after = made.encode(values)
    np.testing.assert_allclose(after.mean, 0.2 * before.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after.variance, 0.04 * before.variance, rtol=1e-4)
    np.testing.assert_allclose(made.decode(after.mean), decoded, rtol=1e-4, atol=1e-4)


@BOTH_LEARNED
def test_a_checkpoint_holds_all_that_it_has_learned(
    arch: GruArch | Conv1dArch, learned: Learned, tmp_path: Path
) -> None:
    made, other, values = learned(arch), view(arch, seed=1), sines(20, seed=1)
    checkpoint.save(tmp_path / "last", made.networks.state_dict(), {})
    other.networks.load_state_dict(checkpoint.load(tmp_path / "last")[0])
    np.testing.assert_array_equal(other.encode(values).mean, made.encode(values).mean)
    z = noise(5).numpy()
    np.testing.assert_array_equal(other.decode(z), made.decode(z))
