"""The weights of a map are those that the network used: from them its own results can be computed again."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support import shapes_unchecked
from torch import nn

from attnclf.attention.multihead import joined, split
from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config, presets
from attnclf.data.read_options import ReadOptions
from attnclf.data.training_set import Sources
from attnclf.errors import ConfigError
from attnclf.explain import api as module
from attnclf.explain.api import explain
from attnclf.explain.maps import SHORT, Choice, Shown, heads
from attnclf.explain.types.explanation import Word
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.training.pipeline import train

TEXTS = ["soup with fresh bread", "a red car and hot soup", "four new tyres on a car", "bread"]
LONG = "a red car and hot soup with fresh bread on " * 4
ROWS = {"soup with fresh bread": "food", "a red car": "cars", "four new tyres on a car": "cars", "hot soup": "food",
        "a red car and hot soup": "cars|food", "fresh bread on a new car": "food|cars"}  # fmt: skip
CHOSEN = {
    "temporal": {"encoder": {"hidden": 4}},
    "self-attention": {"transformer": {"layers": 2, "heads": 2, "inner": 8, "positions": "learned"}},
    "label-decoder": {"encoder": {"hidden": 4}, "decoder": {"style": "luong", "beam": 1}},
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Train a tiny model of an architecture once; return its classifier, and its network in torch."""
    trained = {}

    def through(name):
        if name not in trained:
            folder = tmp_path_factory.mktemp(name)
            several = ARCHITECTURES[name].sequential
            rows = [f"{text}\t{labels if several else labels.split('|')[0]}" for text, labels in ROWS.items()]
            (folder / "rows.tsv").write_text("\n".join(["text\tlabel", *rows * 4]) + "\n", encoding="utf-8")
            layers = {
                "text": {"min_frequency": 1, "max_length": 64},
                "model": {"architecture": name, "embedding": {"dim": 8}},
                "training": {"epochs": 10, "min_steps": 1, "learning_rate": 0.03, "batch_size": 8},
            }
            config = Config.from_dict(presets.settings("plain", layers, {"model": CHOSEN[name]}))
            same = str(folder / "rows.tsv")  # judged by all of them, or the best epoch of so few rows is an accident
            sources = Sources(valid=same, options=ReadOptions(label_separator="|" if several else None))
            quiet = {"device": "cpu", "baseline": False, "say": lambda line: None}
            with shapes_unchecked():
                train(same, folder / "model", sources=sources, config=config, **quiet)
            classifier = Classifier.load(folder / "model", device="cpu", threads=1)
            network = ARCHITECTURES[name].build(config.model, classifier.tokenizer.size, len(classifier.labels), 64)
            network.load_state_dict(load_file(folder / "model" / "weights.safetensors"))
            trained[name] = classifier, network.eval()
        return trained[name]

    return through


def inputs(classifier, text):
    (ids,) = classifier.tokenizer.encode([text])
    return torch.from_numpy(ids)[None], torch.tensor([len(ids)])


def scores(explanation, classifier):
    return [dict(explanation.labels)[label] for label in classifier.labels]


# Weights shown are weights used


@pytest.mark.parametrize("text", TEXTS)
def test_the_shown_weights_of_pooling_make_the_context_and_with_it_the_answer(load, text):
    classifier, network = load("temporal")
    (explanation,) = explain(classifier, [text])
    ids, lengths = inputs(classifier, text)
    with torch.no_grad():
        hidden = network.encoder(network.embedding(ids), lengths).states[0]
        context = torch.tensor([word.weight for word in explanation.words]) @ hidden
        theirs, *_ = network.pooling(hidden[None], torch.ones(1, len(hidden), dtype=torch.bool))
        torch.testing.assert_close(context, theirs[0], atol=1e-5, rtol=0)
        assert torch.softmax(network.dense(context), -1).tolist() == pytest.approx(
            scores(explanation, classifier), abs=1e-5
        )


