"""Numeric columns of every kind: one alone, constant ones, enormous and tiny numbers."""

import numpy as np
import pytest
import torch

from attnclf.config import Config, merged
from attnclf.errors import ConfigError, DataError
from attnclf.explain.api import explain
from attnclf.explain.choice import resolved
from attnclf.model.features import FARTHEST, Standardised
from attnclf.runtime.classifier import Classifier
from attnclf.training.pipeline import train


@pytest.fixture
def trained(exporting, small, tmp_path):
    """Return what trains a model on rows of numbers under these columns, and tells what was said."""

    def trained(columns, rows):
        data = tmp_path / "rows.csv"
        lines = (",".join(map(str, [*row, "ab"[number % 2]])) + "\n" for number, row in enumerate(rows))
        data.write_text(",".join([*columns, "label"]) + "\n" + "".join(lines))
        model = {"architecture": "feature-gate", "gate": {"columns": list(columns)}}
        settings = {"model": model, "training": merged(small["training"], {"epochs": 2})}
        said = []
        config = Config.from_dict(settings)
        train(str(data), tmp_path / "m", config=config, device="cpu", baseline=False, say=said.append)
        return Classifier.load(tmp_path / "m", device="cpu"), said

    return trained


def numbers(*columns, rows=40):
    generator = np.random.default_rng(0)
    drawn = {"apart": lambda n: generator.normal(n % 2 * 10), "same": lambda n: 34, "tiny": lambda n: 1e-42 * (n % 7)}
    return [[drawn[column](n) for column in columns] for n in range(rows)]


def test_one_column_alone_makes_a_model(trained):
    classifier, _ = trained(["age"], numbers("apart"))
    assert [prediction.label for prediction in classifier.predict(["age=0", "age=10"])] == ["a", "b"]


@pytest.mark.parametrize("still", ["same", "tiny"])
def test_a_column_without_differences_is_named_and_harms_no_answer(trained, still):
    classifier, said = trained(["age", "size"], numbers(still, "apart"))
    assert [line for line in said if "are useless" in line] == [
        "Warning: these columns have one value in all rows (in 32 bits) and are useless: 'age'"
    ]
    texts = ["age=34, size=0", "age=1e30, size=10", "age=-1e30, size=1e30", "age=1e-44, size=-1e30"]
    predictions = classifier.predict(texts)
    assert all(np.isfinite(prediction.probabilities).all() for prediction in predictions)
    for explanation in explain(classifier, texts):  # warnings are errors
        assert np.isfinite([word.weight for word in explanation.words]).all()


def test_rows_that_are_all_the_same_are_refused_for_that_reason(trained):
    with pytest.raises(DataError, match="no text can be set aside for validation: all rows have the same one"):
        trained(["age"], numbers("same"))


def test_what_is_far_from_the_mean_counts_as_a_million_deviations():
    standardised = Standardised.over(np.array([[1e-30], [3e-30]], np.float32))
    assert standardised(torch.tensor([[1e30], [-1e30], [1e-30]])).flatten().tolist() == [FARTHEST, -FARTHEST, -1.0]


def test_words_for_a_label_are_refused_in_the_words_of_columns(trained):
    classifier, _ = trained(["age"], numbers("apart"))
    with pytest.raises(
        ConfigError, match="gives a column a sign for or against a label; leave --global and --against out"
    ):
        resolved(classifier, [], contrast=True)
