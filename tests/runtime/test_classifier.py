"""A loaded model: the same answer alone and in company, attention that adds up, refusals in one line."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnclf.errors import BundleError, DeviceError
from attnclf.runtime.classifier import Classifier

# The models are made once per session and never changed.
kept = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.lists(st.one_of(st.text(max_size=60), st.sampled_from(["", " \t", "my parcel is late", "😀", "\x00"])))


@kept
@given(texts=texts, data=st.data())
def test_a_text_gets_the_same_answer_alone_and_in_any_batch(classifier, tickets, texts, data):
    company = [*texts, *data.draw(st.lists(st.sampled_from(tickets), max_size=20))]
    together = classifier.predict(company)
    assert len(together) == len(company)
    for text, prediction in zip(company, together, strict=True):
        (alone,) = classifier.predict([text])
        assert (alone.label is None) == (prediction.label is None)
        np.testing.assert_allclose(prediction.probabilities, alone.probabilities, atol=1e-5)
        np.testing.assert_allclose(prediction.attention, alone.attention, atol=1e-5)


@kept
@given(texts=texts)
def test_probabilities_and_attention_add_up_to_one(classifier, texts):
    for text, prediction in zip(texts, classifier.predict(texts), strict=True):
        units = len(classifier.tokenizer.pieces(text))
        assert len(prediction.attention) == min(units, classifier.tokenizer.max_length)
        assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert (prediction.label is None) == (units == 0)
        if units:
            assert prediction.attention.sum() == pytest.approx(1, abs=1e-5)
            assert prediction.attention.min() >= 0


def test_the_label_is_the_best_of_the_ranked_ones(classifier, tickets):
    for prediction in classifier.predict(tickets[:30]):
        ranked = classifier.ranked(prediction)
        assert {label for label, _ in ranked} == set(classifier.labels)
        assert [score for _, score in ranked] == sorted((score for _, score in ranked), reverse=True)
        assert (prediction.label, prediction.score) == ranked[0]
        assert prediction.chosen == (prediction.label,)


def test_the_small_model_has_learned_something(classifier, tickets):
    assert len({prediction.label for prediction in classifier.predict(tickets)}) > 1


def test_a_multi_label_model_chooses_the_labels_at_or_above_their_thresholds(multi_classifier):
    predictions = multi_classifier.predict(["дети топают", "отключили горячую воду и свет", "протекла крыша"])
    for prediction in predictions:
        scores = dict(zip(multi_classifier.labels, prediction.probabilities, strict=True))
        above = [
            label
            for label, threshold in zip(multi_classifier.labels, multi_classifier.thresholds, strict=True)
            if scores[label] >= threshold
        ]
        assert set(prediction.chosen) == set(above)
        assert list(prediction.chosen) == sorted(above, key=lambda label: -scores[label])


def test_a_threshold_replaces_the_models_own(multi_classifier):
    (everything,) = multi_classifier.predict(["горячая вода"], threshold=0.0)
    (nothing,) = multi_classifier.predict(["горячая вода"], threshold=1.0)
    assert set(everything.chosen) == set(multi_classifier.labels)
    assert nothing.chosen == ()
    assert nothing.label == everything.label == everything.chosen[0]


def test_a_text_beyond_the_longest_is_judged_by_its_beginning(classifier):
    beginning = "the parcel is late " * 10
    long, short = classifier.predict([beginning + "refund " * 1000, beginning])
    np.testing.assert_allclose(long.probabilities, short.probabilities, atol=1e-5)
    assert len(long.attention) == classifier.tokenizer.max_length == len(short.attention)


def test_no_texts_give_no_predictions(classifier):
    assert classifier.predict([]) == []


def test_one_string_is_not_taken_for_a_list_of_letters(classifier):
    for ask in (classifier.predict, classifier.explain):
        with pytest.raises(TypeError, match=r"texts is one string; pass a list, \[text\]"):
            ask("my parcel is late")


def test_texts_may_come_as_a_column_of_a_table(classifier):
    pandas = pytest.importorskip("pandas")
    texts = ["my parcel is late", "my card"]
    column = pandas.Series(texts, index=[7, 8])
    assert [said.score for said in classifier.predict(column)] == [said.score for said in classifier.predict(texts)]
    assert [said.text for said in classifier.explain(column)] == texts


@pytest.fixture
def copy(model, tmp_path):
    return shutil.copytree(model, tmp_path / "copy")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_changed_file_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was changed or damaged; copy the model again"):
        Classifier.load(copy)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        Classifier.load(copy)


def test_a_link_in_place_of_a_file_is_refused(copy, model):
    (copy / "model.onnx").unlink()
    (copy / "model.onnx").symlink_to(model / "model.onnx")
    with pytest.raises(BundleError, match="a link"):
        Classifier.load(copy)


def manifest(folder, **changes):
    path = folder / "attnclf.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_later_format_version_is_refused(copy):
    manifest(copy, format_version=99)
    with pytest.raises(BundleError, match="format version 99"):
        Classifier.load(copy)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "..\\secret"])
def test_a_manifest_that_names_a_file_outside_its_folder_is_refused(copy, name):
    manifest(copy, checksums={name: "0" * 64})
    with pytest.raises(BundleError, match="outside its folder"):
        Classifier.load(copy)


def test_a_manifest_that_is_not_json_is_refused(copy):
    (copy / "attnclf.json").write_text("{")
    with pytest.raises(BundleError, match=r"attnclf\.json is damaged"):
        Classifier.load(copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(BundleError, match="is not a model folder"):
        Classifier.load(tmp_path)


def test_a_device_that_does_not_exist_is_refused(classifier):
    with pytest.raises(DeviceError, match="there is no device 'gpu'; use one of auto, cpu, cuda"):
        Classifier.load(classifier.bundle.folder, device="gpu")
