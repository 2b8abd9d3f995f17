"""What a person holds in Python can be pickled, copied and compared, and means the same afterwards."""

import copy
import json
import multiprocessing
import pickle
import shutil

import numpy as np
import pytest

from attnclf import errors
from attnclf.config import Config
from attnclf.data.corpus import read
from attnclf.errors import AttnclfError, BundleError, DataError
from attnclf.evaluation.report import Report
from attnclf.explain.api import compare, explain
from attnclf.explain.evaluate import evaluate as evaluate_explanations
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.evaluate import evaluate
from attnclf.serve.refusals import Overloaded, Refusal

TEXTS = ["my parcel is late", "", "I was charged twice", "word " * 60]
WAYS = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@every_way
def test_predictions_are_equal_to_their_copies_and_to_no_others(classifier, way):
    predictions = classifier.predict(TEXTS)
    assert way(predictions) == predictions
    for prediction in classifier.predict([text for text in TEXTS if text], named=["evidence"]):
        same = way(prediction)
        assert same == prediction
        assert not (same != prediction)  # noqa: SIM202
        assert same != prediction._replace(score=0.5)
        assert same != prediction._replace(attention=prediction.attention[1:])
        assert same != prediction._replace(probabilities=prediction.probabilities * 0.5)
        assert same != prediction._replace(named={"evidence": np.zeros(1)})
        assert same != tuple(prediction)
    assert predictions[0] != predictions[2]
    assert predictions[0] != classifier.predict(TEXTS, named=["evidence"])[0]


def test_no_outputs_stay_none(classifier):
    (prediction,) = classifier.predict(["my parcel"])
    with pytest.raises(TypeError):
        prediction.named["more"] = 1
    assert dict(prediction.named) == {}


@every_way
def test_a_copy_of_a_classifier_predicts_alike_with_the_same_options(model, way):
    classifier = Classifier.load(model, device="cpu", threads=1, batch_size=7)
    other = way(classifier)
    assert other is not classifier
    assert (other.batch_size, other.backend.workers, other.labels) == (7, 1, classifier.labels)
    assert other.predict(TEXTS) == classifier.predict(TEXTS)


def test_a_pickled_classifier_is_no_other_model(model, tmp_path, monkeypatch):
    folder = shutil.copytree(model, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    kept = pickle.dumps(Classifier.load("model"))
    monkeypatch.chdir("/")
    assert pickle.loads(kept).predict(TEXTS) == Classifier.load(model).predict(TEXTS)
    manifest = json.loads((folder / "attnclf.json").read_text())
    (folder / "attnclf.json").write_text(json.dumps({**manifest, "temperature": 2.0}))
    with pytest.raises(BundleError, match="holds another model by now"):
        pickle.loads(kept)
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match="there is no model folder"):
        pickle.loads(kept)


def labels_of(classifier, texts):
    return [prediction.label for prediction in classifier.predict(texts)]


@pytest.mark.parametrize("start", ["spawn", "forkserver"])
def test_a_pool_of_processes_takes_a_classifier(classifier, start):
    with multiprocessing.get_context(start).Pool(1) as pool:
        assert pool.apply(labels_of, (classifier, TEXTS)) == labels_of(classifier, TEXTS)


def test_joblib_takes_a_classifier_and_brings_predictions_back(classifier):
    joblib = pytest.importorskip("joblib")
    work = [joblib.delayed(classifier.predict)([text]) for text in TEXTS]
    found = joblib.Parallel(n_jobs=2)(work)
    for one, text in zip(found, TEXTS, strict=True):
        (expected,) = classifier.predict([text])
        assert one[0].label == expected.label
        np.testing.assert_allclose(one[0].probabilities, expected.probabilities, atol=1e-5)


@every_way
def test_what_is_made_of_predictions_reads_the_same(classifier, examples, way):
    rows = read(str(examples / "tickets" / "tickets.csv"))
    metrics = evaluate(classifier, rows)
    report = Report(title="tickets", splits={"rows": metrics})
    explanations = explain(classifier, TEXTS)
    found = evaluate_explanations(classifier, list(rows.texts[:4]), ["attention", "random"])
    assert way(metrics).to_dict() == metrics.to_dict()
    assert way(report).splits["rows"].to_dict() == metrics.to_dict()
    assert way(explanations) == explanations
    assert way(compare(classifier, TEXTS, ["attention", "ngrams"])) is not None
    assert way(found).to_dict() == found.to_dict()
    assert way(Config()) == Config()


FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AttnclfError)]


@every_way
@pytest.mark.parametrize(
    "error", [*(kind("wrong", fix="mend it") for kind in FAMILY), DataError("wrong"), Refusal(400, "no", "ask"),
              Overloaded("queue")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_errors_keep_what_is_wrong_and_the_remedy(way, error):
    other = way(error)
    assert type(other) is type(error)
    assert (str(other), other.problem, other.fix, vars(other)) == (str(error), error.problem, error.fix, vars(error))
