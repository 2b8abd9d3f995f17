"""Attention over features: TF-IDF inside the network, both forms of the gate, their export, and what explain shows."""

import json

import numpy as np
import pytest
import torch
from attnclf_cli.app import application
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from support import shapes_unchecked
from typer.testing import CliRunner

from attnclf.config import Config, GateConfig, ModelConfig, presets
from attnclf.errors import ConfigError, ExportError
from attnclf.explain.api import explain
from attnclf.export.onnx import export_onnx
from attnclf.export.parity import check_parity
from attnclf.model.feature_gate import FeatureGate
from attnclf.model.features import TfIdf, frequent_units
from attnclf.model.regularizer import regularizers
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.onnxruntime_backend import open_backend

VOCABULARY, LABELS = 12, 3
FORMS = ["softmax", "sigmoid"]
# Ids of units: 0 is padding, 1 unknown.
ROWS = [[2, 3, 3, 5, 1], [4, 3], [7, 7, 7, 2, 9, 10], [1, 1], [2, 11], [6]]


def features_of(most):
    """Return what learned its features from ROWS, and which units they are."""
    offsets = np.cumsum([0, *map(len, ROWS)])
    units, idf = frequent_units(np.concatenate(ROWS), offsets, VOCABULARY, most)
    return TfIdf.over(units, idf, VOCABULARY), units


def padded(rows, extra=0):
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    return torch.nn.functional.pad(ids, (0, extra)), torch.tensor([len(row) for row in rows])


def built(form, seed=0):
    network = FeatureGate(ModelConfig(architecture="feature-gate", gate=GateConfig(form=form)), VOCABULARY, LABELS)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return network.eval()