class Given(nn.Module):
    """Attention of several heads with weights from outside: heads × rows × columns."""

    def __init__(self, attention, weights):
        super().__init__()
        self.attention, self.weights = attention, weights

    def forward(self, queries, keys, keep):
        values = split(self.attention.value(keys), self.attention.heads)
        return self.attention.out(joined(self.weights @ values)), self.weights


def answered(network, ids, lengths, weights, pooled):
    """Compute the probabilities from given weights: of each layer and head, and of the pooling."""
    own = [layer.attention for layer in network.encoder.layers]
    try:
        for layer, of_heads in zip(network.encoder.layers, weights, strict=True):
            layer.attention = Given(layer.attention, of_heads[None])
        with torch.no_grad():
            states = network.encoder(network.embedding(ids), lengths).states[0]
            return torch.softmax(network.dense(pooled @ states), -1)
    finally:
        for layer, attention in zip(network.encoder.layers, own, strict=True):
            layer.attention = attention


@pytest.mark.parametrize("text", TEXTS)
def test_the_maps_of_all_heads_and_the_highlight_make_the_answer(load, text):
    classifier, network = load("self-attention")
    shown = torch.tensor(
        [
            [explain(classifier, [text], layer=layer, head=head)[0].maps[0].weights for head in (1, 2)]
            for layer in (1, 2)
        ]
    )
    (explanation,) = explain(classifier, [text])
    pooled = torch.tensor([word.weight for word in explanation.words])
    ids, lengths = inputs(classifier, text)
    ours = answered(network, ids, lengths, shown, pooled)
    assert ours.tolist() == pytest.approx(scores(explanation, classifier), abs=1e-5)
    if len(explanation.words) > 1:
        others = answered(network, ids, lengths, shown.flip(-1), pooled)
        assert (others - ours).abs().max() > 3e-5, "any weights give the same answer: the test sees nothing"


class Told(nn.Module):
    """A decoder's attention that looks where it is told, for as many steps as it is told; then where it likes."""

    def __init__(self, attention, rows):
        super().__init__()
        self.attention, self.rows = attention, rows

    def forward(self, query, keys, keep, position):
        if position >= len(self.rows):
            return self.attention(query, keys, keep, position)
        weights = self.rows[position][None, None]
        return weights @ keys, weights


@pytest.mark.long
def test_a_decoder_that_looks_where_the_map_says_emits_the_same_labels(load):
    classifier, network = load("label-decoder")
    own, most = network.decoder.attention, 0
    for text in TEXTS:
        (explanation,) = explain(classifier, [text])
        (drawn,) = explanation.maps
        ids, lengths = inputs(classifier, text)
        found = []
        for rows in (torch.tensor(drawn.weights), torch.tensor(drawn.weights).flip(-1)):
            network.decoder.attention = Told(own, rows)
            with torch.no_grad():
                found.append(network(ids, lengths))
            network.decoder.attention = own
        emitted = [classifier.labels[label] for label in found[0].named["sequence"][0].tolist() if label >= 0]
        assert tuple(emitted) == explanation.chosen == drawn.rows
        assert torch.sigmoid(found[0].logits)[0].tolist() == pytest.approx(scores(explanation, classifier), abs=1e-5)
        if lengths > 1:
            assert (found[1].logits - found[0].logits).abs().max() > 1e-3, "the test sees nothing"
        most = max(most, len(emitted))
    assert most == 2, "no text got two labels"


# The map of self-attention


