"""Which method `auto` takes, and when the default says that another one is better."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

from attnclf.errors import ConfigError
from attnclf.explain import choice
from attnclf.explain.choice import Score
from attnclf.explain.methods import METHODS
from attnclf.runtime import onnxruntime_backend
from attnclf.runtime.classifier import Classifier


def bundle(**scores):
    """Return what holds scores: score, ahead, error, milliseconds, and perhaps the sufficiency."""
    found = {
        name.replace("_", "-"): Score(score, score + sum(sufficiency), sum(sufficiency), ahead, error, milliseconds)
        for name, (score, ahead, error, milliseconds, *sufficiency) in scores.items()
    }
    return SimpleNamespace(manifest={"explanations": json.loads(json.dumps(choice.kept(found)))})


def test_auto_is_the_fastest_of_those_that_score_nearly_as_well_as_the_best():
    slow = (0.40, 0.30, 0.05, 4.0)
    near = bundle(attention=(0.10, 0.0, 0.0, 0.1), ngrams=(0.399, 0.299, 0.05, 0.2), erasure_search=slow)
    assert choice.best(near) == "ngrams"  # more than 995 thousandths of 0.40
    far = bundle(attention=(0.10, 0.0, 0.0, 0.1), ngrams=(0.397, 0.297, 0.05, 0.2), erasure_search=slow)
    assert choice.best(far) == "erasure-search"


def test_methods_that_take_seconds_for_a_long_text_must_be_clearly_better_where_another_signed_one_works():
    best, poor = (0.40, 0.30, 0.05, 4.0), (0.10, 0.0, 0.0, 0.1)
    assert choice.best(bundle(attention=poor, ngrams=(0.36, 0.1, 0.05, 0.2), leave_one_out=best)) == "ngrams"
    assert choice.best(bundle(attention=poor, ngrams=(0.34, 0.1, 0.05, 0.2), leave_one_out=best)) == "leave-one-out"
    assert choice.best(bundle(attention=(0.38, 0.0, 0.0, 0.1), leave_one_out=best)) == "leave-one-out"


def test_a_method_whose_words_do_not_carry_the_answer_is_left_out_whatever_it_scores():
    """Without one word of a negation the answer breaks; with that one alone there is none."""
    carries = (0.40, 0.0, 0.0, 0.1, 0.10)
    assert choice.best(bundle(ngrams=carries, erasure_search=(0.50, 0.1, 0.0, 4.0, 0.16))) == "ngrams"
    assert choice.best(bundle(ngrams=carries, erasure_search=(0.50, 0.1, 0.0, 4.0, 0.14))) == "erasure-search"


def test_where_nothing_is_faithful_the_best_of_them_is_taken():
    assert choice.best(bundle(attention=(-0.1, 0.0, 0.0, 0.1), ngrams=(-0.3, -0.2, 0.1, 0.01))) == "attention"


def test_random_is_a_floor_and_never_chosen():
    assert choice.best(bundle(attention=(0.1, 0.0, 0.0, 1.0), random=(0.2, 0.1, 0.0, 0.1))) == "attention"


def test_for_a_contrast_only_signed_methods_are_taken():
    known = bundle(attention=(0.5, 0.0, 0.0, 0.1), leave_one_out=(0.3, -0.2, 0.05, 4.0))
    assert choice.best(known) == "attention"
    assert choice.best(known, signed=True) == "leave-one-out"


def test_without_a_name_attention_is_taken_and_for_a_contrast_what_auto_takes_or_the_first_signed_one(
    classifier, monkeypatch
):
    best = choice.best(classifier.bundle, signed=True)
    assert choice.resolved(classifier, [], contrast=False) == ["attention"]
    assert choice.resolved(classifier, [], contrast=True) == [best]
    assert choice.resolved(classifier, ["ngrams", "auto"], contrast=True) == ["ngrams", best]
    monkeypatch.setattr(choice, "of_bundle", lambda bundle: {})
    assert choice.resolved(classifier, [], contrast=True) == ["attention-x-gradient"]
    with pytest.raises(ConfigError, match="this model folder has no scores of methods"):
        choice.resolved(classifier, ["auto"], contrast=True)
    monkeypatch.setattr(choice, "signed", lambda bundle, axes: [])
    with pytest.raises(ConfigError, match="no method of this model gives a word a sign for or against a label"):
        choice.resolved(classifier, [], contrast=True)


@pytest.mark.parametrize(
    ("ahead", "error", "said"), [(0.2, 0.05, "ngrams"), (0.2, 0.15, None), (0.04, 0.001, None), (-0.1, 0.01, None)]
)
def test_another_method_is_worth_a_word_when_it_is_clearly_ahead(ahead, error, said):
    known = bundle(attention=(0.1, 0.0, 0.0, 0.1), ngrams=(0.1 + ahead, ahead, error, 0.05))
    assert choice.better(known) == said


def test_a_folder_without_scores_says_so_and_asks_nothing():
    with pytest.raises(ConfigError, match="this model folder has no scores of methods; name a method"):
        choice.best(SimpleNamespace(manifest={}, columns=()))
    assert choice.better(SimpleNamespace(manifest={})) is None


def test_training_scores_every_cheap_method_of_the_model(classifier, multi_classifier):
    for loaded in (classifier, multi_classifier):
        kept = choice.of_bundle(loaded.bundle)
        assert set(kept) == {name for name, row in METHODS.items() if row.scored} | {"random"}
        for score in kept.values():
            assert np.isfinite(list(score)).all()
            assert score.score == pytest.approx(score.comprehensiveness - score.sufficiency, abs=2e-4)
            assert score.milliseconds > 0
        assert kept["attention"].ahead == 0
        assert kept["leave-one-out"].score > kept["random"].score


def test_what_is_opened_once_for_a_method_is_not_counted_as_its_time(classifier, monkeypatch):
    opened = onnxruntime_backend._opened

    def slowly(*arguments):
        time.sleep(1)
        return opened(*arguments)

    monkeypatch.setattr(onnxruntime_backend, "_opened", slowly)
    found = choice.scores(Classifier.load(classifier.bundle.folder), ["my parcel is late", "I was charged twice"])
    assert max(score.milliseconds for score in found.values()) < 400


@pytest.mark.parametrize(("words", "rows"), [(1, 1600), (10, 160), (400, 40)])
def test_the_shorter_texts_are_the_more_of_them_are_scored(classifier, words, rows):
    texts = ["", *(f"{place} " + "late " * (words - 1) for place in range(2000))]
    drawn = choice.drawn(classifier, texts)
    assert len(drawn) == rows
    assert (drawn[0].split()[0], drawn[-1].split()[0]) == ("0", "1999")
    assert max(map(len, classifier.tokenizer.encode(drawn))) == min(words, 40)  # as long as it reads
    assert len(choice.drawn(classifier, texts[:8])) == 7


def test_long_texts_are_scored_by_their_beginning_and_blank_ones_not_at_all(classifier, tickets):
    assert choice.scores(classifier, ["", " "]) == {}
    long = [text + " and so on" * 300 for text in tickets[:3]]
    units = []
    run = classifier.backend.run

    class Recorded:
        def __getattr__(self, name):
            return getattr(backend, name)

        def run(self, ids, *rest, **named):
            units.append(ids.shape[1])
            return run(ids, *rest, **named)

    backend, classifier.backend = classifier.backend, Recorded()
    try:
        assert choice.scores(classifier, ["", *long])
    finally:
        classifier.backend = backend
    assert max(units) <= choice.TOKENS
