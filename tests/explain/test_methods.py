"""Every method against a model that can be worked out by hand, and against independent implementations."""

import gc
import itertools
import math
import subprocess
import sys
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.catalog import ARCHITECTURES
from attnclf.config import Config
from attnclf.errors import ConfigError
from attnclf.explain.api import compare, explain
from attnclf.explain.evaluate import evaluate
from attnclf.explain.gradients import Slopes
from attnclf.explain.methods import METHODS, method_for, register_method, working
from attnclf.explain.methods.attention_x_gradient import attention_x_gradient
from attnclf.explain.methods.erasure_search import FALLEN, NEAR, TRIED, erasure_search
from attnclf.explain.methods.gradient_x_input import gradient_x_input
from attnclf.explain.methods.integrated_gradients import integrated_gradients
from attnclf.explain.methods.kernel_shap import EXACT, kernel_shap, solved
from attnclf.explain.methods.leave_one_out import leave_one_out
from attnclf.explain.methods.method import Method
from attnclf.explain.methods.occlusion import SPAN, occlusion
from attnclf.explain.metrics.faithfulness import BINS
from attnclf.explain.perturbation import PerturbationScorer, Scored
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.text.ragged import UNKNOWN_ID

TEXTS = ["my parcel never came, where is the courier?", "I was charged twice", "", "zzqx app"]
TORCH_FREE = [name for name, row in METHODS.items() if not row.torch]


def prediction(**named):
    return Prediction(
        chosen=(), label="a", score=None, probabilities=np.array([0.3, 0.7]), attention=np.zeros(0), named=named
    )


def target(ids, label=0, **options):
    return ExplanationTarget(
        ids=np.array(ids), prediction=options.pop("prediction", prediction()), label=label, **options
    )


def scorer(value):
    """Return a model of two labels whose log-odds of the first are `value` of a list of ids."""
    return PerturbationScorer(
        lambda rows: np.array([[value(row.tolist()), 0.0] for row in rows]),
        lambda rows: pytest.fail("no evidence was asked"),
        lambda: pytest.fail("no gradient was asked"),
    )


def additive(ids):
    return 0.5 + sum((-1) ** unit * unit for unit in ids if unit != UNKNOWN_ID)


IDS = [12, 13, 14, 17, 18]
EFFECTS = [12, -13, 14, -17, 18]


def test_leaving_out_a_unit_of_an_additive_model_takes_its_own_share():
    ours, shorter = leave_one_out([target(IDS), target(IDS[:1])], scorer(additive))
    assert ours.values == pytest.approx(EFFECTS)
    assert shorter.values == pytest.approx(EFFECTS[:1])


def test_leaving_out_deletes_and_asks_about_the_original_label():
    rows = []

    def recorded(ids):
        rows.append(ids)
        return float(len(ids))

    (weights,) = leave_one_out([target([5, 6, 7])], scorer(recorded))
    assert rows == [[5, 6, 7], [6, 7], [5, 7], [5, 6]]
    assert weights.values.tolist() == [1, 1, 1]
    (other,) = leave_one_out([target([5, 6, 7], label=1)], scorer(recorded))
    assert other.values.tolist() == [-1, -1, -1]


def searched(ids, value, hint):
    """Return the weights of the search, and every row it asked about; `hint` of a unit is what it seems to add."""
    rows = []

    def evidence(some):
        rows.extend(row.tolist() for row in some)
        return [
            Scored(np.array([value(row.tolist()), 0.0]), np.array([[hint(unit), 0.0] for unit in row.tolist()]))
            for row in some
        ]

    no = lambda *rows: pytest.fail("only evidence may be asked")  # noqa: E731
    (weights,) = erasure_search([target(ids)], PerturbationScorer(no, evidence, no))
    return weights.values, rows


def test_a_search_on_an_additive_model_that_it_reads_rightly_finds_every_share():
    weights, _ = searched(IDS, additive, lambda unit: EFFECTS[IDS.index(unit)])
    assert weights == pytest.approx(EFFECTS)


def test_a_search_believes_the_fall_and_not_what_seemed_heavy():
    """11 and 12 say the same, so that neither is missed alone; 13 decides, and seems a little lighter than both."""
    hints = {11: 5, 12: 4.8, 13: 4.5, 14: 0}
    weights, _ = searched([11, 12, 13, 14], lambda ids: 2.0 * bool({11, 12} & {*ids}) + 6 * (13 in ids), hints.get)
    assert weights.argmax() == 2
    assert weights.max() == pytest.approx(6)


