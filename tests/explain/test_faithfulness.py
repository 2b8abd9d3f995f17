"""Comprehensiveness and sufficiency on toy models whose every figure can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.explain.api import explain
from attnclf.explain.metrics.faithfulness import (
    CHANCES,
    Faithfulness,
    Figures,
    Probe,
    curves,
    measured,
    ranking,
    shuffled,
    sizes,
)
from attnclf.explain.perturbation import REMOVALS, PerturbationScorer, delete, mask
from attnclf.explain.target import ExplanationTarget
from attnclf.runtime.prediction import Prediction
from attnclf.text.ragged import UNKNOWN_ID

NOTHING = Prediction(chosen=(), label="yes", score=None, probabilities=np.zeros(2), attention=np.zeros(0))


def target(ids, label=0, **options):
    return ExplanationTarget(ids=np.array(ids), prediction=NOTHING, label=label, **options)


def scorer(probability):
    """Return a toy model of two labels: `probability` of label 0 for a list of ids."""

    def logits(rows):
        shares = np.array([probability(row.tolist()) for row in rows])
        return np.column_stack([np.log(shares), np.log1p(-shares)])

    return PerturbationScorer(
        logits,
        lambda rows: pytest.fail("no evidence was asked for"),
        lambda: pytest.fail("no gradient was asked for"),
    )


# Ten units, 11 to 20, each with a share of its own in the probability: 0.01, 0.02, … 0.10, on top of 0.3.
ADDITIVE = scorer(lambda ids: 0.3 + sum((unit - 10) / 100 for unit in ids if unit > 10))
TEN = target(range(11, 21))
ALONE = np.arange(10)


def only(judged, asked, order, removal, owner=ALONE):
    (drawn,) = curves(judged, [Probe(asked, owner, np.array([order]))], removal)
    return drawn


def test_the_bins_are_those_of_eraser_rounded_up_to_whole_words():
    assert sizes(100) == [1, 5, 10, 20, 50]
    assert sizes(20) == [1, 1, 2, 4, 10]
    assert sizes(30) == [1, 2, 3, 6, 15]  # 0.1 * 30 is 3.0000000000000004
    assert sizes(7) == [1, 1, 1, 2, 4]
    assert sizes(1) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("removal", REMOVALS)
def test_the_figures_of_an_additive_model_are_the_sums_of_what_was_taken(removal):
    drawn = only(ADDITIVE, TEN, range(9, -1, -1), removal)  # the best ranking: 20, 19, …
    taken = np.array([0.10, 0.10, 0.10, 0.19, 0.40])  # 1, 1, 1, 2 and 5 words
    assert drawn.full == pytest.approx(0.85)
    assert drawn.without[0] == pytest.approx(0.85 - taken)
    assert drawn.only[0] == pytest.approx(0.3 + taken)
    assert drawn.comprehensiveness == pytest.approx([taken.mean()])
    assert drawn.sufficiency == pytest.approx([0.55 - taken.mean()])
    assert drawn.score == pytest.approx([2 * taken.mean() - 0.55])


def test_deletion_moves_what_stands_behind_and_a_mask_does_not():
    # The model reads places: it is sure where unit 12 stands second.
    places = scorer(lambda ids: 0.9 if len(ids) > 1 and ids[1] == 12 else 0.2)
    asked, order = target([11, 12, 13, 14]), [0, 2, 3, 1]  # the top word is the first
    deleted, masked = (only(places, asked, order, removal, np.arange(4)) for removal in ("delete", "mask"))
    # Without 11, 12 comes first; masked, it stays second.
    assert deleted.without[0] == pytest.approx([0.2] * 5)
    assert masked.without[0] == pytest.approx([0.9] * 5)
    assert deleted.comprehensiveness == pytest.approx([0.7])
    assert masked.comprehensiveness == pytest.approx([0.0])
    # Alone, 11 (and with half the words 13) never has 12 beside it.
    assert deleted.sufficiency == pytest.approx([0.7])
    assert masked.sufficiency == pytest.approx([0.7])
    # 12 alone: deleted, it moves to the first place; masked, it is where it was.
    deleted, masked = (only(places, asked, [1, 0, 2, 3], removal, np.arange(4)) for removal in ("delete", "mask"))
    assert deleted.only[0] == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.9])  # half the words are 11 and 12
    assert masked.only[0] == pytest.approx([0.9] * 5)
    assert masked.sufficiency == pytest.approx([0.0])


def test_the_class_stays_that_of_the_whole_text_even_where_the_answer_turns():
    turning = scorer(lambda ids: 0.9 if 11 in ids else 0.05)
    drawn = only(turning, target([11, 12]), [0, 1], "delete", np.arange(2))
    assert drawn.comprehensiveness == pytest.approx([0.85])  # not against the new best label, which has 0.95
    other = only(turning, target([11, 12], label=1), [0, 1], "delete", np.arange(2))
    assert other.comprehensiveness == pytest.approx([0.1 - 0.95])


def test_sufficiency_is_below_zero_where_the_words_alone_say_more():
    doubting = scorer(lambda ids: 0.9 if ids == [11] else 0.6)
    drawn = only(doubting, target([11, 12]), [0, 1], "delete", np.arange(2))
    assert drawn.sufficiency == pytest.approx([-0.3])


def test_the_units_of_a_word_leave_together():
    rows = []

    def recorded(ids):
        rows.append(ids)
        return 0.5

    only(scorer(recorded), target([11, 12, 13]), [1, 0], "delete", np.array([0, 0, 1]))
    assert rows[0] == [11, 12, 13]
    assert rows[1] == [11, 12]
    assert rows[6] == [13]
    rows.clear()
    only(scorer(recorded), target([11, 12, 13]), [0, 1], "mask", np.array([0, 0, 1]))
    assert rows[1] == [UNKNOWN_ID, UNKNOWN_ID, 13]


def test_removal_edits_ids_and_leaves_the_text_alone():
    ids, keep = np.array([5, 6, 7]), np.array([True, False, True])
    assert delete(ids, keep).tolist() == [5, 7]
    assert mask(ids, keep).tolist() == [5, UNKNOWN_ID, 7]
    assert ids.tolist() == [5, 6, 7]


def test_equal_weights_rank_in_the_order_of_the_text_and_negative_ones_last():
    assert ranking(np.array([0.1, 0.5, 0.5, -3.0, 0.2])).tolist() == [1, 2, 4, 0, 3]


def test_several_labels_are_judged_each_by_its_own_probability():
    logits = np.array([[0.0, 4.0, -1.0]])
    assert target([1], independent=True).probability(logits) == pytest.approx([0.5])
    shares = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert target([1], label=2).probability(logits) == pytest.approx([shares[2]])


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=5), st.data())
@settings(deadline=None)
def test_the_slope_is_the_derivative_of_the_value(logits, data):
    labels = st.integers(0, len(logits) - 1)
    asked = target(
        [1],
        label=data.draw(labels),
        against=data.draw(st.none() | labels),
        independent=data.draw(st.booleans()),
    )
    if asked.against == asked.label:
        return
    step = 1e-5
    exact = np.array(logits, dtype=np.float64)
    for place, slope in enumerate(asked.slope(exact)):
        nudge = np.eye(len(logits))[place] * step
        rise = (asked.value(exact + nudge) - asked.value(exact - nudge)) / (2 * step)
        assert rise == pytest.approx(slope, abs=1e-4)


def test_the_value_is_the_log_odds_and_against_a_label_the_difference_of_logits():
    logits = np.array([1.0, 2.0, 4.0])
    share = np.exp(logits) / np.exp(logits).sum()
    assert target([1], label=1).value(logits) == pytest.approx(np.log(share[1] / (1 - share[1])))
    assert target([1], label=1, independent=True).value(logits) == pytest.approx(2.0)
    assert target([1], label=1, against=2).value(logits) == pytest.approx(-2.0)


# The verdict


def verdict(gain, deviation, words=20):
    figures = dict.fromkeys(REMOVALS, Figures(0.5, 0.1, 0.2, 0.4))
    return Faithfulness(figures=figures, gain=gain, deviation=deviation, words=words).verdict


def test_the_verdict_follows_the_rule_of_the_docs():
    assert verdict(0.5, 0.2) == "faithful"
    assert verdict(0.3, 0.2) == "weak"  # one deviation and a half
    assert verdict(0.1, 0.2) == "no better than chance"
    assert verdict(0.04, 0.001) == "weak"  # surely better, by little
    assert verdict(0.001, 0.0) == "no better than chance"
    assert verdict(-0.5, 0.1) == "no better than chance"
    assert verdict(0.5, 0.2, words=4) == "too short to tell"


def test_the_best_ranking_is_faithful_and_the_worst_no_better_than_chance():
    best, worst = measured(ADDITIVE, [TEN, TEN], [ALONE, ALONE], [np.arange(10.0), -np.arange(10.0)])
    assert best.verdict == "faithful"
    assert worst.verdict == "no better than chance"
    assert best.gain > 0 > worst.gain
    chance = best.figures["delete"]
    # Any word of ten is worth 0.055 on average, and 1, 1, 1, 2, 5 of them are taken.
    assert chance.random_comprehensiveness == pytest.approx(0.11, abs=0.03)
    assert chance.random_sufficiency == pytest.approx(0.44, abs=0.03)


def test_a_model_that_no_word_moves_makes_no_explanation_faithful():
    (found,) = measured(scorer(lambda ids: 0.7), [TEN], [ALONE], [np.arange(10.0)])
    assert found.verdict == "no better than chance"
    assert found.gain == pytest.approx(0)


def test_one_decisive_word_of_five_can_be_shown_to_decide():
    one = scorer(lambda ids: 0.9 if 13 in ids else 0.2)
    (found,) = measured(one, [target(range(11, 16))], [np.arange(5)], [np.array([0, 0, 1.0, 0, 0])])
    assert found.verdict in ("faithful", "weak")
    assert found.figures["delete"].comprehensiveness == pytest.approx(0.7)
    assert found.figures["delete"].sufficiency == pytest.approx(0.0)


def test_random_rankings_are_the_same_for_the_same_text_whatever_stands_beside_it():
    first = measured(ADDITIVE, [TEN], [ALONE], [np.arange(10.0)])[0]
    second = measured(ADDITIVE, [target([12, 13]), TEN], [np.arange(2), ALONE], [np.arange(2.0), np.arange(10.0)])[1]
    assert first == second
    drawn = shuffled(TEN, 10, CHANCES)
    assert (np.sort(drawn, axis=1) == np.arange(10)).all()
    assert len({tuple(row) for row in drawn}) == CHANCES


# On a model


LONG_ENOUGH = "my parcel never came and the courier does not answer"


def test_a_short_text_is_measured_unasked_and_a_long_one_on_request(classifier):
    texts = [LONG_ENOUGH, "my parcel " * 18, ""]
    short, long, blank = explain(classifier, texts)
    assert short.faithfulness is not None
    assert long.faithfulness is None
    assert blank.faithfulness is None
    assert [one.faithfulness is None for one in explain(classifier, texts, faithfulness=True)] == [False, False, True]
    assert all(one.faithfulness is None for one in explain(classifier, texts, faithfulness=False))
    assert explain(classifier, [], faithfulness=False) == explain(classifier, []) == []


def test_the_figures_are_those_of_texts_without_the_words(classifier):
    """Deleting whole words of a text of known words is predicting the shorter text."""
    (one,) = explain(classifier, ["my parcel the card the app my order"], method="leave-one-out")
    words = [word.text for word in one.words]
    order = ranking(np.array([word.weight for word in one.words]))
    label = classifier.labels.index(one.label)

    def probability(kept):
        return classifier.predict_proba([" ".join(words[place] for place in sorted(kept))])[0, label]

    full = probability(order)
    without = [full - probability(order[count:]) for count in sizes(len(words))]
    alone = [full - probability(order[:count]) for count in sizes(len(words))]
    figures = one.faithfulness.figures["delete"]
    assert figures.comprehensiveness == pytest.approx(np.mean(without), abs=1e-5)
    assert figures.sufficiency == pytest.approx(np.mean(alone), abs=1e-5)


def test_the_figures_do_not_depend_on_the_batch(multi_classifier):
    texts = ["В подвале течёт труба, и всю ночь гудит насос", "нет света в подъезде третий день", "течёт кран"]
    alone = [explain(multi_classifier, [text], method="leave-one-out")[0] for text in texts]
    for one, other in zip(alone, explain(multi_classifier, texts, method="leave-one-out"), strict=True):
        for removal in REMOVALS:
            figures, theirs = one.faithfulness.figures[removal], other.faithfulness.figures[removal]
            assert list(figures) == pytest.approx(list(theirs), abs=1e-4)


def test_json_has_both_removals_beside_chance(classifier):
    (one,) = explain(classifier, [LONG_ENOUGH])
    found = one.to_dict()["faithfulness"]
    assert set(found) == {"verdict", "gain", "deviation", "delete", "mask"}
    for removal in REMOVALS:
        assert set(found[removal]) == {"comprehensiveness", "sufficiency", "random"}
        assert set(found[removal]["random"]) == {"comprehensiveness", "sufficiency"}
