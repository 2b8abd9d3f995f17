"""What a prediction holds: tokens beside their attention, and no more memory than its own."""

import gc
import json
import pickle
import tracemalloc

import numpy as np
import pytest

from attnclf.runtime.backend import NetworkOutput
from attnclf.runtime.classifier import Classifier
from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer

TEXTS = ["my parcel is late", "Where is it, please?", "", "\x07", "I was charged twice and nobody answers me"]


class EvenBackend:
    """A network that gives every label and every token the same weight."""

    device, workers, no_gpu, reads_ngrams, axes = "cpu", 1, None, False, {}

    def __init__(self, labels):
        self.labels = labels

    def run(self, ids, lengths, ngrams=None, *, named=()):
        logits = np.zeros((len(ids), self.labels), np.float32)
        attention = (np.arange(ids.shape[1]) < lengths[:, None]) / lengths[:, None]
        return NetworkOutput(logits, logits + 1 / self.labels, attention.astype(np.float32), {})


def even(classifier, unit, max_length=100):
    """Return a classifier that reads words, subwords or characters."""
    options = {"vocabulary": 60, "min_frequency": 1, "lowercase": True, "max_length": max_length}
    tokenizer = Tokenizer.learn(TEXTS, unit=unit, **options)
    return Classifier(classifier.bundle, tokenizer, EvenBackend(len(classifier.labels)))


@pytest.mark.parametrize(
    ("unit", "tokens"),
    [("word", ["Where", "is", "it", ",", "please", "?"]), ("character", list("Whereisit,please?"))],
)
def test_tokens_are_the_parts_of_the_text_that_the_network_read(classifier, unit, tokens):
    prediction = even(classifier, unit).predict(TEXTS)[1]
    assert list(prediction.tokens) == tokens
    assert len(prediction.tokens) == len(prediction.attention)
    assert (prediction.tokens[0], prediction.tokens[-1]) == (tokens[0], "?")


def test_subwords_together_are_the_text(classifier):
    texts = ["parcels is charged", "Where please, nobody's?"]
    for text, prediction in zip(texts, even(classifier, "subword").predict(texts), strict=True):
        assert "".join(prediction.tokens) == text.replace(" ", "")
        assert len(text.split()) < len(prediction.tokens) == len(prediction.attention)


@pytest.mark.parametrize("unit", ["word", "subword", "character"])
def test_a_truncated_text_has_the_tokens_that_were_read_and_a_blank_one_none(classifier, unit):
    long = " ".join(TEXTS) * 50
    short, cut, blank, control = even(classifier, unit, max_length=3).predict(["a b", long, " ", "\x07"])
    assert list(short.tokens) == ["a", "b"]
    assert cut.truncated
    assert long.startswith(cut.tokens[0])
    assert len(cut.tokens) == len(cut.attention) == 3
    assert list(blank.tokens) == list(control.tokens) == []


def test_tokens_of_a_trained_model_are_those_of_its_records(in_session, model, classifier):
    texts = [text for text in TEXTS if text.isprintable()]
    printed = in_session("predict", "-m", model, "--attention", input="\n".join(texts) + "\n").stdout
    for line, prediction in zip(printed.splitlines(), classifier.predict(texts), strict=True):
        assert json.loads(line)["tokens"] == list(prediction.tokens)


def test_a_row_of_numbers_has_its_columns_as_tokens(classifier):
    numeric = Classifier(classifier.bundle, NumberReader(["age", "income"]), EvenBackend(len(classifier.labels)))
    prediction, blank = numeric.predict(["age=34, income=1.5", ""])
    assert list(prediction.tokens) == ["age=34", "income=1.5"]
    assert list(blank.tokens) == []


def test_tokens_are_compared_printed_and_pickled_as_strings(classifier):
    prediction, other = classifier.predict(TEXTS[:2])
    expected = ("my", "parcel", "is", "late")
    assert prediction.tokens == expected
    assert prediction.tokens != other.tokens
    assert repr(prediction.tokens) == repr(expected)
    assert hash(prediction.tokens) == hash(expected)
    again = pickle.loads(pickle.dumps(prediction))
    assert again == prediction
    assert type(again.tokens) is tuple
    assert prediction != prediction._replace(tokens=other.tokens)
    assert len(pickle.dumps(prediction)) < 2000  # without the tokenizer


def test_the_text_is_tokenized_for_display_only_when_somebody_looks(classifier, monkeypatch):
    looked = []
    pieces = classifier.tokenizer.pieces
    monkeypatch.setattr(classifier.tokenizer, "pieces", lambda text: looked.append(text) or pieces(text))
    first, second = classifier.predict(TEXTS[:2])
    assert len(first.tokens) == 4
    assert looked == []
    assert (first.tokens[0], first.tokens[1]) == ("my", "parcel")
    assert looked == TEXTS[:1]
    assert list(second.tokens)[:1] == ["Where"]


@pytest.mark.parametrize("named", [None, (), ("evidence",)])
def test_a_prediction_keeps_no_other_in_memory(classifier, tickets, named):
    if named is None:  # arrays of numpy, whose memory is counted; ONNX Runtime has its own
        classifier, named = even(classifier, "word"), ()
    classifier.predict(tickets, named=named)  # what the tokenizer remembers
    gc.collect()
    tracemalloc.start()
    try:
        kept = [classifier.predict(tickets, named=named)[0] for _ in range(100)]
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 2000 * len(kept)  # the attention of a batch has four thousand bytes


def test_predict_proba_is_the_probabilities_of_predictions(classifier, multi_classifier):
    for model in (classifier, multi_classifier):
        found = model.predict_proba(iter(TEXTS))
        assert found.shape == (len(TEXTS), len(model.labels))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, [prediction.probabilities for prediction in model.predict(TEXTS)])
        assert model.predict_proba([]).shape == (0, len(model.labels))
    with pytest.raises(TypeError, match=r"pass a list, \[text\]"):
        classifier.predict_proba("one text")