@pytest.mark.parametrize(("lighter", "tried"), [(0.9 * NEAR, True), (1.1 * NEAR, False)])
def test_a_search_tries_only_what_seems_about_as_heavy_as_the_heaviest(lighter, tried):
    hints = {11: 5.0, 12: 5 - 5 * lighter, 13: 0.0, 14: 0.0}
    _, rows = searched([11, 12, 13, 14], lambda ids: float(len(ids)), hints.get)
    assert ([11, 13, 14] in rows) == tried


def test_a_search_ends_where_the_answer_has_fallen():
    """Each of 40 units takes a third of what lies between 0 and FALLEN, where 38 of them are left; 1, 2, 4, 8 … go."""
    _, rows = searched(list(range(11, 51)), lambda ids: (len(ids) - 38) * -FALLEN / 3, lambda unit: -float(unit))
    assert min(map(len, rows)) == 32


def test_a_step_of_many_units_takes_the_heaviest_and_looks_again():
    """Of 400 units, the first step takes 4. What seems lightest, 10 to 29, turns out heavy once these are gone."""
    ids = list(range(10, 410))
    gone: list[set[int]] = []

    def evidence(rows):
        again = bool(gone)
        gone.extend({*ids} - {*row.tolist()} for row in rows)
        return [
            Scored(np.zeros(2), np.array([[1000.0 if again and unit < 30 else unit, 0.0] for unit in row.tolist()]))
            for row in rows
        ]

    no = lambda *rows: pytest.fail("only evidence may be asked")  # noqa: E731
    (weights,) = erasure_search([target(ids)], PerturbationScorer(no, evidence, no))
    first, second, now = gone[1 : 1 + TRIED], gone[1 + TRIED], gone[2 + TRIED]
    assert [len(one) for one in first] == [4] * TRIED
    assert first[0] == {409, 408, 407, 406}
    assert (len(second), len(now)) == (20, 20)
    assert {*range(14, 30)} <= second
    assert now >= {*range(10, 26)}  # which weigh 1000 now, and less by belief
    assert {*range(4, 20), *range(396, 400)} <= {*np.argsort(-weights.values)[:24].tolist()}


@pytest.mark.parametrize("count", [1, 2, 3, 21, 40, 1000])
def test_a_search_runs_the_network_a_bounded_number_of_times_whatever_the_length(count):
    ids = list(range(10, 10 + count))
    weights, rows = searched(ids, lambda ids: sum(ids) / 100, lambda unit: unit / 100)
    assert len(rows) <= 2 + TRIED * len(BINS)
    assert len(set(map(tuple, rows))) == len(rows)
    assert min(map(len, rows)) >= min(count, math.floor(count / 2))
    assert weights.argsort().tolist() == list(range(count))


def test_occlusion_is_the_mean_fall_over_the_spans_that_cover_a_unit():
    assert SPAN == 3
    (weights,) = occlusion([target(IDS)], scorer(additive))
    spans = [sum(EFFECTS[start : start + 3]) / 3 for start in range(3)]
    expected = [spans[0], np.mean(spans[:2]), np.mean(spans), np.mean(spans[1:]), spans[2]]
    assert weights.values == pytest.approx(expected)
    (short,) = occlusion([target(IDS[:2])], scorer(additive))
    assert short.values == pytest.approx([-0.5, -0.5])


def test_occlusion_masks_and_never_deletes():
    rows = []
    occlusion([target(IDS)], scorer(lambda ids: rows.append(ids) or 0.0))
    assert all(len(row) == len(IDS) for row in rows)
    assert rows[1] == [UNKNOWN_ID] * 3 + IDS[3:]


# Shapley values


