"""Learning to emit labels one after the other: their order, the loss, and what a trained decoder looks at."""

import random
from collections import Counter

import numpy as np
import pytest
import torch

from attnclf.config import Config, merged
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet, marked
from attnclf.errors import ConfigError
from attnclf.training import pipeline as training
from attnclf.training import trainer
from attnclf.training.examples import label_sequences
from attnclf.training.objectives.labels import sequence_cross_entropy
from attnclf.training.pipeline import train

pytestmark = pytest.mark.usefixtures("exporting")

LABELS = LabelSet(("a", "b", "c"), multi_label=True)
DECODER = {"model": {"architecture": "label-decoder", "ngrams": {"features": 0}, "attention": {"score": "additive"}}}


# The order


def test_the_most_frequent_label_comes_first_and_the_end_last():
    frequency = Counter({"a": 1, "b": 5, "c": 5})
    rows = [("a", "b", "c"), (), ("c",), ("a", "unknown", "c")]
    assert label_sequences(rows, LABELS, "frequency", frequency).tolist() == [
        [1, 2, 0, 3],  # b before c, as among the labels
        [3, -1, -1, -1],
        [2, 3, -1, -1],
        [2, 0, 3, -1],
    ]


def test_the_given_order_is_that_of_the_row():
    rows = [("c", "a", "b"), ("b", "a")]
    assert label_sequences(rows, LABELS, "given", Counter()).tolist() == [[2, 0, 1, 3], [1, 0, 3, -1]]


def test_marks_are_the_labels_of_a_sequence():
    assert marked(np.array([[2, 0], [-1, -1], [1, -1]]), 3).tolist() == [
        [True, False, True],
        [False, False, False],
        [False, True, False],
    ]


# The loss


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_that_of_the_formula(smoothing):
    logits = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(0))
    logits[0, 1, 2] = logits[0, 2, 2] = logits[0, 2, 0] = -torch.inf  # labels already emitted
    targets = torch.tensor([[2, 0, 3], [3, -1, -1], [1, 3, -1]])
    row_weights, label_weights = torch.tensor([1.0, 3.0, 0.5]), torch.tensor([2.0, 5.0, 0.25])
    expected = 0.0
    for row, weight in enumerate(row_weights.tolist()):
        for step, target in enumerate(targets[row].tolist()):
            if target < 0:
                continue
            values = logits[row, step].double().numpy()
            possible = values[np.isfinite(values)]
            log_sum = np.log(np.exp(possible).sum())
            loss = (1 - smoothing) * (log_sum - values[target]) + smoothing * (log_sum - possible).mean()
            expected += weight * loss * (1.0 if target == 3 else label_weights[target].item())
    expected /= row_weights.sum().item()
    logits.requires_grad_()
    loss = sequence_cross_entropy(logits, targets, row_weights, label_weights, smoothing)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[1, 1:] == 0).all()


# What is learned


def signs(seed, count):
    """Rows of two to five words, each of which tells a label; the labels in the order of their words."""
    draw = random.Random(seed)
    rows = [tuple(draw.sample("abcdefgh", draw.randint(2, 5))) for _ in range(count)]
    return [(" ".join(f"sign{label}" for label in labels), labels) for labels in rows]


def corpus(rows):
    texts, labels = zip(*rows, strict=True)
    return Corpus(
        texts=texts, label_lists=labels, locations=("",) * len(rows), weights=None, multi_label=True, bad=(),
        description="",
    )  # fmt: skip


class StopError(Exception):
    """Ends a training before anything is exported."""


@pytest.fixture
def learned(monkeypatch, tmp_path):
    """Train on rows and return the network and its validation examples, without an export."""

    def learned(rows, valid, **changes):
        config = Config.from_dict(merged(DECODER, changes))
        labels = LabelSet.from_lists(corpus(rows).label_lists, multi_label=True)
        kept = {}

        def stop(folder, context, rows, model, **others):
            kept.update(network=model.network, valid=model.fitted.data.validation)
            raise StopError

        monkeypatch.setattr(training, "write_bundle", stop)
        monkeypatch.setattr(
            training,
            "read_splits",
            lambda *_: training.Splits(train=corpus(rows), valid=corpus(valid), test=None, labels=labels),
        )
        with pytest.raises(StopError):
            train("rows", tmp_path / "out", config=config, device="cpu", say=str)
        return kept["network"].eval(), kept["valid"]

    return learned


@pytest.mark.parametrize(
    ("style", "score", "least"),
    [("luong", "general", 0.8), ("bahdanau", "additive", 0.6)],
)
@pytest.mark.long
def test_a_decoder_that_follows_the_text_looks_at_the_word_that_tells_each_label(learned, style, score, least):
    valid = signs(1, 100)
    network, examples = learned(
        signs(0, 400),
        valid,
        text={"min_frequency": 1},
        model={
            "embedding": {"dim": 16, "dropout": 0.0},
            "encoder": {"hidden": 16},
            "attention": {"score": score, "alignment": "entmax15"},
            "decoder": {"style": style, "order": "given"},
            "dropout": 0.0,
        },
        training={"epochs": 12, "min_steps": 1, "learning_rate": 0.02, "seed": 1},
    )
    with torch.no_grad():
        output = network(*(torch.from_numpy(array) for array in examples.batch(np.arange(len(valid)))))
    right, diagonal = 0, []
    for row, (_, labels) in enumerate(valid):
        sequence = output.named["sequence"][row].tolist()
        right += tuple("abcdefgh"[label] for label in sequence if label >= 0) == labels
        diagonal += output.named["alignment"][row].diagonal()[: len(labels)].tolist()
    assert right >= 95
    assert np.mean(diagonal) > least


# Runs


@pytest.fixture
def run(examples, small):
    """Train on the Russian example with several labels a row."""

    def run(out, *, changes=None, data=examples / "intents-ru" / "multi.jsonl", **arguments):
        config = Config.from_dict(merged(small, DECODER, {"training": {"epochs": 2}}, changes or {}))
        return train(str(data), out, config=config, device="cpu", baseline=False, **{"say": str, **arguments})

    return run


def test_a_run_cut_off_and_resumed_ends_as_if_nothing_had_happened(run, tmp_path, monkeypatch):
    changes = {
        "model": {"decoder": {"style": "luong", "cell": "gru", "beam": 2, "steps": 2}},
        "training": {
            "adversarial": 0.7,
            "word_dropout": 0.1,
            "label_smoothing": 0.1,
            "average": 0.9,
            "class_weights": "balanced",
            "precision": "bf16",
        },
    }
    saved = {}

    def keep(folder, context, rows, model, **others):
        saved[folder.name] = {name: value.clone() for name, value in model.network.state_dict().items()}
        raise StopError

    def fall(progress):
        if progress.step == 12:
            raise StopError

    monkeypatch.setattr(training, "write_bundle", keep)
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)  # a checkpoint at every step
    for watch, resume in ((str, False), (fall, False), (str, True)):
        with pytest.raises(StopError):
            run(tmp_path / "out", changes=changes, watch=watch, resume=resume)
    whole, resumed = saved.values()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_rows_with_one_label_each_are_refused_with_the_choices(run, tmp_path, examples):
    with pytest.raises(ConfigError, match=r"emits several labels, and these rows have one each; pass .*: temporal"):
        run(tmp_path / "out", data=examples / "intents-ru" / "intents.txt")
