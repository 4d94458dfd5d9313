"""Texts: every one comes back from its tokens, the likelihood is of a text as a whole, and names are learned."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from favae_cli.config.views import TextViewConfig as Section
from favae_cli.config.views import TokenArch
from favae_cli.machine.runtime import Runtime
from favae_cli.nets.tokens import END
from favae_cli.training import checkpoint
from favae_cli.views.objective import KLTerm
from favae_cli.views.text import Categorical, TextView
from favae_cli.views.vocabulary import FEWEST, Vocabulary

COLOURS, SHAPES = ("red", "blue", "dark green", "yellow"), ("square", "circle", "triangle")
NAMES = np.array([f"{colour} {shape}" for colour, shape in product(COLOURS, SHAPES)], object)
VOCABULARY, LENGTH, LATENT = 300, 6, 4


def view(seed: int = 0, bf16: bool = False) -> TextView:
    arch = TokenArch(name="tokens", embedding=12, hidden=32, layers=1)
    section = Section(type="text", arch=arch, latent=LATENT, vocabulary=VOCABULARY, length=LENGTH, beta=None, data=None)
    return TextView(section, (), Runtime(torch.device("cpu"), bf16), torch.Generator().manual_seed(seed))


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))


def texts(*found: str) -> np.ndarray:
    return np.array(found, object)


@pytest.fixture(scope="module")
def learned() -> TextView:
    """After a short time of the objective that the training loop minimises, alone with the prior N(0, I)."""
    made = view()
    made.fit(NAMES)
    optimizer = torch.optim.AdamW(made.networks.parameters(), lr=1e-2)
    made.networks.train()
    for step in range(120):
        rows = np.random.default_rng(step).integers(0, len(NAMES), 48)
        loss = made.loss(made.batch(NAMES[rows]), noise(48, step), torch.zeros(48, LATENT), 1.0)
        optimizer.zero_grad()
        loss.objective(KLTerm(0.3), step).backward()
        optimizer.step()
    return made


# The vocabulary


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=5))
def test_every_text_comes_back_from_its_tokens(found: list[str]) -> None:
    vocabulary = Vocabulary(VOCABULARY, 200)
    vocabulary.fit(NAMES)
    assert vocabulary.texts(vocabulary.tokens(texts(*found)).tolist()) == found


def test_frequent_pieces_become_tokens_of_their_own() -> None:
    vocabulary = Vocabulary(VOCABULARY, LENGTH)
    before = vocabulary.tokens(texts("red square", "zebra"))
    assert (before != END).sum(axis=1).tolist() == [LENGTH, 5]  # a token for each byte, and what is longer is cut
    vocabulary.fit(NAMES)
    after = vocabulary.tokens(texts("red square", "zebra", ""))
    assert (after != END).sum(axis=1).tolist() == [2, 5, 0]
    assert after.shape == (3, LENGTH)
    assert after.max() < VOCABULARY


def test_the_vocabulary_follows_from_the_training_texts_alone() -> None:
    first, second, other = (Vocabulary(VOCABULARY, LENGTH) for _ in range(3))
    first.fit(NAMES)
    second.fit(texts("something", "else", "something"))
    second.fit(NAMES[np.random.default_rng(0).permutation(len(NAMES))])
    other.fit(texts("something", "else", "something"))
    assert torch.equal(first.merges, second.merges)
    assert not torch.equal(first.merges, other.merges)


@pytest.mark.parametrize("size", [FEWEST, FEWEST + 3, 2000])
def test_its_shape_does_not_depend_on_the_texts(size: int) -> None:
    for some in (NAMES, texts(""), texts("aaaa", "aaaa", "aa")):
        vocabulary = Vocabulary(size, LENGTH)
        vocabulary.fit(some)
        assert vocabulary.merges.shape == (size - FEWEST, 2)
        other = Vocabulary(size, LENGTH)
        other.load_state_dict(vocabulary.state_dict())
        np.testing.assert_array_equal(other.tokens(NAMES), vocabulary.tokens(NAMES))
        assert vocabulary.tokens(NAMES).max() < size


def test_a_text_that_is_too_long_is_cut_and_tokens_without_meaning_say_nothing() -> None:
    vocabulary = Vocabulary(VOCABULARY, 3)
    vocabulary.fit(NAMES)
    assert vocabulary.texts(vocabulary.tokens(texts("red square square square"))) == ["red square square"]
    assert vocabulary.texts([[VOCABULARY - 1, END, 5]]) == [""]  # so many pieces the names do not have


# The likelihood


def test_the_probabilities_of_all_texts_sum_to_one() -> None:
    logits = 2 * torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(0))
    every = torch.tensor(sorted({_cut(row) for row in product(range(4), repeat=3)}))
    assert len(every) == 1 + 3 + 3 * 3 + 3**3
    total = Categorical().log_prob(every, logits.expand(len(every), -1, -1)).exp().sum()
    assert total.item() == pytest.approx(1, rel=1e-5)


def _cut(row: tuple[int, ...]) -> tuple[int, ...]:
    """Nothing behind the first end."""
    end = row.index(END) if END in row else len(row)
    return row[:end] + (END,) * (len(row) - end)


def test_log_likelihood_counts_the_tokens_and_one_end() -> None:
    logits = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    x = torch.tensor([[3, 1, END, END], [2, 2, 4, 1]])
    log_p = logits.log_softmax(2)
    expected = [log_p[0, 0, 3] + log_p[0, 1, 1] + log_p[0, 2, END], log_p[1, torch.arange(4), x[1]].sum()]
    found = Categorical().log_prob(x, logits)
    torch.testing.assert_close(found, torch.stack(expected))
    found.sum().backward()
    assert not logits.grad[0, 3].any()


# The view


def test_names_come_back_exactly(learned: TextView) -> None:
    encoded = learned.encode(NAMES)
    assert encoded.mean.shape == encoded.variance.shape == (len(NAMES), LATENT)
    decoded = learned.decode(encoded.mean)
    assert decoded.dtype == object
    assert decoded.tolist() == NAMES.tolist()
    assert learned.deviation(encoded.mean, encoded.variance) is None


def test_unseen_letters_and_empty_texts_are_encoded_and_decoded_to_something(learned: TextView) -> None:
    strange = texts("", "赤い四角", "🙂" * 50, "red\tsquare\n", "RED SQUARE", "\x00")
    encoded = learned.encode(strange)
    assert np.isfinite(encoded.mean).all()
    assert all(isinstance(text, str) for text in learned.decode(100 * noise(50).numpy()))
    loss = learned.loss(learned.batch(strange), noise(6), torch.zeros(6, LATENT), 1.0)
    assert loss.log_likelihood.isfinite().all()


@pytest.mark.parametrize("bf16", [False, True])
def test_encodings_do_not_depend_on_the_company(bf16: bool) -> None:
    made, some = view(bf16=bf16), np.resize(NAMES, 300)
    made.fit(NAMES)
    together = made.encode(some).mean
    assert together.dtype == np.float32
    apart = np.concatenate([made.encode(part).mean for part in np.array_split(some, 7)])
    np.testing.assert_allclose(apart, together, atol=0.05 if bf16 else 1e-5)
    assert len(np.unique(together[: len(NAMES)].round(4), axis=0)) == len(NAMES)


def test_every_weight_has_a_finite_gradient() -> None:
    made = view()
    made.fit(NAMES)
    loss = made.loss(made.batch(NAMES), noise(len(NAMES)), torch.zeros(len(NAMES), LATENT), 1.0)
    loss.objective(KLTerm(1.0), 0).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.networks.parameters())


def test_rescaling_the_embedding_leaves_what_is_decoded(learned: TextView) -> None:
    made = view()
    made.networks.load_state_dict(learned.networks.state_dict())
    before = made.encode(NAMES)
    made.scale_embedding(0.2)
    after = made.encode(NAMES)
    np.testing.assert_allclose(after.mean, 0.2 * before.mean, rtol=1e-4, atol=1e-5)
    assert made.decode(after.mean).tolist() == NAMES.tolist()


def test_a_checkpoint_holds_networks_and_vocabulary(learned: TextView, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "last", learned.networks.state_dict(), {})
    other = view(seed=1)
    other.networks.load_state_dict(checkpoint.load(tmp_path / "last")[0])
    np.testing.assert_array_equal(other.encode(NAMES).mean, learned.encode(NAMES).mean)
    assert other.decode(learned.encode(NAMES).mean).tolist() == NAMES.tolist()