def interacting(ids):
    """Return a value with interactions of two and three units, and of places."""
    real = [unit != UNKNOWN_ID for unit in ids]
    pairs = sum(a * b * (1 + place) for place, (a, b) in enumerate(itertools.pairwise(real)))
    return 2 * real[0] - real[-1] + pairs + 3 * (real[0] and real[-1] and real[len(real) // 2]) + math.sin(sum(ids))


def shapley(value, ids):
    """Return the mean gain of each unit over all orders, straight from the definition."""
    count = len(ids)
    gains = np.zeros(count)
    for order in itertools.permutations(range(count)):
        now = [UNKNOWN_ID] * count
        for unit in order:
            before = value(now)
            now[unit] = ids[unit]
            gains[unit] += value(now) - before
    return gains / math.factorial(count)


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_kernel_shap_of_a_short_text_is_the_shapley_value(count):
    ids = list(range(20, 20 + count))
    (weights,) = kernel_shap([target(ids)], scorer(interacting))
    assert weights.values == pytest.approx(shapley(interacting, ids), abs=1e-8)
    assert weights.error.tolist() == [0] * count


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [5, 8])
def test_kernel_shap_agrees_with_the_shap_package(count):
    shap = pytest.importorskip("shap")
    ids = np.arange(20, 20 + count)

    def model(kept):
        return np.array([interacting(np.where(row > 0, ids, UNKNOWN_ID).tolist()) for row in kept])

    explainer = shap.KernelExplainer(model, np.zeros((1, count)))
    theirs = explainer.shap_values(np.ones((1, count)), nsamples=2**count, l1_reg=False, silent=True)[0]
    (ours,) = kernel_shap([target(ids)], scorer(interacting))
    assert ours.values == pytest.approx(theirs, abs=1e-6)


def test_sampled_shapley_values_lie_within_their_errors_of_the_exact_ones():
    ids = list(range(20, 20 + EXACT + 3))
    exact = {}

    def game(row):
        key = tuple(unit != UNKNOWN_ID for unit in row)
        exact.setdefault(key, math.sin(3 * sum(place * on for place, on in enumerate(key))) + 2 * key[1] * key[5])
        return exact[key]

    every = np.array(list(itertools.product([False, True], repeat=len(ids))))
    values = np.array([game([unit if on else UNKNOWN_ID for unit, on in zip(ids, row, strict=True)]) for row in every])
    kernel = [
        0 if size in (0, len(ids)) else (len(ids) - 1) / (math.comb(len(ids), size) * size * (len(ids) - size))
        for size in every.sum(axis=1)
    ]
    order = np.array([place for place in range(len(every)) if kernel[place] and every[place, 0]])
    opposite = len(every) - 1 - order
    both = np.concatenate([order, opposite])
    shares = np.array(kernel)[both]
    truth, _ = solved(every[both], shares / shares.sum(), values[both] - values[0], float(values[-1] - values[0]))

    (ours,) = kernel_shap([target(ids)], scorer(game))
    assert (ours.error > 0).all()
    assert (np.abs(ours.values - truth) < 4 * ours.error).all()
    assert ours.values.sum() == pytest.approx(values[-1] - values[0])


@given(st.lists(st.integers(10, 99), min_size=1, max_size=14))
@settings(deadline=None, max_examples=25)
def test_shapley_values_of_an_additive_model_are_its_shares_however_long_the_text(ids):
    (weights,) = kernel_shap([target(ids)], scorer(additive))
    assert weights.values == pytest.approx([(-1) ** unit * unit for unit in ids], abs=1e-6)
    assert weights.error == pytest.approx(np.zeros(len(ids)), abs=1e-6)


# Gradients


VOCABULARY, LABELS = 20, 3


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    config = Config.from_dict({"model": {"embedding": {"dim": 6}, "encoder": {"hidden": 5}}}).model
    made = ARCHITECTURES["temporal"].build(config, VOCABULARY, LABELS, 30)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)
    return made.eval().requires_grad_(False)


def gradient_question(count, label, **options):
    generator = np.random.default_rng(count)
    contributions = generator.normal(size=(count, LABELS)).astype(np.float32)
    ids = generator.integers(2, VOCABULARY + 4, count)  # some unknown
    return target(ids, label=label, prediction=prediction(contributions=contributions), **options)


def slopes_of(network):
    return Slopes(network, 0.6, np.array([0.2, -0.1, 0.4], dtype=np.float32))


def through_captum(network, asked):
    """Return the model as Captum wants it: a function of vectors and contributions, with their values for the text."""
    known = np.where(asked.ids < VOCABULARY, asked.ids, UNKNOWN_ID)
    vectors = network.embedding(torch.from_numpy(known))[None]
    contributions = torch.from_numpy(asked.prediction.named["contributions"])[None]
    bias = torch.tensor([0.2, -0.1, 0.4])

    def value(vectors, contributions):
        lengths = torch.full((len(vectors),), len(known))
        logits = 0.6 * network.classify(vectors, lengths).logits + bias + contributions.sum(dim=1)
        if asked.against is not None:
            return logits[:, asked.label] - logits[:, asked.against]
        others = [place for place in range(LABELS) if place != asked.label]
        return logits[:, asked.label] - (0 if asked.independent else logits[:, others].logsumexp(dim=1))

    return value, (vectors.requires_grad_(), contributions.requires_grad_())


