"""The attention-permutation test: known answers, and the network itself run with permuted weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnclf.explain.metrics.faithfulness import shuffled
from attnclf.explain.metrics.permutation import PERMUTATIONS, distance, permuted
from attnclf.explain.target import ExplanationTarget, targets_for
from attnclf.runtime.prediction import Prediction

TEXT = "my parcel never came and the courier does not answer"


def target(weights, states, **options):
    """A text whose states add `states` (units, labels) to the logits, each by its weight."""
    weights, states = np.array(weights, dtype=np.float32), np.array(states, dtype=np.float32)
    prediction = Prediction(
        chosen=(),
        label="yes",
        score=None,
        probabilities=np.zeros(states.shape[1]),
        attention=weights,
        named={"value_logits": states},
    )
    return ExplanationTarget(ids=np.arange(len(weights)), prediction=prediction, label=0, **options)


def logits(asked_of):
    return asked_of.prediction.attention @ asked_of.prediction.named["value_logits"]


def shift(asked_of):
    return permuted(asked_of, logits(asked_of))


def test_total_variation_is_half_the_sum_of_the_changes_and_of_single_labels_the_largest():
    one, other = np.log([[0.7, 0.2, 0.1]]), np.log([[0.4, 0.4, 0.2]])
    assert distance(one, other) == pytest.approx([0.3])
    apart = distance(np.array([[0.0, 0.0]]), np.array([[np.log(3), np.log(9)]]), independent=True)
    assert apart == pytest.approx([0.4])  # 0.5 to 0.75, and 0.5 to 0.9


def test_swapping_two_units_that_speak_for_two_labels_turns_the_answer():
    found = shift(target([0.8, 0.2], [[np.log(9), 0], [0, np.log(9)]]))
    # The logits (0.8, 0.2) ln 9 become (0.2, 0.8) ln 9, or stay: half of the shuffles of two units change nothing.
    turned = 9**0.8 / (9**0.8 + 9**0.2)
    moved = np.mean(shuffled(target([0.8, 0.2], np.zeros((2, 2))), 2, PERMUTATIONS)[:, 0] == 1)
    assert found.changed == pytest.approx(moved)
    assert 0.3 < moved < 0.7
    assert found.distance in (pytest.approx(2 * turned - 1), pytest.approx(0), pytest.approx(turned - 0.5))


def test_where_attention_or_states_are_even_permuting_changes_nothing():
    even = shift(target([0.25] * 4, np.arange(8.0).reshape(4, 2)))
    alike = shift(target([0.7, 0.1, 0.1, 0.1], [[2.0, -1.0]] * 4))
    for found in (even, alike):
        assert found.distance == pytest.approx(0, abs=1e-6)
        assert found.changed == 0


def test_a_text_of_one_unit_cannot_be_tested():
    assert shift(target([1.0], [[1.0, 0.0]])) is None


def test_a_unit_without_attention_is_dealt_some():
    found = shift(target([0.5, 0.5, 0.0], [[0.0, 0.0], [0.0, 0.0], [8.0, 0.0]]))
    assert found.distance > 0


@given(
    arrays(np.float32, 5, elements=st.floats(0, 1, width=32)),
    arrays(np.float32, (5, 3), elements=st.floats(-8, 8, width=32)),
    st.booleans(),
)
@settings(deadline=None)
def test_the_distance_is_that_of_answers_with_the_weights_dealt_out_anew(weights, states, independent):
    asked_of = target(weights, states, independent=independent)
    exact, one = weights.astype(np.float64), states.astype(np.float64)
    after = np.stack([exact[order] @ one for order in shuffled(asked_of, 5, PERMUTATIONS)])
    expected = np.median(distance(after, exact @ one, independent=independent))
    assert shift(asked_of).distance == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ["classifier", "multi_classifier"])
def test_on_a_model_it_is_what_the_network_says_with_permuted_weights(request, name):
    """The network in torch, its states held and its weights replaced, and the n-grams as they were."""
    import torch

    from attnclf.explain.gradients import Slopes

    loaded = request.getfixturevalue(name)
    (prediction,) = loaded.predict([TEXT], named=("value_logits", "contributions"))
    (asked_of,) = targets_for(loaded, loaded.encoded([TEXT]), [prediction])
    slopes = Slopes.of(loaded)
    network = slopes.network
    table = network.get_parameter("embedding.weight")
    known = torch.from_numpy(np.where(asked_of.ids < len(table), asked_of.ids, 1))
    reading = network.read(table[known][None], torch.tensor([len(known)]))

    def answer(weights):
        context = network.pooling.join(
            weights=torch.from_numpy(weights)[None, None], values=reading.states, keep=reading.keep.unsqueeze(1)
        )
        said = network.dense(context[0, 0]).numpy().astype(np.float64)
        return slopes.share * said + slopes.bias + prediction.named["contributions"].sum(axis=0)

    before = answer(prediction.attention)
    orders = shuffled(asked_of, len(known), PERMUTATIONS)
    after = np.stack([answer(prediction.attention[order]) for order in orders])
    found = permuted(asked_of, before)
    expected = distance(after, before, independent=loaded.multi_label)
    assert found.distance == pytest.approx(np.median(expected), abs=1e-5)
    assert found.distance > 0
    assert found.changed == pytest.approx(np.mean(after.argmax(axis=1) != before.argmax()))
