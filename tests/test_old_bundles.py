"""Model folders that earlier builds wrote are read, answered from, explained and exported as before."""

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from attnclf.bundle import open_bundle
from attnclf.explain.api import explain
from attnclf.export.precision import add_precision
from attnclf.export.triton import write_model
from attnclf.runtime.classifier import Classifier

BUNDLES = Path(__file__).parent / "bundles"


@pytest.fixture(params=sorted(path.stem for path in BUNDLES.glob("format-*.zip")))
def old(request, tmp_path):
    with zipfile.ZipFile(BUNDLES / f"{request.param}.zip") as bundle:
        bundle.extractall(tmp_path)
    answers = (BUNDLES / f"{request.param}.jsonl").read_text(encoding="utf-8").splitlines()
    return tmp_path / "model", [json.loads(line) for line in answers]


@pytest.fixture
def texts(examples):
    return (examples / "tickets" / "new_tickets.txt").read_text(encoding="utf-8").splitlines()


def test_an_old_model_answers_as_it_did(old, texts):
    folder, answers = old
    open_bundle(folder).verify()
    predictions = Classifier.load(folder, device="cpu").predict(texts)
    assert [prediction.label for prediction in predictions] == [answer["label"] for answer in answers]
    assert [prediction.score for prediction in predictions] == pytest.approx(
        [answer["score"] for answer in answers], abs=1e-5
    )
    if "probabilities" in answers[0]:
        assert [list(prediction.chosen) for prediction in predictions] == [answer["labels"] for answer in answers]
        np.testing.assert_allclose(
            [prediction.probabilities for prediction in predictions],
            [answer["probabilities"] for answer in answers],
            atol=1e-5,
        )


@pytest.mark.parametrize("method", ["attention", "ngrams", "gradient-x-input"])
def test_an_old_model_is_explained(old, texts, method):
    classifier = Classifier.load(old[0], device="cpu")
    assert all(explanation.words for explanation in explain(classifier, texts, method=method))


def test_what_is_made_of_an_old_model_is_clean(old):
    folder, _ = old
    add_precision(folder, "int8")
    add_precision(folder, "fp16")
    write_model(folder, folder.parent / "triton")
    for path in (folder / "model.int8.onnx", folder / "model.fp16.onnx", folder.parent / "triton/1/model.onnx"):
        onnx.checker.check_model(path, full_check=True)
        assert b".py" not in path.read_bytes()