def test_the_map_is_the_mean_of_the_last_layers_heads_unless_another_is_chosen(load):
    classifier, _ = load("self-attention")
    text = TEXTS[1]
    (prediction,) = classifier.predict([text], named=["self_attention"])
    weights = prediction.named["self_attention"]

    def drawn(**choice):
        (explanation,) = explain(classifier, [text], **choice)
        (one,) = explanation.maps
        assert one.rows == one.columns == tuple(word.text for word in explanation.words)
        np.testing.assert_allclose(np.sum(one.weights, axis=1), 1, atol=1e-5)
        return one

    for layer in (1, 2):
        np.testing.assert_allclose(drawn(layer=layer).weights, weights[layer - 1].mean(axis=0), atol=1e-6)
        for head in (1, 2):
            one = drawn(layer=layer, head=head)
            np.testing.assert_allclose(one.weights, weights[layer - 1, head - 1], atol=1e-6)
            assert (one.layer, one.head) == (layer, head)
            assert f"layer {layer}, head {head}" in one.title
    assert drawn() == drawn(layer=2, head="mean") == drawn(head="mean")
    assert drawn(head=2) == drawn(layer=2, head=2)
    assert np.abs(weights[0, 0] - weights[0, 1]).max() > 0.01
    assert np.abs(weights[0] - weights[1]).max() > 0.01


