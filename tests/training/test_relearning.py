"""Rows set apart to choose by: once they have chosen, the linear model learns from them, and nobody scores by them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.torch import load_file
from support import invoke, shapes_unchecked

from attnclf.config import Config
from attnclf.data import corpus
from attnclf.data.labels import LabelSet
from attnclf.data.splits import stratified
from attnclf.data.training_set import Splits
from attnclf.evaluation.report import Baseline
from attnclf.runtime.classifier import Classifier
from attnclf.training import packaging
from attnclf.training.limits import Interrupted, Limits

SETTINGS = [
    "--preset", "fast", "--epochs", 1, "--device", "cpu", "--no-baseline", "--set", "training.min_steps=1",
    "--set", "model.embedding.dim=8", "--set", "model.encoder.hidden=4", "--set", "model.ngrams.features=500",
    "--set", "model.embedding.start=random",
]  # fmt: skip


def written(path, rows):
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, examples):
    """Two trainings on the same rows: validation rows set apart of them, and the same ones given as a file."""
    folder = tmp_path_factory.mktemp("relearning")
    read = corpus.read(str(examples / "tickets" / "tickets.csv"))
    labels = LabelSet.from_lists(read.label_lists, multi_label=False)
    rows = [(text, names[0]) for text, names in zip(read.texts, read.label_lists, strict=True)]
    kept, held = stratified(labels.encode(read.label_lists), read.texts, fraction=0.1, seed=0)
    whole, train, valid = (
        written(folder / f"{name}.jsonl", [rows[row] for row in chosen])
        for name, chosen in {"whole": range(len(rows)), "train": kept.tolist(), "valid": held.tolist()}.items()
    )
    with shapes_unchecked():
        apart = invoke("train", whole, "--test", valid, "--out", folder / "apart", *SETTINGS)
        given = invoke("train", train, "--valid", valid, "--out", folder / "given", *SETTINGS)
    assert (apart.returncode, given.returncode) == (0, 0), apart.stderr + given.stderr
    return folder, apart, given


def weights(folder):
    return load_file(folder / "weights.safetensors")


def test_the_linear_model_learns_from_rows_that_were_set_apart_and_not_from_a_file_of_them(trained):
    folder, apart, given = trained
    assert "Refitted the linear model on all 360 rows" in apart.stderr
    assert "Refitted" not in given.stderr
    ours, theirs = weights(folder / "apart"), weights(folder / "given")
    assert ours.keys() == theirs.keys()
    same = {name for name in ours if ours[name].shape == theirs[name].shape and (ours[name] == theirs[name]).all()}
    assert {name for name in ours if not name.startswith("linear.")} <= same  # network, and the weights of both
    assert not {"linear.words", "linear.bias", "linear.pair_rows", "linear.gram_rows"} & same


def test_the_validation_scores_are_those_of_before(trained):
    folder, *_ = trained
    apart, given = (
        json.loads((folder / name / "report" / "metrics.json").read_text())["splits"]["valid"]
        for name in ("apart", "given")
    )
    assert apart == given
    texts = [json.loads(line)["text"] for line in (folder / "valid.jsonl").read_text().splitlines()]
    ours, theirs = (Classifier.load(folder / name, device="cpu").predict_proba(texts) for name in ("apart", "given"))
    assert np.abs(ours - theirs).max() > 0.01  # the model that is kept does know these rows


def test_test_rows_are_scored_by_the_model_that_is_kept(trained):
    folder, *_ = trained
    splits = json.loads((folder / "apart" / "report" / "metrics.json").read_text())["splits"]
    scored = invoke("evaluate", folder / "valid.jsonl", "--model", folder / "apart", "--format", "json")
    loss = json.loads(scored.stdout)["log_loss"]
    assert loss == splits["test"]["log_loss"] != splits["valid"]["log_loss"]


def test_the_baseline_too_knows_all_rows_when_it_meets_test_rows(monkeypatch):
    def learned(train, splits, names, *, whole, check):
        asked.append((len(train[0]), None if whole is None else len(whole[0])))
        return Baseline(splits={}, seconds=0.0)

    asked = []
    monkeypatch.setattr(packaging.linear, "fit_and_score", learned)
    labels = LabelSet.from_lists([("a",), ("b",)], multi_label=False)
    context = SimpleNamespace(labels=labels, config=Config(), limits=Limits(None, Interrupted()))
    rows = corpus.Corpus(["x", "y", "z"], [("a",), ("b",), ("a",)], None, ["1", "2", "3"], False, (), "")
    for whole in (rows, None):
        splits = Splits(train=rows.subset([0, 1]), valid=rows.subset([2]), test=None, labels=labels, whole=whole)
        packaging._baseline(context, splits)
    assert asked == [(2, 3), (2, None)]