@pytest.mark.parametrize("most", [4, 100])
def test_features_are_those_of_scikit_learn_on_the_units_that_most_rows_have(most):
    features, units = features_of(most)
    frequency = {unit: sum(unit in row for row in ROWS) for unit in range(2, VOCABULARY)}
    assert sorted(frequency[unit] for unit in units) == sorted(filter(None, frequency.values()))[-most:]
    vectorizer = TfidfVectorizer(
        analyzer=lambda row: [str(unit) for unit in row], vocabulary=list(map(str, units)), sublinear_tf=True
    )
    expected = vectorizer.fit(ROWS).transform(ROWS).toarray()
    assert (expected[3] == 0).all()
    np.testing.assert_allclose(features(padded(ROWS, extra=2)[0]).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_network_is_its_formula(form):
    network = built(form)
    ids, lengths = padded(ROWS)
    p = {name: value.double().numpy() for name, value in network.state_dict().items()}
    with torch.no_grad():
        x, output = network.embedding(ids).double().numpy(), network(ids, lengths)
    if form == "softmax":
        gate = softmax(x @ p["gate.w"].T + p["gate.b"], axis=1)
        passed, through = x * gate * x.shape[1], x * gate
    else:
        h = np.maximum(x @ p["gate.v"].T + p["gate.c"], 0)
        hidden_gate = expit(h @ p["gate.w"].T + p["gate.b"])
        np.testing.assert_allclose(output.named["hidden_gate"].numpy(), hidden_gate, atol=1e-5)
        passed, through = h * hidden_gate, x * ((hidden_gate * (h > 0)) @ np.abs(p["gate.v"]))
        gate = ((hidden_gate * (h > 0)) @ np.abs(p["gate.v"])) / np.abs(p["gate.v"]).sum(axis=0)
    logits = passed @ p["dense.weight"].T + p["dense.bias"]
    np.testing.assert_allclose(output.logits.numpy(), logits, atol=1e-4)
    shares = through / np.maximum(through.sum(axis=1, keepdims=True), 1e-30)
    for place, row in enumerate(ROWS):
        for step, unit in enumerate(row):
            feature = unit - 2  # until features are learned they are the first units
            share, open_ = (shares[place, feature], gate[place, feature]) if feature >= 0 else (0, 0)
            assert output.weights[place, step].item() == pytest.approx(share / row.count(unit), abs=1e-5)
            assert output.named["gate"][place, step].item() == pytest.approx(open_, abs=1e-5)
        assert output.weights[place].sum().item() == pytest.approx(float(max(row) > 1), abs=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_the_network(form):
    network = built(form).double()
    x = torch.rand(2, network.embedding.features, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: network.classify(x, torch.ones(2)).logits, (x,))


def test_only_the_hidden_layer_is_held_small():
    assert regularizers(built("softmax")) == ()
    (regularizer,) = regularizers(built("sigmoid"))
    network = built("sigmoid")
    assert regularizer.penalty(network).item() == pytest.approx(1e-4 * network.gate.v.square().sum().item())


@pytest.mark.parametrize("form", FORMS)
def test_the_exported_graph_agrees_at_shapes_never_traced_and_padding_changes_nothing(form, exporting, tmp_path):
    network, path = built(form), tmp_path / "model.onnx"
    network.embedding = TfIdf.over(np.arange(2, 12)[::-1].copy(), np.linspace(1, 3, 10, dtype=np.float32), VOCABULARY)
    export_onnx(network, path, multi_label=False)
    assert check_parity(network, path, vocabulary=VOCABULARY, multi_label=False) < 1e-5
    session = open_backend(path, device="cpu")
    assert session.axes["gate"] == ("batch", "time")
    assert session.axes.keys() == ({"gate"} if form == "softmax" else {"gate", "hidden_gate"})
    ids, lengths = padded(ROWS)
    together = session.run(ids.numpy(), lengths.numpy(), named=["gate"])
    longer = session.run(padded(ROWS, extra=9)[0].numpy(), lengths.numpy(), named=["gate"])
    np.testing.assert_allclose(longer.logits, together.logits, atol=1e-5)
    np.testing.assert_allclose(longer.attention[:, : ids.shape[1]], together.attention, atol=1e-5)
    assert (longer.named["gate"][:, ids.shape[1] :] == 0).all()
    for place, row in enumerate(ROWS):
        alone = session.run(np.array([row]), np.array([len(row)]))
        np.testing.assert_allclose(alone.logits[0], together.logits[place], atol=1e-5)
        np.testing.assert_allclose(alone.attention[0], together.attention[place, : len(row)], atol=1e-5)
    with torch.no_grad():
        network.gate.b[0] += 3
    with pytest.raises(ExportError, match="differs from the trained one"):
        check_parity(network, path, vocabulary=VOCABULARY, multi_label=False)


# From the command line


FILLER = ["the", "a", "of", "in", "on", "at", "it", "we", "they", "was", "is", "but", "and", "or", "so"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Texts of ten random words, one of which decides."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "rows.tsv"
    lines = ["text\tlabel"]
    for number in range(240):
        words = list(generator.choice(FILLER, 9))
        words.insert(int(generator.integers(10)), ("Quinces", "turnips")[number % 2])
        lines.append(f"{' '.join(words)}\t{('fruit', 'root')[number % 2]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(one_thread, data, tmp_path_factory):
    """Return the model folder of a form, trained at most once."""
    folder, done = tmp_path_factory.mktemp("models"), {}
    options = ["--architecture", "feature-gate", "--epochs", "6", "--set", "training.learning_rate=0.02"]

    def trained(form):
        if form not in done:
            with shapes_unchecked():
                done[form] = CliRunner().invoke(
                    application(),
                    [
                        *["train", str(data), "--out", str(folder / form), *options],
                        *["--set", f"model.gate.form={form}", "--device", "cpu", "--no-baseline"],
                    ],
                )
            assert done[form].exit_code == 0, done[form].output
            assert f"A gate of form {form} over {len(FILLER) + 2} tokens" in done[form].stderr
        return folder / form

    return trained


@pytest.mark.parametrize("form", [pytest.param("softmax", marks=pytest.mark.long), "sigmoid"])
def test_the_feature_that_decides_is_what_the_gate_lets_through(trained, form):
    classifier = Classifier.load(trained(form), device="cpu", threads=1)
    texts = ["we was on quinces the the in", "Turnips or at it at", "quinces and but so the of"]
    explained = explain(classifier, texts)
    assert [one.label for one in explained] == ["fruit", "root", "fruit"]
    for one in explained:
        assert max(one.words, key=lambda word: word.weight).text.lower() in ("quinces", "turnips")
        assert sum(word.weight for word in one.words) == pytest.approx(1, abs=1e-5)
        (opened,) = one.maps
        assert len(set(opened.columns)) == len(opened.columns) == len(set(one.text.split()))  # each feature once
        assert list(opened.weights[0]) == sorted(opened.weights[0], reverse=True)
        if form == "softmax":
            assert opened.columns[0].lower() in ("quinces", "turnips")


def test_what_explain_shows_gives_the_answer_again(trained):
    """Counted by scikit-learn, weighed by the gates that are shown: the logits of the graph."""
    from safetensors.numpy import load_file

    folder = trained("softmax")
    classifier, p = Classifier.load(folder, device="cpu", threads=1), load_file(folder / "weights.safetensors")
    text = "Quinces in the the strange so"
    (explanation,) = explain(classifier, [text])
    units = classifier.tokenizer.tokens
    names = [units[unit] for unit in np.argsort(p["embedding.place"], kind="stable")[: len(p["embedding.idf"])]]
    vectorizer = TfidfVectorizer(sublinear_tf=True, vocabulary=names, token_pattern=r"\w+")
    vectorizer.idf_ = p["embedding.idf"]
    x = vectorizer.transform([text]).toarray()[0]
    (opened,) = explanation.maps
    assert "strange" not in opened.columns
    gates = dict(zip((name.lower() for name in opened.columns), opened.weights[0], strict=True))
    gated = np.array([value * gates.get(name, 0) for name, value in zip(names, x, strict=True)])
    logits = len(names) * gated @ p["dense.weight"].T + p["dense.bias"]
    shown = [dict(explanation.labels)[label] for label in classifier.labels]
    np.testing.assert_allclose(softmax(logits), shown, atol=1e-4)
    for word in explanation.words:
        name = word.text.lower()
        share = gated[names.index(name)] / gated.sum() if name in names else 0
        assert word.weight == pytest.approx(share / text.lower().split().count(name), abs=1e-4)


def test_every_command_runs_on_it(in_session, trained, data, tmp_path):
    folder = trained("sigmoid")
    manifest = json.loads((folder / "attnclf.json").read_text(encoding="utf-8"))
    assert (manifest["architecture"], manifest["pictures"]) == ("feature-gate", "features")
    assert manifest["config"]["model"]["gate"]["features"] == len(FILLER) + 2
    described = in_session("info", "-m", folder)
    assert f"feature-gate: sigmoid gate over {len(FILLER) + 2} units\n" in described.stdout.replace("  ", "")
    predicted = in_session("predict", "-m", folder, input="the quinces of it\n\nwe at turnips\nqwerty\n")
    first, blank, last, unknown = [line.split("\t")[0] for line in predicted.stdout.splitlines()]
    assert (first, blank, last) == ("fruit", "", "root")
    assert unknown in ("fruit", "root")
    done = in_session("explain", "-m", folder, input="the Quinces\n\nqwerty\n")
    shown, empty, strange = map(json.loads, done.stdout.splitlines())
    assert set(shown["maps"][0]["columns"]) == {"the", "Quinces"}
    assert "maps" not in empty
    assert "maps" not in strange
    assert [word["weight"] for word in strange["tokens"]] == [0]
    page = tmp_path / "why.html"
    assert in_session("explain", "-m", folder, "-o", page, input="the Quinces\nqwerty\n").exit_code == 0
    assert page.read_text(encoding="utf-8").count('<figure class="map">') == 1
    scored = json.loads(in_session("evaluate", data, "-m", folder, "-f", "json").stdout)
    assert scored["rows"] == 240
    assert scored["accuracy"] > 0.98


def test_the_weights_file_holds_what_was_learned_of_the_features(trained):
    from safetensors.numpy import load_file

    weights = load_file(trained("sigmoid") / "weights.safetensors")
    assert weights["embedding.idf"].shape == (len(FILLER) + 2,)
    assert (weights["embedding.idf"] > 1).all()


def test_texts_without_any_known_unit_are_told_what_to_do(in_session, tmp_path):
    rows = [f"w{number} v{number}\t{'ab'[number % 2]}" for number in range(40)]
    (tmp_path / "rows.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n", encoding="utf-8")
    done = in_session("train", tmp_path / "rows.tsv", "--out", tmp_path / "m", "--architecture", "feature-gate")
    assert done.exit_code == 1
    assert done.stderr.endswith("no token of these texts is a known one; lower it: --set text.min_frequency=1\n")


# Settings


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"model": {"gate": {"hidden": 5}}}, "architecture 'temporal' has nothing that model.gate could set; .*-gate$"),
        (
            {"model": {"architecture": "feature-gate", "ngrams": {"features": 9}}},
            "'feature-gate' has nothing that model.ngrams could set; ",
        ),
        (
            {"model": {"architecture": "feature-gate", "embedding": {"vectors": "a.vec"}}},
            "'feature-gate' has nothing that model.embedding could set; ",
        ),
        (
            {"model": {"architecture": "feature-gate", "attention": {"score": "dot"}}},
            "'feature-gate' has nothing that model.attention could set; ",
        ),
        (
            {"model": {"architecture": "feature-gate"}, "training": {"adversarial": 0.5}},
            "training.adversarial moves vectors of tokens, and architecture 'feature-gate' has none; leave it out, or ",
        ),
        (
            {"model": {"architecture": "feature-gate", "gate": {"form": "softmax", "features": 9000}}},
            "model.gate.features is 9000; set it between 0 and 8192",
        ),
        (
            {"model": {"architecture": "feature-gate", "gate": {"form": "softmax", "l2": 0.1}}},
            "a gate of form softmax has no hidden layer .*; leave them out, or set model.gate.form=sigmoid",
        ),
    ],
)
def test_settings_that_mean_nothing_to_it_are_refused(said, message):
    with pytest.raises(ConfigError, match=message):
        Config.from_dict(said)


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_what_was_asked_for_is_refused_and_what_a_preset_brings_is_not(preset):
    asked = {"model": {"architecture": "feature-gate"}}
    assert Config.from_dict(presets.settings(preset, asked)).model.gate == GateConfig()
    with pytest.raises(ConfigError, match=r"model\.ngrams"):
        Config.from_dict(presets.settings(preset, asked, {"model": {"ngrams": {"features": 7}}}))


def test_softmax_takes_fewer_features_unless_told():
    assert [GateConfig(form=form).most for form in FORMS] == [2_000, 5_000]
    assert [GateConfig(form=form, features=7).most for form in FORMS] == [7, 7]