def test_the_units_of_a_word_give_together_and_take_on_average():
    weights = np.array([[0.5, 0.25, 0.25], [0.0, 0.75, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)
    nothing = np.empty(0, np.float32)
    prediction = Prediction(
        chosen=("x",), label="x", score=1.0, probabilities=nothing, attention=nothing,
        named={"self_attention": weights[None, None]},
    )  # fmt: skip
    words = [Word(text="can't", start=0, end=5, weight=0.5), Word(text="pay", start=6, end=9, weight=0.5)]
    (one,) = heads(prediction, Shown(words, [(0, 2), (2, 3)], ()), Choice())
    assert one.weights == ((0.75, 0.25), (0.75, 0.25))
    (other,) = heads(prediction, Shown(words, [(0, 1), (1, 3)], ()), Choice(1, 1))
    assert other.weights == ((0.5, 0.5), (0.125, 0.875))


def test_a_word_of_several_units_keeps_rows_that_sum_to_one(load):
    classifier, _ = load("self-attention")
    (one,) = explain(classifier, ["I can't pay, it's late"])[0].maps
    assert one.rows == ("I", "can't", "pay", ",", "it's", "late")
    np.testing.assert_allclose(np.sum(one.weights, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "choice", "message"),
    [
        ("self-attention", {"layer": 3}, "there is no layer 3; use one of: 1, 2"),
        ("self-attention", {"layer": 0}, "there is no layer 0; use one of: 1, 2"),
        ("self-attention", {"layer": 1, "head": 4}, "there is no head 4; use one of: mean, 1, 2"),
        ("self-attention", {"head": -1, "maps": False}, "there is no head -1; use one of: mean, 1, 2"),
        ("temporal", {"head": 1}, "a temporal model has no self-attention to choose a layer or head of; leave"),
        ("label-decoder", {"layer": 1}, "a label-decoder model has no self-attention to choose a layer or head of"),
        ("temporal", {"maps": True}, "a temporal model has no map; leave --map out"),
    ],
)
def test_what_a_model_does_not_have_is_one_line_with_the_choices(load, architecture, choice, message):
    with pytest.raises(ConfigError, match=f"^{message}") as raised:
        explain(load(architecture)[0], TEXTS, **choice)
    assert "\n" not in str(raised.value)


# When maps are made


@pytest.mark.parametrize("architecture", ["self-attention", "label-decoder"])
def test_short_texts_have_maps_and_longer_ones_when_asked(load, architecture):
    classifier, _ = load(architecture)
    texts = ["soup " * SHORT, "", "soup " * (SHORT + 1), "a red car"]

    def made(**options):
        return [bool(one.maps) for one in explain(classifier, texts, **options)]

    assert made() == [True, False, False, True]
    assert made(maps=False) == [False] * 4
    assert made(maps=True) == [True, False, True, True]
    if architecture == "self-attention":
        assert made(head=1) == made(layer=2) == made(maps=True)
        assert made(head=1, maps=False) == [False] * 4


def test_nothing_but_the_map_depends_on_whether_it_is_made(load):
    classifier, _ = load("self-attention")
    texts = [LONG, *TEXTS, "", LONG + TEXTS[0]]
    for one, other in zip(explain(classifier, texts), explain(classifier, texts, maps=False), strict=True):
        assert (one.text, one.label, one.chosen) == (other.text, other.label, other.chosen)
        assert [word.text for word in one.words] == [word.text for word in other.words]
        assert [word.weight for word in one.words] == pytest.approx([word.weight for word in other.words], abs=1e-6)


def test_the_network_gives_pairs_for_the_texts_that_need_them_and_for_few_at_a_time(load, monkeypatch):
    classifier, _ = load("self-attention")
    runs = []
    run = classifier.backend.run

    def recorded(ids, lengths, char_ngrams=None, *, named=()):
        runs.append((ids.shape, list(named)))
        return run(ids, lengths, char_ngrams, named=named)

    monkeypatch.setattr(classifier.backend, "run", recorded)
    explain(classifier, [LONG, TEXTS[0], LONG, TEXTS[1]], faithfulness=False)
    assert runs == [((2, 40), []), ((2, 6), ["self_attention"])]
    runs.clear()
    monkeypatch.setattr(module, "PAIRS", 2 * 40**2)
    assert all(one.maps for one in explain(classifier, [LONG] * 5, maps=True, faithfulness=False))
    assert runs == [((2, 40), ["self_attention"])] * 2 + [((1, 40), ["self_attention"])]


# The command


@pytest.fixture
def explained(load, in_session):
    def run(architecture, *options, texts=TEXTS):
        return in_session(
            "explain", "-m", load(architecture)[0].bundle.folder, *options, input="".join(f"{text}\n" for text in texts)
        )

    return run


def test_json_has_the_map_with_its_layer_and_head(explained):
    lines = explained("self-attention", "--layer", "1", "--head", "2").stdout.splitlines()
    for text, line in zip(TEXTS, lines, strict=True):
        (one,) = json.loads(line)["maps"]
        assert list(one) == ["name", "rows", "columns", "weights", "layer", "head"]
        assert (one["name"], one["layer"], one["head"]) == ("self_attention", 1, 2)
        assert one["rows"] == one["columns"] == text.split()
        assert np.shape(one["weights"]) == (len(text.split()),) * 2
    (line, *_) = explained("self-attention").stdout.splitlines()
    assert json.loads(line)["maps"][0]["head"] == "mean"
    (line, *_) = explained("label-decoder").stdout.splitlines()
    assert list(json.loads(line)["maps"][0]) == ["name", "rows", "columns", "weights"]
    assert "maps" not in explained("self-attention", "--no-map").stdout
    assert "maps" not in explained("temporal").stdout


@pytest.mark.parametrize("format", ["terminal", "svg", "html"])
def test_the_map_stands_below_the_highlight_unless_it_is_not_wanted(explained, format):
    drawn = explained("self-attention", "-f", format, texts=TEXTS[:1]).stdout.replace("&#160;", " ")
    title = "self-attention, layer 2, the mean of 2 heads"
    assert drawn.index("top words") < drawn.index(title)
    assert title not in explained("self-attention", "-f", format, "--no-map", texts=TEXTS[:1]).stdout
    drawn = explained("label-decoder", "-f", format, texts=TEXTS[1:2]).stdout.replace("&#160;", " ")
    assert "where the decoder looked for each label" in drawn


def test_longer_texts_are_counted_in_a_note_that_names_the_option(explained):
    plain = ("--method", "attention", "--no-faithfulness")
    done = explained("self-attention", *plain, texts=[LONG, "soup"])
    assert done.stderr == f"Note: 1 of 2 texts have more than {SHORT} words; --map maps them\n"
    assert explained("self-attention", *plain, "--map", texts=[LONG]).stderr == ""
    assert explained("self-attention", *plain, "--no-map", texts=[LONG]).stderr == ""
    assert explained("temporal", *plain, texts=[LONG]).stderr == ""


def test_a_choice_that_is_not_there_is_one_line(explained):
    done = explained("self-attention", "--layer", "3")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: there is no layer 3; use one of: 1, 2\n"
    done = explained("self-attention", "--head", "most")
    assert done.exit_code == 2
    assert "'most' is neither a number nor mean" in done.stderr
