"""Training with many labels: memory, size and accuracy stay within bounds."""

import json
import random
import resource
import shutil
import tracemalloc

import numpy as np
import pytest
import torch

from attnclf.config import Config, NgramConfig, merged
from attnclf.evaluation.thresholds import tune_thresholds
from attnclf.explain import choice
from attnclf.export.precision import add_precision
from attnclf.runtime.classifier import Classifier
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import factored, ngrams
from attnclf.training.calibration.logit_weights import fit_logit_weights
from attnclf.training.examples import Examples
from attnclf.training.pipeline import train
from attnclf.training.prediction import predict_logits

SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


def made(labels, rows, *, words=12):
    """Return texts and the numbers of their labels: each label has four words of its own, a third of its texts."""
    drawn = random.Random(0)

    def word():
        return "".join(drawn.choices(SYLLABLES, k=drawn.randint(2, 4)))

    common = [word() for _ in range(2000)]
    own = [[word() for _ in range(4)] for _ in range(labels)]
    targets = [row % labels for row in range(rows)]
    texts = [
        " ".join(drawn.choice(own[label] if drawn.random() < 1 / 3 else common) for _ in range(words))
        for label in targets
    ]
    return texts, np.array(targets)


def written(path, labels, rows):
    texts, targets = made(labels, rows)
    lines = [f"{text},label{label}\n" for text, label in zip(texts, targets, strict=True)]
    path.write_text("text,label\n" + "".join(lines))
    return path


def encoded(tokenizer, texts, targets):
    unknown = {}
    tokens = tokenizer.encode_with_unknown(texts, unknown)
    return Examples(
        tokens=tokens.filled(tokenizer.blank).packed(tokenizer.size + len(unknown)),
        targets=targets,
        weights=np.ones(len(texts), dtype=np.float32),
        vocabulary=tokenizer.size,
        unknown=list(unknown),
    )


def learned(labels, rows, *, several=False):
    """Return the linear model of all rows but the last of each label, its accuracy on those, and a score of chance."""
    texts, targets = made(labels, rows)
    tokenizer = Tokenizer.learn(texts, unit="word", vocabulary=30_000, min_frequency=2, lowercase=True, max_length=99)
    marks = np.eye(labels, dtype=np.float32)[targets] if several else targets
    examples = encoded(tokenizer, texts[:-labels], marks[:-labels])
    config = NgramConfig(features=50_000)
    importance = np.ones(labels, dtype=np.float32)
    linear = next(ngrams.learn(examples, importance, tokenizer.tokens, config, [10.0]))
    held = encoded(tokenizer, texts[-labels:], targets[-labels:])
    return (
        linear,
        float((predict_logits(linear, held, labels=labels).argmax(dim=1).numpy() == held.targets).mean()),
        held,
    )


@pytest.fixture
def narrow(monkeypatch):
    """Take tables of a few labels for too large."""
    monkeypatch.setattr(ngrams, "CELLS", 10_000)


@pytest.mark.parametrize("several", [False, True])
def test_where_tables_would_be_large_all_labels_are_learned_together(narrow, several):
    linear, accuracy, _ = learned(40, 400, several=several)
    assert linear.labels is not None
    assert linear.words.shape[1] == factored.MOST + 1
    assert accuracy > 0.85  # by chance 0.025


def test_ordinary_numbers_of_labels_have_one_regression_each():
    linear, accuracy, _ = learned(40, 400)
    assert linear.labels is None
    assert linear.words.shape[1] == 41
    assert accuracy > 0.85


def test_contributions_add_up_to_logits_also_where_labels_are_learned_together(narrow):
    linear, _, held = learned(40, 200)
    with torch.no_grad():
        said = linear(*map(torch.from_numpy, held.batch_with_char_ngrams(np.arange(8))))
    torch.testing.assert_close(said.contributions.sum(dim=1) + linear.bias, said.logits, atol=1e-4, rtol=1e-4)


def test_what_is_learned_together_is_the_same_every_time(narrow):
    (one, *_), (other, *_) = learned(20, 100), learned(20, 100)
    assert all(torch.equal(table, other.state_dict()[name]) for name, table in one.state_dict().items())