CASES = [(1, 0, {}), (7, 1, {}), (12, 2, {"against": 0}), (5, 0, {"independent": True})]


@pytest.mark.parametrize(("count", "label", "options"), CASES)
def test_integrated_gradients_agree_with_captum_and_sum_to_the_change(network, count, label, options):
    captum = pytest.importorskip("captum.attr")
    asked = gradient_question(count, label, **options)
    (ours,) = integrated_gradients([asked], PerturbationScorer(None, None, lambda: slopes_of(network)))
    value, inputs = through_captum(network, asked)
    theirs = captum.IntegratedGradients(value).attribute(inputs, n_steps=50)
    summed = sum(part.sum(dim=-1)[0].detach() for part in theirs)
    assert ours.values == pytest.approx(summed.numpy(), abs=1e-4)
    zeros = tuple(torch.zeros_like(part) for part in inputs)
    change = (value(*inputs) - value(*zeros)).item()
    assert ours.values.sum() == pytest.approx(change, abs=1e-3)
    assert ours.gap == pytest.approx(ours.values.sum() - change, abs=1e-4)


@pytest.mark.parametrize(("count", "label", "options"), CASES)
def test_gradient_times_input_agrees_with_captum(network, count, label, options):
    captum = pytest.importorskip("captum.attr")
    asked = gradient_question(count, label, **options)
    (ours,) = gradient_x_input([asked], PerturbationScorer(None, None, lambda: slopes_of(network)))
    value, inputs = through_captum(network, asked)
    theirs = captum.InputXGradient(value).attribute(inputs)
    assert ours.values == pytest.approx(sum(part.sum(dim=-1)[0].detach() for part in theirs).numpy(), abs=1e-4)


@pytest.mark.parametrize(("count", "label", "options"), CASES)
def test_attention_times_gradient_needs_no_torch_to_agree_with_it(network, count, label, options):
    asked = gradient_question(count, label, **options)
    value, (vectors, contributions) = through_captum(network, asked)
    seen = []
    hook = network.pooling.align.register_forward_hook(lambda module, given, made: seen.append(made))
    said = value(vectors, contributions)
    hook.remove()
    gradient, other = torch.autograd.grad(said.sum(), (seen[0], contributions))
    theirs = (seen[0] * gradient)[0, 0] + (contributions * other).sum(dim=-1)[0]

    lengths = torch.tensor([count])
    logits, _, named = network.classify(vectors, lengths)
    bias = torch.tensor([0.2, -0.1, 0.4])
    whole = 0.6 * logits + bias + contributions.sum(dim=1)
    made = prediction(
        evidence=0.6 * named["evidence"][0].detach().numpy(), contributions=contributions[0].detach().numpy()
    )
    probabilities = (torch.sigmoid(whole) if asked.independent else torch.softmax(whole, dim=1))[0].detach().numpy()
    made = Prediction(
        chosen=(), label="a", score=None, probabilities=probabilities, attention=np.zeros(0), named=made.named
    )
    asked = ExplanationTarget(
        ids=asked.ids, prediction=made, label=asked.label, against=asked.against, independent=asked.independent
    )
    (ours,) = attention_x_gradient([asked], PerturbationScorer(None, None, None))
    assert ours.values == pytest.approx(theirs.detach().numpy(), abs=1e-4)


def test_the_network_made_again_from_the_bundle_says_what_the_exported_one_says(classifier, multi_classifier):
    """The sum of integrated gradients is the change of the log-odds of the whole model, n-grams and all."""
    for loaded in (classifier, multi_classifier):
        for one in explain(loaded, [text for text in TEXTS if text], method="integrated-gradients"):
            (said,) = loaded.predict([one.text])
            share = float(said.probabilities[loaded.labels.index(one.label)])
            slopes = Slopes.of(loaded)
            nothing = slopes.network.classify(
                torch.zeros(1, len(said.attention), slopes.network.embedding.weight.shape[1]),
                torch.tensor([len(said.attention)]),
            )
            start = slopes.share * nothing.logits[0].detach().numpy() + slopes.bias
            asked = target([1], label=loaded.labels.index(one.label), independent=loaded.multi_label)
            change = math.log(share / (1 - share)) - asked.value(start)
            assert sum(word.weight for word in one.words) == pytest.approx(change, abs=2e-3)


