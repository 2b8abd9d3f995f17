"""What keeps the weights of feed-forward attention small: penalties on the loss, constraints after every step."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from attnclf.config import Config, presets
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.model.regularizer import Regularizer
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.building import build
from attnclf.training.examples import Examples
from attnclf.training.preparation import PreparedData, label_weights
from attnclf.training.trainer import Trainer

# A square must not vanish: of such a vector no length is known.
NUMBERS = st.lists(st.integers(-100_000, 100_000).map(lambda number: number / 1024), min_size=1, max_size=6)


class Holder(nn.Module):
    def __init__(self, numbers):
        super().__init__()
        self.inside = nn.Module()
        self.inside.w = nn.Parameter(torch.tensor(numbers))


def test_a_penalty_is_its_formula_and_reaches_the_parameter():
    network = Holder([3.0, -4.0, 0.5])
    penalty = Regularizer(parameter="inside.w", l1=0.1, l2=0.01).penalty(network)
    assert penalty.item() == pytest.approx(0.1 * 7.5 + 0.01 * 25.25)
    penalty.backward()
    assert network.inside.w.grad.tolist() == pytest.approx([0.1 + 0.06, -0.1 - 0.08, 0.1 + 0.01])


@settings(deadline=None)
@given(numbers=NUMBERS)
def test_a_constraint_holds_afterwards_and_leaves_alone_what_keeps_it(numbers):
    held = {}
    for name in ("max-norm", "unit-norm", "non-negative", "none"):
        network = Holder(numbers)
        regularizer = Regularizer(parameter="inside.w", constraint=name, max_norm=1.5)
        regularizer.constrain(network)
        held[name] = network.inside.w.detach().clone()
        regularizer.constrain(network)
        torch.testing.assert_close(network.inside.w.detach(), held[name])
    before = torch.tensor(numbers)
    assert held["none"].tolist() == numbers
    assert held["max-norm"].norm() <= 1.5 + 1e-4
    assert before.norm() > 1.5 or torch.equal(held["max-norm"], before)
    assert before.norm() < 1e-6 or held["unit-norm"].norm().item() == pytest.approx(1, abs=1e-5)
    assert torch.equal(held["non-negative"], before.clamp_min(0))


@pytest.fixture
def learned(examples, tmp_path):
    """Train feed-forward attention on a few rows and return w and b of its score."""
    lines = (examples / "intents-ru" / "intents.txt").read_text(encoding="utf-8").splitlines()[:80]
    labels, texts = zip(*(line.removeprefix("__label__").split(maxsplit=1) for line in lines), strict=True)
    rows = Corpus(
        texts=texts,
        label_lists=[(label,) for label in labels],
        weights=None,
        locations=(),
        multi_label=False,
        bad=(),
        description="",
    )

    def learned(settings, training=None):
        tiny = {
            "text": {"max_length": 20},
            "model": {
                "architecture": "feed-forward",
                "embedding": {"dim": 8},
                "encoder": {"hidden": 4},
                "feed_forward": settings,
            },
            "training": {"epochs": 6, "min_steps": 0, "learning_rate": 0.05, **(training or {})},
        }
        config = Config.from_dict(presets.settings("plain", tiny))
        torch.manual_seed(0)
        names = LabelSet.from_lists(rows.label_lists, multi_label=False)
        tokenizer = Tokenizer.learn(rows.texts, **dataclasses.asdict(config.text))
        given = Examples.of(rows, tokenizer, names, char_ngrams=False)
        network, config = build(config, tokenizer, len(names), lambda line: None)
        weights = label_weights(config, names, given)
        data = PreparedData(config=config, examples=given, validation=given, network=network, label_weights=weights)
        Trainer(data, torch.device("cpu")).fit()
        return network.pooling.score.w.detach(), network.pooling.score.b.detach()

    return learned


def test_constraints_hold_in_the_model_that_is_kept_also_when_weights_are_averaged(learned):
    w, b = learned({"w_constraint": "unit-norm", "b_constraint": "non-negative"}, {"average": 0.9})
    assert w.norm().item() == pytest.approx(1, abs=1e-5)
    assert (b >= 0).all()
    assert (b > 0).any()
    w, _ = learned({"w_constraint": "max-norm", "max_norm": 0.25})
    assert w.norm() <= 0.25 + 1e-6


def test_penalties_shrink_what_they_are_for_and_nothing_else(learned):
    w, b = learned({})
    small_w, free_b = learned({"w_l2": 10.0})
    free_w, small_b = learned({"b_l1": 1.0})
    assert small_w.norm() < 0.3 * w.norm()
    assert small_b.norm() < 0.3 * b.norm()
    assert free_b.norm() > 0.5 * b.norm()
    assert free_w.norm() > 0.5 * w.norm()
