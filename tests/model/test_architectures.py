"""Every architecture: the same text, the same answer; and what is particular to self-attention."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnclf.catalog import ARCHITECTURES, Architecture, reading
from attnclf.config import Config, TransformerConfig, presets
from attnclf.errors import ConfigError
from attnclf.model.output import Output
from attnclf.model.transformer import SelfAttention, sinusoids
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train

VOCABULARY, LABELS, LONGEST, DIM = 30, 3, 24, 8
TINY = {"embedding": {"dim": DIM, "token_dropout": 0.1}, "transformer": {"heads": 2, "layers": 3, "inner": 10}}
ATTENDING = ["self-attention", "recurrent-self-attention"]


def settings_of(architecture, *changes):
    """Return the model settings of an architecture as `--preset plain` has them, with a tiny network."""
    known = {name: values for name, values in TINY.items() if name in ARCHITECTURES[architecture].reads}
    layers = [{"model": {"architecture": architecture, **known}}, *({"model": change} for change in changes)]
    return Config.from_dict(presets.settings("plain", *layers)).model


def built(architecture, *changes, seed=0):
    """Return a network whose every parameter is sizeable, so that no path of it is silent."""
    network = ARCHITECTURES[architecture].build(settings_of(architecture, *changes), VOCABULARY, LABELS, LONGEST)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for embedding in network.modules():
            if isinstance(embedding, nn.Embedding):
                embedding.weight[0] = 0
    return network.eval()


def padded(rows, extra=0):
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    return nn.functional.pad(ids, (0, extra)), torch.tensor([len(row) for row in rows])


def close(ours, theirs, atol=1e-5):
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=0)


ROWS = st.lists(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=12), min_size=1, max_size=5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(deadline=None, max_examples=20)
@given(rows=ROWS, extra=st.integers(0, LONGEST - 12), seed=st.integers(0, 99))
def test_a_text_gets_the_same_answer_alone_in_any_batch_and_with_any_padding(architecture, rows, extra, seed):
    network = built(architecture, seed=seed)
    with torch.no_grad():
        together = network(*padded(rows, extra))
        for place, row in enumerate(rows):
            alone = network(*padded([row]))
            # Not the logits: log-odds of a decoder's probability near 0 or 1 magnify the last digit. Its steps add up.
            close(torch.sigmoid(together.logits[place]), torch.sigmoid(alone.logits[0]), atol=5e-5)
            close(together.weights[place, : len(row)], alone.weights[0])
            assert (together.weights[place, len(row) :] == 0).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_different_texts_get_different_answers(architecture):
    with torch.no_grad():
        logits = built(architecture)(*padded([[3, 4, 5], [6, 7], [8, 9, 10, 11]])).logits
    assert (logits.std(dim=0) > 1e-2).all()


@pytest.mark.parametrize("architecture", reading("embedding"))
def test_what_stands_at_padding_changes_nothing_and_learns_nothing(architecture):
    network = built(architecture)
    ids, lengths = padded([[3, 4, 5, 6, 7], [8, 9], [10]], extra=3)
    real = (torch.arange(ids.shape[1]) < lengths.unsqueeze(1)).unsqueeze(-1)
    with torch.no_grad():
        vectors = network.embedding(ids)
        clean = network.classify(vectors * real, lengths)
        junk = network.classify(torch.where(real, vectors, torch.full_like(vectors, 1e3)), lengths)
    close(junk.logits, clean.logits)
    close(junk.weights, clean.weights)
    network.train()
    vectors.requires_grad_()
    network.classify(vectors, lengths).logits.square().sum().backward()
    assert (vectors.grad.masked_select(~real) == 0).all()
    assert (vectors.grad.masked_select(real) != 0).any()


@pytest.mark.parametrize("architecture", ["temporal", "feed-forward", *ATTENDING])
def test_named_outputs_are_cut_and_padded_like_the_text(architecture):
    network = built(architecture)
    rows = [[3, 4, 5, 6, 7], [8, 9], [10, 11, 12]]
    with torch.no_grad():
        named = network(*padded(rows, extra=2)).named
        shares = {"value_norms", "value_logits", "evidence"}
        assert set(named) == shares | ({"self_attention"} if architecture in ATTENDING else set())
        for name, values in named.items():
            for place, row in enumerate(rows):
                alone = network(*padded([row])).named[name][0]
                if name == "self_attention":
                    close(values[place, ..., : len(row), : len(row)], alone)
                    assert (values[place, ..., len(row) :, :] == 0).all()
                    assert (values[place, ..., :, len(row) :] == 0).all()
                else:
                    close(values[place, : len(row)], alone)
                    assert (values[place, len(row) :] == 0).all()


@pytest.mark.parametrize("context", ["soft", "soft+max"])
def test_evidence_is_attention_times_its_gradient_and_norms_are_those_of_the_states(context):
    network = built("temporal", {"attention": {"context": context}})
    ids, lengths = padded([[3, 4, 5, 6, 7], [8, 9]])
    states, weights = [], []
    network.encoder.register_forward_hook(lambda module, given, made: states.append(made.states))
    network.pooling.align.register_forward_hook(lambda module, given, made: weights.append(made))
    output = network(ids, lengths)
    for label in range(output.logits.shape[1]):
        (gradient,) = torch.autograd.grad(output.logits[:, label].sum(), weights[0], retain_graph=True)
        close(output.named["evidence"][..., label], (weights[0] * gradient).squeeze(1))
        real = torch.arange(ids.shape[1]) < lengths.unsqueeze(1)
        close(output.named["value_logits"][..., label], gradient.squeeze(1) * real)
    for row, length in enumerate(lengths):
        close(output.named["value_norms"][row, :length], states[0][row, :length].square().sum(dim=-1).sqrt())


# Self-attention


@pytest.mark.parametrize("architecture", ATTENDING)
def test_the_weights_of_each_unit_in_each_head_and_layer_sum_to_one(architecture):
    with torch.no_grad():
        weights = built(architecture)(*padded([[3, 4, 5, 6], [7, 8]])).named["self_attention"]
    assert weights.shape == (2, 3, 2, 4, 4)  # batch, layers, heads, time, time
    close(weights[0].sum(dim=-1), torch.ones(3, 2, 4))
    close(weights[1, ..., :2, :].sum(dim=-1), torch.ones(3, 2, 2))


@pytest.mark.parametrize("architecture", ATTENDING)
def test_while_learning_no_weights_are_kept(architecture):
    assert not built(architecture).train()(*padded([[3, 4, 5, 6]])).named


@pytest.mark.parametrize(("positions", "same"), [("none", True), ("sinusoidal", False), ("learned", False)])
def test_only_positions_tell_self_attention_the_order_of_words(positions, same):
    network = built("self-attention", {"transformer": {"positions": positions}})
    with torch.no_grad():
        ahead, back = (network(*padded([row])).logits for row in ([3, 4, 5, 6], [6, 5, 4, 3]))
    assert torch.allclose(ahead, back, atol=1e-5) == same


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_a_text_longer_than_the_positions_is_told_what_to_do(positions):
    network = built("self-attention", {"transformer": {"positions": positions}})
    network(*padded([[3] * LONGEST]))
    with pytest.raises(
        ConfigError, match=rf"a text of {LONGEST + 1} tokens is longer than the {LONGEST} positions .*cut"
    ):
        network(*padded([[3] * (LONGEST + 1)]))


def test_without_positions_a_text_may_have_any_length():
    network = built("self-attention", {"transformer": {"positions": "none"}})
    assert network(*padded([[3] * (2 * LONGEST)])).weights.shape == (1, 2 * LONGEST)


@pytest.mark.parametrize("dim", [1, 7, 8])
def test_sinusoids_are_their_formula(dim):
    import math

    table = sinusoids(5, dim)
    assert table.shape == (5, dim)
    for t in range(5):
        for column in range(dim):
            angle = t / 10_000 ** (2 * (column // 2) / dim)
            expected = math.sin(angle) if column % 2 == 0 else math.cos(angle)
            assert table[t, column].item() == pytest.approx(expected, abs=1e-5)


def test_a_layer_is_that_of_torch_with_the_norm_first():
    encoder = SelfAttention(TransformerConfig(layers=2, heads=2, inner=10, positions="none"), DIM, LONGEST, scale=1.0)
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(DIM, 2, 10, dropout=0.0, batch_first=True, norm_first=True),
        num_layers=2,
        norm=nn.LayerNorm(DIM),
        enable_nested_tensor=False,
    ).eval()
    with torch.no_grad():
        for number, parameter in enumerate(encoder.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)) * 0.5)
        for ours, copy in zip(encoder.layers, theirs.layers, strict=True):
            heads = ours.attention
            copy.self_attn.in_proj_weight.copy_(torch.cat([heads.query.weight, heads.key.weight, heads.value.weight]))
            copy.self_attn.in_proj_bias.copy_(torch.cat([heads.query.bias, heads.key.bias, heads.value.bias]))
            copy.self_attn.out_proj.load_state_dict(heads.out.state_dict())
            copy.norm1.load_state_dict(ours.attention_norm.state_dict())
            copy.norm2.load_state_dict(ours.dense_norm.state_dict())
            copy.linear1.load_state_dict(ours.dense[0].state_dict())
            copy.linear2.load_state_dict(ours.dense[3].state_dict())
        theirs.norm.load_state_dict(encoder.norm.state_dict())
        vectors, lengths = torch.randn(3, 6, DIM, generator=torch.Generator().manual_seed(9)), torch.tensor([6, 2, 4])
        real = torch.arange(6) < lengths.unsqueeze(1)
        expected = theirs(vectors, src_key_padding_mask=~real)
        close(encoder.eval()(vectors, lengths).states[real], expected[real])


def test_self_attention_over_recurrent_states_sees_the_order_without_positions():
    network = built("recurrent-self-attention")
    assert network.encoder.attending.positions is None
    with torch.no_grad():
        ahead, back = (network(*padded([row])).logits for row in ([3, 4, 5, 6], [6, 5, 4, 3]))
    assert not torch.allclose(ahead, back, atol=1e-3)


# Feed-forward attention


def test_feed_forward_attention_learns_a_bias_for_each_position():
    network = built("feed-forward")
    assert network.pooling.score.b.shape == (LONGEST,)
    with torch.no_grad():
        network.pooling.score.w.zero_()
        network.pooling.score.b.zero_()
        network.pooling.score.b[2] = 50.0
        weights = network(*padded([[3, 4, 5, 6]])).weights[0]
    e = torch.tensor(1.0).exp()  # tanh(50) = 1, and tanh(0) = 0
    close(weights, torch.tensor([1.0, 1.0, e, 1.0]) / (3 + e))


def test_feed_forward_attention_refuses_more_positions_than_it_has():
    with pytest.raises(ConfigError, match=r"text\.max_length"):
        built("feed-forward")(*padded([[3] * (LONGEST + 1)]))


# Settings


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"architecture": "self-attention", "encoder": {"cell": "gru"}},
            "architecture 'self-attention' has nothing that model.encoder could set; "
            "leave it out, or use architecture: temporal, feed-forward, recurrent-self-attention, label-decoder",
        ),
        (
            {"transformer": {"layers": 3}},
            "architecture 'temporal' has nothing that model.transformer could set; leave it out, or use architecture: "
            "self-attention, recurrent-self-attention",
        ),
        (
            {"architecture": "feed-forward"},
            "architecture 'feed-forward' is the score 'feed_forward', not 'temporal'; "
            "set model.attention.score=feed_forward, or use architecture: temporal",
        ),
        (
            {"architecture": "feed-forward", "attention": {"score": "feed_forward", "alignment": "sparsemax"}},
            "architecture 'feed-forward' is the alignment 'global', not 'sparsemax'; "
            "set model.attention.alignment=global, or use architecture: temporal",
        ),
        (
            {"feed_forward": {"w_l2": 0.1}},
            "model.feed_forward is about the weights of another score than 'temporal'; "
            "leave it out, or set model.attention.score=feed_forward",
        ),
        (
            {"architecture": "self-attention", "embedding": {"dim": 50}},
            "model.transformer.heads is 4, which does not divide the width 50; set it to one of: 1, 2, 5, 10, 25, 50",
        ),
        (
            {"architecture": "recurrent-self-attention", "encoder": {"hidden": 5, "bidirectional": False}},
            "model.transformer.heads is 4, which does not divide the width 5; set it to one of: 1, 5",
        ),
    ],
)
def test_settings_that_contradict_the_architecture_are_refused_with_the_choices(model, message):
    with pytest.raises(ConfigError) as raised:
        Config.from_dict({"model": model})
    assert str(raised.value) == message


@pytest.mark.parametrize("preset", presets.PRESETS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_goes_with_every_preset(preset, architecture):
    chosen = Config.from_dict(presets.settings(preset, {"model": {"architecture": architecture}}))
    assert Config.from_dict(chosen.to_dict()) == chosen


def test_a_width_that_was_asked_for_is_refused_where_there_is_no_recurrence():
    layers = {"model": {"architecture": "self-attention", "encoder": {"hidden": 100}}}
    with pytest.raises(ConfigError, match=r"nothing that model\.encoder could set"):
        Config.from_dict(presets.settings("accurate", layers))


# Adding an architecture


class MeanOfVectors(nn.Module):
    """A network that the package does not have: the mean vector, then a dense layer."""

    def __init__(self, config, vocabulary, labels, max_length):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, config.embedding.dim, padding_idx=0)
        self.dense = nn.Linear(config.embedding.dim, labels)

    def forward(self, ids, lengths):
        return self.classify(self.embedding(ids), lengths)

    def classify(self, vectors, lengths):
        keep = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
        weights = keep / lengths.unsqueeze(1).to(vectors.dtype)
        return Output(self.dense((weights.unsqueeze(1) @ vectors).squeeze(1)), weights)


def test_a_new_architecture_is_a_builder_and_a_row(exporting, monkeypatch, tmp_path):
    row = Architecture(
        builder=MeanOfVectors, formula="mean v_t → dense", source="none", pictures="highlight", reads=("embedding",),
        changes={"training": {"learning_rate": 0.05}}, pools=False,
    )  # fmt: skip
    monkeypatch.setitem(ARCHITECTURES, "mean", row)
    labels = {"good": "up", "bad": "down"}
    rows = [f"{word} thing number {number},{label}" for word, label in labels.items() for number in range(20)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    named = {"model": {"architecture": "mean", "embedding": {"dim": 8}}, "training": {"epochs": 8, "batch_size": 8}}
    config = Config.from_dict(presets.settings("plain", named))
    assert config.training.learning_rate == 0.05
    train(
        str(tmp_path / "rows.csv"), tmp_path / "model", config=config, device="cpu", baseline=False,
        say=lambda line: None,
    )  # fmt: skip
    loaded = Classifier.load(tmp_path / "model", device="cpu", threads=1)
    assert [prediction.label for prediction in loaded.predict(["good thing", "bad thing"])] == ["up", "down"]
    (explanation,) = loaded.explain(["good thing"], method="leave-one-out")
    assert max(explanation.words, key=lambda word: word.weight).text == "good"
    with pytest.raises(ConfigError, match=r"architecture 'mean' has nothing that model\.encoder could set"):
        Config.from_dict(presets.settings("plain", named, {"model": {"encoder": {"hidden": 3}}}))
