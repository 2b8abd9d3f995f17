"""The label decoder: its steps against formulas in plain numpy, its search against every sequence there is."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import AttentionConfig, DecoderConfig, EmbeddingConfig, EncoderConfig, ModelConfig
from attnclf.errors import ConfigError
from attnclf.model.decoder import Step
from attnclf.model.search import most_probable

VOCABULARY, LABELS, LONGEST = 30, 3, 40
LENGTHS = [5, 1, 9, 3]


def network(seed=0, labels=LABELS, size=0.7, alignment="global", score="additive", hidden=4, **decoder):
    """Return a network with sizeable random parameters, so that no path of it is silent."""
    config = ModelConfig(
        architecture="label-decoder",
        embedding=EmbeddingConfig(dim=6),
        encoder=EncoderConfig(hidden=hidden),
        attention=AttentionConfig(score=score, alignment=alignment),
        decoder=DecoderConfig(**decoder),
    )
    made = ARCHITECTURES["label-decoder"].build(config, VOCABULARY, labels, LONGEST)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)
        made.embedding.weight[0] = 0
    return made.eval()


def texts(lengths=tuple(LENGTHS), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, VOCABULARY, (length,), generator=generator) for length in lengths]


def padded(rows, extra=0):
    ids = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    return nn.functional.pad(ids, (0, extra)), torch.tensor([len(row) for row in rows])


def close(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-5, rtol=0)


# One step, written from the papers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def lstm(p, x, h, c):
    """Hochreiter & Schmidhuber 1997 with a forget gate (Gers et al. 2000); gates i, f, g, o."""
    gates = x @ p["rnn.weight_ih"].T + p["rnn.bias_ih"] + h @ p["rnn.weight_hh"].T + p["rnn.bias_hh"]
    i, f, g, o = np.split(gates, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(p, x, h):
    """Cho et al. 2014, the reset gate after the product, as in the encoder; gates r, z, n."""
    xr, xz, xn = np.split(x @ p["rnn.weight_ih"].T + p["rnn.bias_ih"], 3, axis=-1)
    hr, hz, hn = np.split(h @ p["rnn.weight_hh"].T + p["rnn.bias_hh"], 3, axis=-1)
    z = sigmoid(xz + hz)
    return ((1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * h,)


CELLS = {"lstm": lstm, "gru": gru}


def parameters(module):
    return {name: value.detach().numpy().astype(float) for name, value in module.named_parameters()}


def under(p, prefix):
    return {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}


def bahdanau(p, cell, previous, state, keys, length):
    """Bahdanau et al. 2015: e_j = vᵀ tanh(W s_{i-1} + U h_j), s_i = f(s_{i-1}, y_{i-1}, c_i), and a maxout layer."""
    before = state[0]
    energies = [
        np.tanh(p["attention.score.w_query"] @ before + p["attention.score.w_key"] @ h) @ p["attention.score.v"]
        for h in keys[:length]
    ]
    weights = softmax(np.array(energies))
    context = sum(a * h for a, h in zip(weights, keys, strict=False))
    state = CELLS[cell](under(p, "cell."), np.concatenate([previous, context]), *state)
    deep = p["deep.weight"] @ np.concatenate([state[0], previous, context]) + p["deep.bias"]
    t = np.maximum(deep[0::2], deep[1::2])
    return p["dense.weight"] @ t + p["dense.bias"], state, weights


def luong(p, cell, feeding, previous, state, keys, length):
    """Luong et al. 2015: score(s_i, h_j) = s_iᵀ W h_j (general), h̃ = tanh(W_c [c; s_i]), softmax(W_s h̃)."""
    *recurrent, fed = state
    after = CELLS[cell](under(p, "cell."), np.concatenate([previous, fed]) if feeding else previous, *recurrent)
    weights = softmax(np.array([after[0] @ p["attention.score.w"] @ h for h in keys[:length]]))
    context = sum(a * h for a, h in zip(weights, keys, strict=False))
    joined = np.tanh(p["join.weight"] @ np.concatenate([context, after[0]]))
    return p["dense.weight"] @ joined + p["dense.bias"], (*after, joined), weights


STYLES = {
    "bahdanau": ({"style": "bahdanau"}, "additive"),
    "luong, fed": ({"style": "luong"}, "general"),
    "luong, not fed": ({"style": "luong", "input_feeding": False}, "general"),
}


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("style", list(STYLES))
def test_steps_agree_with_the_formulas_of_the_papers(style, cell):
    settings, score = STYLES[style]
    decoder = network(score=score, cell=cell, **settings).decoder
    p = parameters(decoder)
    generator = torch.Generator().manual_seed(3)
    keys = torch.randn(len(LENGTHS), max(LENGTHS), 8, generator=generator)
    keep = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    state = decoder.start(torch.randn(len(LENGTHS), 1, 8, generator=generator))
    theirs = [tuple(part[row, 0].numpy().astype(float) for part in state) for row in range(len(LENGTHS))]
    for number in range(3):  # the second and third show what a state carries on
        previous = torch.randn(len(LENGTHS), 1, 6, generator=generator)
        with torch.no_grad():
            step = decoder(previous, state, keys, keep, number)
        state = step.state
        for row, length in enumerate(LENGTHS):
            given_ = previous[row, 0].numpy().astype(float), theirs[row], keys[row].numpy().astype(float), length
            if style == "bahdanau":
                logits, theirs[row], weights = bahdanau(p, cell, *given_)
            else:
                logits, theirs[row], weights = luong(p, cell, style == "luong, fed", *given_)
            close(step.logits[row, 0], logits)
            close(step.weights[row, 0, :length], weights)
            assert (step.weights[row, 0, length:] == 0).all()
            for part, their in zip(state, theirs[row], strict=True):
                close(part[row, 0], their)


def test_several_hypotheses_are_queries_of_one_text():
    decoder = network().decoder
    generator = torch.Generator().manual_seed(3)
    keys, keep = torch.randn(2, 7, 8, generator=generator), torch.arange(7) < torch.tensor([[7], [4]])
    states, previous = (torch.randn(2, 3, width, generator=generator) for width in (8, 6))
    together = decoder(previous, decoder.start(states), keys, keep, 0)
    for query in range(3):
        alone = decoder(previous[:, query : query + 1], decoder.start(states[:, query : query + 1]), keys, keep, 0)
        close(together.logits[:, query].detach(), alone.logits[:, 0].detach())
        close(together.weights[:, query].detach(), alone.weights[:, 0].detach())


# The search, against every sequence there is


class Table:
    """A decoder that knows by heart: random logits for each text and each prefix of labels."""

    def __init__(self, seed, batch, labels, steps):
        self.labels, self.steps = labels, steps
        generator = torch.Generator().manual_seed(seed)
        self.logits = 2 * torch.randn(batch, (labels + 1) ** steps, labels + 1, generator=generator)
        self.start = (torch.zeros(batch, 1, 1),)

    def advance(self, symbols, state, number):
        code = (state[0][..., 0] * (self.labels + 1) + symbols).long()
        logits = self.logits.gather(1, code.unsqueeze(-1).expand(-1, -1, self.labels + 1))
        weights = code.unsqueeze(-1).float()  # so that the alignment tells which prefix it belongs to
        return Step(logits, (code.unsqueeze(-1).float(),), weights)

    def code(self, prefix):
        code = self.labels
        for label in prefix:
            code = code * (self.labels + 1) + label
        return code

    def after(self, row, prefix):
        """Probabilities of the next symbol after a prefix, labels of the prefix left out."""
        logits = self.logits[row, self.code(prefix)].double().numpy().copy()
        logits[list(prefix)] = -np.inf
        return softmax(logits)

    def sequences(self, row):
        """Every sequence with its probability; one of `steps` labels is cut before its end."""
        for count in range(min(self.labels, self.steps) + 1):
            for sequence in itertools.permutations(range(self.labels), count):
                chance = np.prod([self.after(row, sequence[:i])[label] for i, label in enumerate(sequence)])
                yield sequence, chance * (1.0 if count == self.steps else self.after(row, sequence)[self.labels])

    def search(self, beam):
        return most_probable(self.advance, self.start, labels=self.labels, steps=self.steps, beam=beam)


def emitted(sequence):
    """The labels of one row of a sequence; nothing may stand after the end."""
    labels = [label for label in sequence.tolist() if label >= 0]
    assert sequence.tolist() == labels + [-1] * (len(sequence) - len(labels))
    return tuple(labels)


def beam_by_hand(table, row, beam):
    """Beam search with lists."""
    kept = [((), 1.0, False)]
    for _ in range(table.steps):
        longer = []
        for prefix, chance, over in kept:
            if over:
                longer.append((prefix, chance, True))
                continue
            after = table.after(row, prefix)
            longer += [((*prefix, label), chance * after[label], False) for label in range(table.labels)]
            longer.append((prefix, chance * after[table.labels], True))
        kept = sorted((one for one in longer if one[1] > 0), key=lambda one: -one[1])[:beam]
    return kept[0][0]


tables = st.builds(Table, st.integers(0, 2**31), st.just(3), st.integers(1, 3), st.integers(1, 4))


@settings(deadline=None, max_examples=40)
@given(table=tables)
def test_a_wide_beam_finds_the_most_probable_of_all_sequences_and_the_exact_probability_of_each_label(table):
    found = table.search(beam=30)
    for row in range(3):
        every = dict(table.sequences(row))
        assert sum(every.values()) == pytest.approx(1)
        assert emitted(found.sequence[row]) == max(every, key=every.get)
        exact = [sum(chance for one, chance in every.items() if label in one) for label in range(table.labels)]
        close(found.probabilities[row], exact)


@settings(deadline=None, max_examples=40)
@given(table=tables, beam=st.integers(1, 4))
def test_any_beam_finds_what_a_search_by_hand_finds(table, beam):
    found = table.search(beam)
    for row in range(3):
        sequence = emitted(found.sequence[row])
        assert sequence == beam_by_hand(table, row, beam)
        codes = [table.code(sequence[:i]) for i in range(len(sequence))] or [table.code(())]
        assert found.alignment[row, :, 0].tolist() == codes + [0] * (table.steps - len(codes))


@settings(deadline=None, max_examples=40)
@given(table=tables, beam=st.integers(1, 4))
def test_the_probability_of_a_label_is_never_overstated(table, beam):
    found = table.search(beam)
    for row in range(3):
        every = dict(table.sequences(row))
        for label in range(table.labels):
            exact = sum(chance for one, chance in every.items() if label in one)
            assert -1e-6 <= found.probabilities[row, label] <= exact + 1e-5


# The network


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**31), style=st.sampled_from(["bahdanau", "luong"]), beam=st.integers(1, 3),
    labels=st.integers(1, 6), steps=st.integers(0, 9),
)  # fmt: skip
def test_no_label_is_emitted_twice_and_nothing_after_the_end(seed, style, beam, labels, steps):
    made = network(seed, labels, style=style, beam=beam, steps=steps)
    with torch.no_grad():
        output = made(*padded(texts(seed=seed % 1000)))
    assert output.named["sequence"].shape == (len(LENGTHS), steps or labels + 1)
    for row, sequence in enumerate(output.named["sequence"]):
        chosen = emitted(sequence)
        assert len(set(chosen)) == len(chosen)
        assert set(chosen) <= set(range(labels))
        assert output.weights[row].sum().item() == pytest.approx(1, abs=1e-5)
        close(output.named["alignment"][row].sum(dim=1), [1.0] * max(len(chosen), 1) + [0.0] * (
            len(sequence) - max(len(chosen), 1)))  # fmt: skip


@pytest.mark.parametrize("style", ["bahdanau", "luong"])
def test_what_is_taught_is_what_is_searched(style):
    made = network(seed=5, style=style, beam=40)
    ids, lengths = padded(texts())
    sequences = [
        [*labels, LABELS, *[-1] * (LABELS - count)]
        for count in range(LABELS + 1)
        for labels in itertools.permutations(range(LABELS), count)
    ]
    with torch.no_grad():
        output, vectors = made(ids, lengths), made.embedding(ids)
        for row in range(len(LENGTHS)):
            goals = torch.tensor(sequences)
            same = [len(sequences)] + [-1] * 2
            logits = made.teach(vectors[row : row + 1].expand(*same), lengths[row].expand(len(sequences)), goals)
            steps = torch.log_softmax(logits, -1).gather(-1, goals.clamp_min(0).unsqueeze(-1)).squeeze(-1)
            chances = torch.where(goals >= 0, steps, 0).sum(dim=1).exp()
            assert chances.sum().item() == pytest.approx(1, abs=1e-5)
            best = [label for label in sequences[int(chances.argmax())] if 0 <= label < LABELS]
            assert emitted(output.named["sequence"][row]) == tuple(best)
            exact = [chances[(goals == label).any(dim=1)].sum() for label in range(LABELS)]
            close(torch.sigmoid(output.logits[row]), exact)
    assert len({emitted(sequence) for sequence in output.named["sequence"]}) > 1, "all alike: nothing was tested"


@pytest.mark.parametrize(
    ("style", "score", "alignment", "cell"),
    [("bahdanau", "additive", "global", "lstm"), ("luong", "general", "local-p", "gru"),
     ("luong", "location", "local-m", "lstm"), ("luong", "dot", "sparsemax", "gru"),
     ("luong", "cosine", "hard", "lstm")],
)  # fmt: skip
def test_a_text_gets_the_same_labels_alone_in_any_batch_and_with_any_padding(style, score, alignment, cell):
    made = network(style=style, score=score, alignment=alignment, cell=cell, beam=2)
    rows = texts()
    with torch.no_grad():
        together, longer = made(*padded(rows)), made(*padded(rows, extra=11))
        close(longer.logits, together.logits)
        close(longer.named["alignment"][:, :, : max(LENGTHS)], together.named["alignment"])
        for place, row in enumerate(rows):
            alone = made(*padded([row]))
            close(alone.logits[0], together.logits[place])
            close(alone.weights[0], together.weights[place, : len(row)])
            close(alone.named["alignment"][0], together.named["alignment"][place, :, : len(row)])
            assert alone.named["sequence"][0].tolist() == together.named["sequence"][place].tolist()
            assert (together.named["alignment"][place, :, len(row) :] == 0).all()


def test_no_gradient_reaches_the_vectors_at_padding():
    made = network().train()
    ids, lengths = padded(texts())
    vectors = made.embedding(ids).detach().requires_grad_()
    goals = torch.tensor([[0, 2, 3], [3, -1, -1], [1, 3, -1], [2, 3, -1]])
    logits = made.teach(vectors, lengths, goals)
    logits[torch.isfinite(logits)].square().sum().backward()
    real = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
    assert (vectors.grad[~real] == 0).all()
    assert (vectors.grad[real] != 0).any()


# Settings


@pytest.mark.parametrize(
    ("settings", "score", "problem"),
    [
        ({"style": "bahdanau"}, "general", "score 'general' does not go with a decoder in style bahdanau; set model."
         "attention.score to one of: additive; or model.decoder.style=luong"),
        ({"style": "luong"}, "temporal", "score 'temporal' .* style luong; set model.attention.score to one of: add"),
        ({"style": "bahdanau", "input_feeding": False}, "additive", "always fed; set model.decoder.style=luong"),
        ({"beam": 0}, "additive", "model.decoder.beam is 0; set it between 1 and 100"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused_with_the_choices(settings, score, problem):
    with pytest.raises(ConfigError, match=problem):
        network(score=score, **settings)


def test_decoder_settings_without_a_decoder_are_refused():
    with pytest.raises(ConfigError, match=r"decoder.*label-decoder"):
        ModelConfig(decoder=DecoderConfig(beam=3))