# On a model


@pytest.mark.parametrize("name", METHODS)
def test_every_method_weighs_every_word_and_only_the_text_decides(classifier, name):
    texts = [*TEXTS, "a" * 30 + " my card"]
    together = explain(classifier, texts, method=name, faithfulness=False)
    for text, one in zip(texts, together, strict=True):
        (alone,) = explain(classifier, [text], method=name, faithfulness=False)
        assert [word.text for word in one.words] == [word.text for word in alone.words]
        weights = np.array([word.weight for word in one.words])
        assert weights == pytest.approx([word.weight for word in alone.words], abs=1e-3)
        assert np.isfinite(weights).all()
        assert one.signed == METHODS[name].signed
        if not one.signed and text:
            assert (weights >= 0).all()
            assert weights.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", [name for name, row in METHODS.items() if row.signed])
def test_signed_methods_turn_round_when_the_other_label_is_asked_about(classifier, name):
    text = "my parcel never came"
    (for_all,) = explain(classifier, [text], method=name, faithfulness=False)
    runner_up = classifier.ranked(classifier.predict([text])[0])[1][0]
    (contrast,) = explain(classifier, [text], method=name, against=runner_up, faithfulness=False)
    assert contrast.against == runner_up
    assert contrast.label == for_all.label
    (self_contrast,) = explain(classifier, [text], method=name, against=for_all.label, faithfulness=False)
    assert self_contrast.against == runner_up  # why not the next best
    assert [word.weight for word in self_contrast.words] == [word.weight for word in contrast.words]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_sees_what_the_n_grams_add_where_the_model_has_some(name):
    row = METHODS[name]
    assert set(row.named({"contributions": (), "evidence": (), "value_norms": ()})) == {"contributions", *row.outputs}
    assert set(row.named({"evidence": (), "value_norms": ()})) == set(row.outputs)


def test_leaving_out_on_a_model_is_predicting_the_shorter_text(classifier):
    (one,) = explain(classifier, ["my parcel the card"], method="leave-one-out")
    label = classifier.labels.index(one.label)
    words = [word.text for word in one.words]
    shares = [classifier.predict_proba([" ".join(words[:n] + words[n + 1 :])])[0, label] for n in range(len(words))]
    odds = np.log(one.score / (1 - one.score)) - np.log(np.array(shares) / (1 - np.array(shares)))
    assert [word.weight for word in one.words] == pytest.approx(odds.tolist(), abs=1e-2)


def test_refusals_name_what_works(classifier):
    with pytest.raises(ConfigError, match=r"unknown method 'lime'; use one of: attention,.*, auto"):
        explain(classifier, TEXTS, method="lime")
    with pytest.raises(ConfigError, match="no label 'spam'; use one of: account, billing, delivery, technical"):
        explain(classifier, TEXTS, method="ngrams", against="spam")
    with pytest.raises(ConfigError, match=r"attention is the same for every label.*use one of: attention-x-gradient"):
        explain(classifier, TEXTS, against="billing")


class Stub:
    """What `method_for` reads of a bundle."""

    def __init__(self, architecture, columns=()):
        self.architecture, self.columns = architecture, columns


@pytest.mark.parametrize(
    ("bundle", "axes", "works"),
    [
        (Stub("label-decoder"), {"sequence"}, ["attention", "leave-one-out", "occlusion", "kernel-shap"]),
        (Stub("feature-gate"), {"gate"}, ["attention", "leave-one-out", "occlusion", "kernel-shap"]),
        (Stub("feature-gate", ("age",)), {"gate"}, ["attention"]),
        (Stub("temporal"), {"evidence", "value_norms"}, [name for name in METHODS if name != "ngrams"][:-2]),
    ],
)
def test_methods_without_sense_for_an_architecture_are_refused_by_name(bundle, axes, works):
    assert working(bundle, dict.fromkeys(axes)) == [*works, "random", "uniform"]
    for name in METHODS:
        if name in (*works, "random", "uniform"):
            method_for(name, bundle, dict.fromkeys(axes))
        else:
            with pytest.raises(ConfigError, match=f"method {name} .*use one of: attention"):
                method_for(name, bundle, dict.fromkeys(axes))


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from attnclf.errors import ConfigError
from attnclf.explain.api import compare, explain
from attnclf.runtime.classifier import Classifier
classifier = Classifier.load(sys.argv[1], device="cpu", threads=1)
for name in sys.argv[2].split(","):
    explain(classifier, ["my parcel never came to the door"], method=name)
