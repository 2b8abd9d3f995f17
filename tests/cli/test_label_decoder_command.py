"""A model that emits labels one after the other, from the command line to its heat map."""

import json

import numpy as np
import pytest
from support import invoke, shapes_unchecked

from attnclf.explain.api import explain
from attnclf.runtime.classifier import Classifier

SETTINGS = ("embedding.dim=12", "encoder.hidden=8", "decoder.style=luong", "decoder.beam=2")
WORDS = {"Wasser": "water", "Strom": "power", "Lärm": "noise"}
TEXTS = ["Wasser und Strom, Haus 9", "Lärm, Haus 1", "alles gut, Haus 5", "Wasser und Strom und Lärm, Haus 2"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Complaints of every combination of three words, each of which tells a label; some tell none."""
    path = tmp_path_factory.mktemp("data") / "rows.jsonl"
    lines = []
    for number in range(96):
        words = [word for bit, word in enumerate(WORDS) if number >> bit & 1]
        text = " und ".join(words) or "alles gut"
        lines.append({"text": f"{text}, Haus {number % 7}", "labels": [WORDS[word] for word in words]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(one_thread, rows, tmp_path_factory):
    """The model folder, and what the training printed."""
    out = tmp_path_factory.mktemp("models") / "decoder"
    options = [part for setting in SETTINGS for part in ("--set", f"model.{setting}")]
    with shapes_unchecked():
        done = invoke(
            "train", rows, "--out", out, "--architecture", "label-decoder", "--preset", "plain", *options,
            "--set", "training.learning_rate=0.02", "--epochs", 12, "--device", "cpu",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.fixture(scope="module")
def decoder(trained):
    return Classifier.load(trained[0], device="cpu", threads=1)


def test_it_learns_which_labels_go_with_a_text(decoder):
    predictions = decoder.predict(TEXTS)
    assert [set(prediction.chosen) for prediction in predictions] == [
        {"power", "water"}, {"noise"}, set(), {"noise", "power", "water"},
    ]  # fmt: skip
    assert predictions[0].label == predictions[0].chosen[0]
    assert predictions[2].label is not None  # the most probable one, as under a threshold
    for prediction in predictions:
        assert prediction.attention.sum() == pytest.approx(1, abs=1e-5)
        assert prediction.score == pytest.approx(dict(decoder.ranked(prediction))[prediction.label])


def test_a_blank_text_gets_nothing(decoder):
    (prediction,) = decoder.predict(["  "])
    assert prediction.chosen == ()
    assert prediction.label is None


def test_labels_are_printed_in_the_order_of_emission(in_session, decoder, trained):
    done = in_session("predict", "--model", trained[0], "--format", "jsonl", input="\n".join(TEXTS))
    for line, prediction in zip(done.stdout.splitlines(), decoder.predict(TEXTS), strict=True):
        assert [pair["label"] for pair in json.loads(line)["labels"]] == list(prediction.chosen)


def test_a_threshold_is_refused(in_session, trained):
    done = in_session("predict", "--model", trained[0], "--threshold", 0.3, input="Strom weg")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: this model emits its labels one after the other until it says that is all: no threshold decides; "
        "leave --threshold out\n"
    )


def test_a_least_confidence_is_refused_without_the_advice_to_pass_a_threshold(in_session, trained):
    done = in_session("predict", "--model", trained[0], "--min-confidence", 0.3, input="Strom weg")
    assert done.returncode == 1
    assert done.stderr == "Error: --min-confidence is for one label per text; leave it out\n"


def test_an_explanation_has_a_row_of_weights_for_each_emitted_label(decoder):
    for text, explanation in zip(TEXTS, explain(decoder, TEXTS), strict=True):
        if not explanation.chosen:
            assert explanation.maps == ()
            continue
        (drawn,) = explanation.maps
        assert drawn.rows == explanation.chosen
        assert drawn.columns == tuple(word.text for word in explanation.words)
        (prediction,) = decoder.predict([text], named=["alignment"])
        weights = np.array(drawn.weights)
        assert weights.sum(axis=1) == pytest.approx(np.ones(len(drawn.rows)), abs=1e-5)
        assert weights.sum() == pytest.approx(prediction.named["alignment"].sum(), abs=1e-5)
        assert weights.mean(axis=0) == pytest.approx([word.weight for word in explanation.words], abs=1e-5)


def test_the_commands_explain_evaluate_and_info_know_the_decoder(in_session, trained, rows):
    model, printed = trained
    explained = in_session("explain", "--model", model, "--format", "json", input="\n".join(TEXTS))
    assert [len(json.loads(line).get("maps", [])) for line in explained.stdout.splitlines()] == [1, 1, 0, 1]
    for kind in ("terminal", "svg", "html"):
        assert "power" in in_session("explain", "--model", model, "--format", kind, input="\n".join(TEXTS)).stdout
    scores = json.loads(in_session("evaluate", rows, "--model", model, "--format", "json").stdout)
    assert scores["accuracy"] > 0.9
    assert "Scores, %" in printed
    assert "label-decoder" in in_session("info", "--model", model).stdout


def test_the_graph_gives_a_text_the_same_labels_with_any_padding(decoder):
    ids = np.array([[2, 3, 4, 0, 0], [5, 6, 7, 8, 9], [10, 0, 0, 0, 0]])
    lengths = np.array([3, 5, 1])
    names = ("sequence", "alignment")
    short = decoder.backend.run(ids, lengths, named=names)
    long = decoder.backend.run(np.pad(ids, ((0, 0), (0, 9))), lengths, named=names)
    assert short.named["sequence"].tolist() == long.named["sequence"].tolist()
    assert short.probabilities == pytest.approx(long.probabilities, abs=1e-5)
    assert np.pad(short.named["alignment"], ((0, 0), (0, 0), (0, 9))) == pytest.approx(
        long.named["alignment"], abs=1e-5
    )


def test_its_explanations_are_evaluated_without_permuting_attention(decoder):
    from attnclf.explain.evaluate import chosen, evaluate

    found = evaluate(decoder, TEXTS, chosen(decoder))
    assert "attention-x-gradient" not in found.methods
    assert found.methods["leave-one-out"].comprehensiveness["delete"].mean > 0.1
    assert found.permutation == "a label-decoder model does not give the output value_logits"
    assert found.to_dict()["permutation"] == {"skipped": found.permutation}
