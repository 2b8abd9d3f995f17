"""The network: the same text, the same answer, whatever stands beside it."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnclf.catalog import ARCHITECTURES
from attnclf.config import AttentionConfig, Config, EmbeddingConfig, EncoderConfig, ModelConfig, TextConfig
from attnclf.model.embedding import token_embedding
from attnclf.model.encoder import Encoder, Recurrence, reversal
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.building import build

VOCABULARY, LABELS, LONGEST = 30, 4, 130
LENGTHS = [5, 1, 9, 3, 9, 2]
NETWORKS = list(
    itertools.product(["lstm", "gru"], [1, 2], [True, False], ["temporal", "additive"], ["soft", "soft+max"])
)


def scrambled(network, seed=0):
    """Give every parameter sizeable random values, so that no path of the network is silent."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for embedding in network.modules():
            if isinstance(embedding, nn.Embedding):
                embedding.weight[0] = 0
    return network.eval()


def tiny(cell="lstm", layers=1, bidirectional=True, score="temporal", context="soft"):
    config = ModelConfig(
        embedding=EmbeddingConfig(dim=6, token_dropout=0.1),
        encoder=EncoderConfig(cell=cell, hidden=5, layers=layers, bidirectional=bidirectional),
        attention=AttentionConfig(score=score, context=context),
    )
    return scrambled(ARCHITECTURES["temporal"].build(config, VOCABULARY, LABELS, LONGEST))


def texts(lengths=tuple(LENGTHS), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def padded(rows, extra=0):
    """Return ids (batch, time) and lengths (batch,), with `extra` columns of padding after the longest row."""
    ids = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return nn.functional.pad(ids, (0, extra)), torch.tensor([len(row) for row in rows])


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


# The same answer


@pytest.mark.parametrize(("cell", "layers", "bidirectional", "score", "context"), NETWORKS)
def test_a_text_gets_the_same_answer_alone_in_any_batch_and_with_any_padding(
    cell, layers, bidirectional, score, context
):
    network = tiny(cell, layers, bidirectional, score, context)
    rows = texts()
    with torch.no_grad():
        together = network(*padded(rows))
        longer = network(*padded(rows, extra=11))
        backwards = network(*padded(rows[::-1]))
        close(longer.logits, together.logits)
        close(longer.weights[:, : together.weights.shape[1]], together.weights)
        close(backwards.logits.flip(0), together.logits)
        for place, row in enumerate(rows):
            alone = network(*padded([row]))
            close(alone.logits[0], together.logits[place])
            close(alone.weights[0], together.weights[place, : len(row)])
            assert (together.weights[place, len(row) :] == 0).all()
            assert alone.weights.sum().item() == pytest.approx(1, abs=1e-5)
    assert (together.logits.std(dim=0) > 1e-2).any(), "the texts get the same answer: the test would see nothing"


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("lstm", 2), ("gru", 1), ("gru", 2)])
@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 2**31), lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6), extra=st.integers(0, 9)
)
def test_whatever_vectors_stand_at_padding_change_nothing(cell, layers, seed, lengths, extra):
    network = tiny(cell, layers, context="soft+max")
    generator = torch.Generator().manual_seed(seed)
    counts = torch.tensor(lengths)
    vectors = torch.randn(len(lengths), int(counts.max()) + extra, 6, generator=generator)
    real = (torch.arange(vectors.shape[1]) < counts.unsqueeze(1)).unsqueeze(-1)
    with torch.no_grad():
        clean = network.classify(vectors * real, counts)
        junk = network.classify(torch.where(real, vectors, 1e3 * vectors), counts)
    close(junk.logits, clean.logits)
    close(junk.weights, clean.weights)


def test_no_gradient_reaches_the_vectors_at_padding():
    network = tiny(layers=2, context="soft+max").train()
    ids, lengths = padded(texts())
    vectors = network.embedding(ids).detach().requires_grad_()
    network.classify(vectors, lengths).logits.square().sum().backward()
    real = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
    assert (vectors.grad[~real] == 0).all()
    assert (vectors.grad[real] != 0).any()


def test_dropout_works_in_training_and_rests_in_evaluation():
    network, inputs = tiny(), padded(texts())
    close(network(*inputs).logits, network(*inputs).logits)
    network.train()
    assert not torch.equal(network(*inputs).logits, network(*inputs).logits)


# The encoder