def test_work_is_left_between_the_steps_of_learning_together(narrow):
    class EnoughError(Exception):
        pass

    def check():
        calls.append(1)
        if len(calls) > 5:
            raise EnoughError

    calls = []
    texts, targets = made(20, 200)
    tokenizer = Tokenizer.learn(texts, unit="word", vocabulary=999, min_frequency=2, lowercase=True, max_length=99)
    with pytest.raises(EnoughError):
        next(
            ngrams.learn(
                encoded(tokenizer, texts, targets),
                np.ones(20, dtype=np.float32),
                tokenizer.tokens,
                NgramConfig(features=1000),
                [10.0],
                check,
            )
        )


def test_memory_and_tables_of_a_thousand_labels_stay_small():
    tracemalloc.start()
    try:
        linear, accuracy, _ = learned(1000, 3000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 250e6  # one array of features × labels would be as large
    assert sum(table.numel() for table in linear.state_dict().values()) < 1.6 * factored.CELLS
    assert accuracy > 0.5


def test_the_rank_falls_as_features_rise_and_stays_within_its_bounds():
    ranks = [factored.rank(columns) for columns in (100, 30_000, 60_000, 250_000, 10**7)]
    assert ranks == [256, 200, 100, 24, 16]


def test_weights_and_thresholds_of_many_labels_are_fitted_to_evenly_drawn_rows(monkeypatch):
    drawn = np.random.default_rng(0)
    targets = np.arange(4000) % 5
    logits = torch.from_numpy((np.eye(5)[targets] + drawn.normal(size=(4000, 5))).astype(np.float32))
    marks = np.eye(5, dtype=np.int64)[targets]
    everything = fit_logit_weights([logits], targets, [1.0]), tune_thresholds(marks, torch.sigmoid(logits).numpy())
    monkeypatch.setattr("attnclf.evaluation.thresholds.CELLS", 10_000)
    some = fit_logit_weights([logits], targets, [1.0]), tune_thresholds(marks, torch.sigmoid(logits).numpy())
    assert 0 < abs(float(some[0] - everything[0])) < 0.1
    np.testing.assert_allclose(some[1], everything[1], atol=0.05)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small):
    """A model whose labels were learned together, in two precisions more, and what was said of its training."""
    from support import shapes_unchecked

    place = tmp_path_factory.mktemp("many")
    path, said = written(place / "rows.csv", 40, 400), []
    changes = {"model": {"ngrams": {"features": 5000}}, "training": {"epochs": 2}}
    with pytest.MonkeyPatch.context() as patch, shapes_unchecked():
        patch.setattr(ngrams, "CELLS", 10_000)
        config = Config.from_dict(merged(small, changes))
        train(str(path), place / "model", config=config, device="cpu", say=said.append)
    return place / "model", said


def test_a_model_of_many_labels_is_exported_learned_again_and_predicts(folder):
    model, said = folder
    assert any("Refitted the linear model on all 400 rows" in line for line in said)
    classifier = Classifier.load(model)
    texts, targets = made(40, 80)
    right = [one.label == f"label{label}" for one, label in zip(classifier.predict(texts), targets, strict=True)]
    assert np.mean(right) > 0.8
    explained = classifier.explain(texts[:2], method="ngrams")
    assert len(explained) == 2


@pytest.mark.parametrize("kind", ["int8", "fp16"])
def test_a_model_of_many_labels_is_made_smaller(folder, tmp_path, kind):
    shutil.copytree(folder[0], tmp_path / "model")
    comparison = add_precision(tmp_path / "model", kind)
    assert comparison.bytes < comparison.original_bytes


def test_fewer_units_are_scored_where_labels_are_many(model, monkeypatch, tickets):
    classifier = Classifier.load(model)
    before = choice.drawn(classifier, tickets)
    monkeypatch.setattr(choice, "CELLS", 400 * len(classifier.labels))
    assert len(choice.drawn(classifier, tickets)) < len(before) / 2


@pytest.mark.long
@pytest.mark.parametrize(("labels", "rows", "gigabytes"), [(5000, 15_000, 2.0), (2000, 50_000, 4.0)])
def test_thousands_of_labels_are_learned_in_bounded_memory_and_the_model_is_small(
    attnclf, tmp_path, labels, rows, gigabytes
):
    path = written(tmp_path / "rows.csv", labels, rows)
    done = attnclf("train", path, "--out", tmp_path / "model", "--preset", "fast", "--no-baseline")
    assert done.returncode == 0, done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < gigabytes * 1e9
    assert sum(file.stat().st_size for file in (tmp_path / "model").rglob("*") if file.is_file()) < 100e6
    report = json.loads((tmp_path / "model" / "report" / "metrics.json").read_text())
    assert report["splits"]["valid"]["accuracy"] > 0.4
