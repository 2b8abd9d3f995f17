"""A layer learns to foretell the words of texts, before there are labels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnclf.config import EncoderConfig, TrainingConfig
from attnclf.model.encoder import Encoder
from attnclf.text.ragged import Ragged
from attnclf.training import pretraining
from attnclf.training.limits import Interrupted
from attnclf.training.pretraining import PIECE, LanguageModel, pretrain_language_model

CPU = torch.device("cpu")
WORDS = 12  # of which 0 is padding and 1 unknown
CIRCLE = list(range(2, WORDS))  # every word has one that follows it


class Network(nn.Module):
    """What pretraining touches of a classifier."""

    def __init__(self, cell="lstm", bidirectional=True):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(WORDS, 8, padding_idx=0)
        self.encoder = Encoder(EncoderConfig(cell=cell, hidden=16, bidirectional=bidirectional), 8)


def circles(rows=300, longest=20, seed=0):
    """Texts that start anywhere in the circle and go on along it."""
    choose = np.random.default_rng(seed)
    starts, lengths = choose.integers(0, len(CIRCLE), rows), choose.integers(2, longest, rows)
    return Ragged.of(
        [np.resize(np.roll(CIRCLE, -start), length) for start, length in zip(starts, lengths, strict=True)]
    )


def learned(network, texts, *, watch=lambda progress: None, interrupted=None, **settings):
    return pretrain_language_model(network, texts, TrainingConfig(**settings), CPU, watch, interrupted or Interrupted())


def model(network, texts=None):
    (layer,) = network.encoder.layers
    return LanguageModel(network.embedding, layer, np.bincount((texts or circles()).ids, minlength=WORDS)).eval()


@pytest.mark.parametrize(
    ("cell", "bidirectional"),
    [
        ("lstm", True),
        *(pytest.param(*kind, marks=pytest.mark.long) for kind in (("lstm", False), ("gru", True), ("gru", False))),
    ],
)
def test_what_can_be_predicted_is_learned_in_each_direction(cell, bidirectional):
    network = Network(cell, bidirectional)
    found = learned(network, circles(), pretraining=80)
    assert found.first > 1.5
    assert found.last < 0.4


def test_what_cannot_be_predicted_is_not():
    noise = np.random.default_rng(0).integers(2, WORDS, 4000)
    found = learned(Network(), Ragged.of(np.split(noise, 200)), pretraining=5)
    assert found.last > 0.9 * math.log(len(CIRCLE))


def test_the_loss_is_the_cross_entropy_among_the_drawn_each_less_the_log_of_its_chance(monkeypatch):
    drawn = torch.tensor([5, 7, 5, 3])
    monkeypatch.setattr(torch, "multinomial", lambda *arguments, **named: drawn)
    network = Network()
    speaker = model(network)
    ids, length = torch.tensor([[3, 4, 5]]), torch.tensor([3])
    states = speaker.layer(network.embedding(ids), length)[0]
    expected = []
    for guess, part, places, words in (
        (speaker.guess[0], states[:, :16], (0, 1), (4, 5)),
        (speaker.guess[1], states[:, 16:], (1, 2), (3, 4)),
    ):
        for place, word in zip(places, words, strict=True):
            others = [other for other in drawn.tolist() if other != word]
            scores = [
                guess(part[place]) @ network.embedding.weight[one] + speaker.bias[one] - speaker.chance[one].log()
                for one in [word, *others]
            ]
            expected.append(torch.logsumexp(torch.stack(scores), 0) - scores[0])
    torch.testing.assert_close(speaker(ids, length), torch.stack(expected).mean())


@settings(deadline=None, max_examples=20)
@given(extra=st.integers(1, 9), junk=st.integers(0, WORDS - 1))
def test_what_stands_at_padding_changes_nothing(extra, junk):
    speaker = model(Network())
    ids, lengths = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]]), torch.tensor([4, 2])
    wider = torch.cat([ids, torch.zeros(2, extra, dtype=torch.int64)], dim=1)
    wider[1, 2:] = junk
    losses = []
    for rows in (ids, wider):
        torch.manual_seed(0)
        losses.append(speaker(rows, lengths))
    torch.testing.assert_close(*losses)


@settings(deadline=None, max_examples=50)
@given(lengths=st.lists(st.integers(0, 3 * PIECE), min_size=1, max_size=8))
def test_texts_are_cut_into_pieces_that_lie_as_before_and_span_no_two(lengths):
    texts = Ragged.of([np.full(length, row) for row, length in enumerate(lengths)])
    pieces = pretraining._pieces(texts)
    assert np.array_equal(np.concatenate([*pieces, []]), np.concatenate([*texts, []]))
    assert all(0 < len(piece) <= PIECE and len(set(piece.tolist())) == 1 for piece in pieces)


def test_padding_keeps_its_vector_and_the_words_of_the_texts_get_others():
    network = Network()
    before = network.embedding.weight.detach().clone()
    learned(network, circles(), pretraining=1)
    assert torch.equal(network.embedding.weight[0], before[0])
    assert not torch.isclose(network.embedding.weight[2:], before[2:]).all(dim=1).any()


def test_words_outside_the_vocabulary_count_as_unknown():
    strange, unknown = (Ragged.of([np.array([2, word, 3])] * 50) for word in (WORDS + 3, 1))
    ours, theirs = Network(), Network()
    learned(ours, strange, pretraining=2)
    learned(theirs, unknown, pretraining=2)
    assert torch.equal(ours.embedding.weight, theirs.embedding.weight)


def test_it_reads_no_more_than_it_may(monkeypatch):
    texts = circles()
    monkeypatch.setattr(pretraining, "MOST", 1000)
    found = learned(Network(), texts, pretraining=12)
    assert (found.passes, found.tokens <= 1000 < len(texts.ids)) == (1, True)
    monkeypatch.setattr(pretraining, "MOST", 3 * len(texts.ids))
    assert learned(Network(), texts, pretraining=12)[:2] == (3, 3 * len(texts.ids))


@pytest.mark.parametrize(
    ("texts", "passes"), [(circles(), 0), (Ragged.of([np.array([2])] * 9), 4), (Ragged.of([]), 4)], ids=str
)
def test_where_there_is_nothing_to_foretell_nothing_is_done(texts, passes):
    assert learned(Network(), texts, pretraining=passes) is None


def test_ctrl_c_ends_it_after_the_step():
    stop, steps = Interrupted(), []

    def watch(progress):
        steps.append(progress)
        stop.requested = progress.step == 3

    learned(Network(), circles(), pretraining=9, watch=watch, interrupted=stop)
    assert [(one.step, one.stage, one.finished) for one in steps] == [(step, "words", None) for step in (1, 2, 3)]


def test_at_most_half_of_a_time_limit_goes_into_it(monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(pretraining.time, "monotonic", lambda: next(clock))
    found = learned(Network(), circles(), pretraining=10_000, time_limit=60.0)
    assert found.seconds <= 33


def test_what_is_cut_short_tells_what_was_read_and_how_the_loss_fell():
    stop = Interrupted()

    def watch(progress):
        stop.requested = progress.step == 8

    found = learned(Network(), circles(), pretraining=50, watch=watch, interrupted=stop)
    assert 0 < found.tokens <= 8 * pretraining.BATCH * PIECE
    assert found.tokens < 50 * len(circles().ids)
    assert found.last < found.first