@settings(deadline=None)
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5), extra=st.integers(0, 4))
def test_reversal_turns_each_row_inside_its_own_length(lengths, extra):
    time = max(lengths) + extra
    order = reversal(torch.tensor(lengths), time).tolist()
    for length, row in zip(lengths, order, strict=True):
        positions = list(range(time))
        assert row == positions[:length][::-1] + positions[length:]


def copied(cell, in_dim, hidden, layers, bidirectional):
    """Return our encoder and torch's own recurrent network with the same random weights."""
    config = EncoderConfig(cell=cell, hidden=hidden, layers=layers, bidirectional=bidirectional, dropout=0.3)
    ours = scrambled(Encoder(config, in_dim))
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    theirs = kind(in_dim, hidden, layers, batch_first=True, bidirectional=bidirectional)
    with torch.no_grad():
        for number, layer in enumerate(ours.layers):
            for side, suffix in ((layer.ahead, ""), (layer.back, "_reverse")):
                for name, value in side.named_parameters() if side is not None else ():
                    getattr(theirs, name.replace("_l0", f"_l{number}{suffix}")).copy_(value)
    return ours, theirs


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_encoder_equals_torch_on_packed_sequences(cell, layers, bidirectional):
    ours, theirs = copied(cell, 6, 4, layers, bidirectional)
    lengths = torch.tensor(LENGTHS)
    vectors = torch.randn(len(LENGTHS), max(LENGTHS), 6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        expected = pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
        states = ours(vectors, lengths).states
    assert states.shape == (len(LENGTHS), max(LENGTHS), ours.out_dim)
    real = torch.arange(max(LENGTHS)) < lengths.unsqueeze(1)
    close(states[real], expected[real])


@pytest.mark.parametrize("layers", [1, 2])
def test_states_may_end_with_the_vectors_that_they_began_with(layers):
    bare = EncoderConfig(hidden=4, layers=layers)
    alone = scrambled(Encoder(bare, 6))
    beside = scrambled(Encoder(dataclasses.replace(bare, output="states+vectors"), 6))
    vectors, lengths = torch.randn(2, 3, 6), torch.tensor([3, 2])
    with torch.no_grad():
        states = beside(vectors, lengths).states
        assert torch.equal(states, torch.cat([alone(vectors, lengths).states, vectors], dim=-1))
    assert states.shape[-1] == beside.out_dim == alone.out_dim + 6


def test_the_forget_gate_starts_open_and_recurrent_gates_orthogonal():
    layer = Recurrence("lstm", 6, 4, bidirectional=True)
    for rnn in (layer.ahead, layer.back):
        bias = rnn.bias_ih_l0 + rnn.bias_hh_l0
        assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
        for gate in rnn.weight_hh_l0.split(4):
            close(gate @ gate.T, torch.eye(4))


# Embedding


def test_the_table_starts_small_and_with_nothing_at_padding():
    table = token_embedding(VOCABULARY, 6).weight
    assert (table[0] == 0).all()
    assert 0.05 < table[1:].std().item() < 0.2


def test_padding_teaches_nothing():
    network = tiny().train()
    ids, lengths = padded(texts(), extra=3)
    network(ids, lengths).logits.square().sum().backward()
    gradient = network.embedding.weight.grad
    assert (gradient[0] == 0).all()
    assert (gradient[ids[0, 0]] != 0).any()


def test_frozen_vectors_come_from_the_file_and_get_no_gradient(tmp_path):
    file = tmp_path / "words.vec"
    file.write_text("2 3\ngood 1 2 3\nfilm 4 5 6\n", encoding="utf-8")
    config = Config(
        text=TextConfig(min_frequency=1),
        model=ModelConfig(
            embedding=EmbeddingConfig(dim=6, vectors=str(file), trainable=False),
            encoder=EncoderConfig(hidden=5),
        ),
    )
    said = ["a good film", "a bad film"] * 3
    tokenizer = Tokenizer.learn(said, **dataclasses.asdict(config.text))
    tokens = tokenizer.encode(said).filled(tokenizer.blank).packed(tokenizer.size)
    network, config = build(config, tokenizer, LABELS, lambda line: None)
    assert config.model.embedding.dim == 3
    table = network.embedding.weight
    assert table[tokenizer.tokens.index("film")].tolist() == [4, 5, 6]
    ids, lengths = tokens.padded(np.arange(6))
    network(torch.from_numpy(ids), torch.from_numpy(lengths)).logits.square().sum().backward()
    assert table.grad is None
    assert (network.dense.weight.grad != 0).any()