compare(classifier, ["my parcel never came"])
try:
    explain(classifier, ["my parcel"], method="integrated-gradients")
except ConfigError as error:
    print(error)
"""


def test_without_torch_the_others_run_and_gradients_say_what_is_missing(model):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(model), ",".join(TORCH_FREE)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("this method needs gradients, and torch is not installed; pip install torch")
    assert len(done.stdout.splitlines()) == 1


# Adding a method


def capitals(targets, scorer):
    """Return equal shares: a method that is one function and one row."""
    assert all(len(scorer.logits([target.ids])) == 1 for target in targets)
    return [Weights(np.full(len(target.ids), 1 / len(target.ids))) for target in targets]


@pytest.fixture
def own_method():
    register_method("equal", Method(capitals, "equal shares", signed=False))
    yield "equal"
    del METHODS["equal"]


def test_a_method_from_outside_is_one_function_and_one_call(classifier, own_method):
    (explanation,) = explain(classifier, ["my parcel never came"], method=own_method, faithfulness=True)
    assert [word.weight for word in explanation.words] == pytest.approx([0.25] * 4)
    assert explanation.faithfulness is not None
    (comparison,) = compare(classifier, ["my parcel never came"], [own_method, "attention"])
    assert [one.method for one in comparison.explanations] == [own_method, "attention"]


@pytest.mark.usefixtures("own_method")
@pytest.mark.parametrize("name", ["equal", "attention", "auto"])
def test_a_method_with_a_name_that_is_taken_is_refused(name):
    with pytest.raises(ConfigError, match=f"there is a method '{name}' already; register yours under another name"):
        register_method(name, METHODS["equal"])


def test_every_file_of_methods_has_a_row():
    files = {path.stem for path in Path(METHODS["attention"].weigh.__code__.co_filename).parent.glob("*.py")}
    modules = {row.weigh.__module__.rpartition(".")[2] for row in METHODS.values()}
    assert files - modules == {"__init__", "method"}


# What is done once


SEVEN = ["attention", "attention-norm", "ngrams", "leave-one-out", "occlusion", "kernel-shap", "integrated-gradients"]


@pytest.fixture
def counted(classifier, monkeypatch):
    """Count the texts that are encoded, located and predicted."""
    counts = Counter()

    def count(holder, name, size):
        original = getattr(holder, name)

        def counting(*given, **options):
            counts[name] += size(*given)
            return original(*given, **options)

        monkeypatch.setattr(holder, name, counting)

    count(classifier.tokenizer, "read", lambda texts, *rest: len(texts))
    count(classifier.tokenizer, "pieces", lambda text: 1)
    count(classifier, "predict_encoded", lambda texts, encoded: len(texts))
    monkeypatch.setattr(classifier, "predict", lambda *given, **options: pytest.fail("predicted once more"))
    return counts


def test_with_seven_methods_a_text_is_tokenized_once_and_predicted_once(classifier, counted):
    texts = ["my parcel never came", "the invoice is wrong"]
    assert [len(one.explanations) for one in compare(classifier, texts, SEVEN)] == [7, 7]
    assert counted == {"read": 2, "pieces": 2, "predict_encoded": 2}


def test_an_evaluation_of_seven_methods_predicts_a_text_once(classifier, counted):
    evaluate(classifier, ["my parcel never came", "the invoice is wrong", " "], SEVEN)
    # One text is read once before, so that the time to open the graph is not counted; the blank one is not located.
    assert counted == {"read": 1 + 3, "predict_encoded": 1 + 3, "pieces": 2}


def test_the_network_for_gradients_lives_no_longer_than_its_model(model):
    loaded = Classifier.load(model, device="cpu", threads=1)
    explain(loaded, ["my parcel"], method="integrated-gradients")
    network = weakref.ref(Slopes.of(loaded).network)
    assert Slopes.of(loaded).network is network()  # built once
    del loaded
    gc.collect()
    assert network() is None
