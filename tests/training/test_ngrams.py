"""The linear model over n-grams, against TF-IDF in plain Python and a regression on dense rows."""

import dataclasses
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from support import slot_of

from attnclf.config import NgramConfig
from attnclf.text import char_ngrams, pairs
from attnclf.text.ragged import UNKNOWN_ID, Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import evidence as evidence_module
from attnclf.training import ngrams
from attnclf.training.calibration.ensemble import fit_ensemble
from attnclf.training.calibration.logit_weights import loss
from attnclf.training.examples import Examples
from attnclf.training.prediction import predict_logits

TEXTS = [
    "the parcel is late and the parcel is lost",
    "my parcel was refunded late",
    "parcels walked away not delivered",
    "the courier talked and walked",
    "not good not delivered",
    "a very good courier",
    "a good parcel a very very good parcel",
    "refunding takes long",
    "the refund is not late",
    "好 very good 好",
    "好 parcel delivered a day late",
    "takes a day",
]
NEW = ["parcelling refunds", "good", "qqq", "the delivering courier is walking late", "not a 好 好 day", "unlately 坏"]
ONE = np.array([0, 1, 0, 2, 0, 2, 2, 1, 1, 2, 0, 1])
TWO = (ONE == 2).astype(np.int64)
MANY = np.array([[1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]] * 4, dtype=np.float32)
WEIGHTS = np.array([1, 2, 0.5, 1, 3, 1, 1, 0.25, 1, 1, 2, 1], dtype=np.float32)
EVERYTHING = NgramConfig(strength=10.0, features=2000)


@pytest.fixture(scope="module", autouse=True)
def many():
    """Take these few rows for many, of which only what two of them have is kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngrams, "MANY", 0)
        yield


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.learn(TEXTS, unit="word", vocabulary=99, min_frequency=2, lowercase=True, max_length=99)


def encoded(tokenizer, texts, targets=None, weights=None):
    """Return texts as what is learned from, with the n-grams of their unknown words."""
    unknown = {}
    read = tokenizer.encode_with_unknown(texts, unknown)
    return Examples(
        tokens=read.filled(tokenizer.blank).packed(tokenizer.size + len(unknown)),
        targets=np.zeros(len(texts), dtype=np.int64) if targets is None else targets,
        weights=np.ones(len(texts), dtype=np.float32) if weights is None else weights,
        vocabulary=tokenizer.size,
        unknown=list(unknown),
    )


def learned(tokenizer, targets, *, weights=None, label_weights=None, config=EVERYTHING, pseudo_labels=0):
    labels = targets.shape[1] if targets.ndim == 2 else int(targets.max()) + 1
    importance = np.ones(labels, dtype=np.float32) if label_weights is None else label_weights
    examples = dataclasses.replace(encoded(tokenizer, TEXTS, targets, weights), pseudo_labels=pseudo_labels)
    return next(ngrams.learn(examples, importance, tokenizer.tokens, config, [config.strength or 10.0]))


def logits(linear, tokenizer, texts):
    return predict_logits(linear, encoded(tokenizer, texts)).numpy()


def near(ours, theirs, atol=1e-5):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=atol, rtol=0)


# The features, written from their definition


def grams(word):
    """Return the pieces of 2 to 5 characters of <word>; a single character has none."""
    marked = f"<{word}>"
    ends = [(start, start + size) for size in (2, 3, 4, 5) for start in range(len(marked) - size + 1)]
    return [marked[start:end] for start, end in ends] if len(word) > 1 else []


class Definition:
    """count · idf / √(Σ count · idf²), the sum over words with pairs, or over n-grams; these times √share.

    The share is that of the words with an n-gram that is kept. A word is a string here, a pair ("after", word, word),
    an n-gram ("in", string).
    """

    def __init__(self, tokenizer):
        self.known = set(tokenizer.tokens)
        counted = [self.count(text) for text in TEXTS]
        self.rows_with = Counter(feature for row in counted for feature in row)
        self.kept = [feature for feature, rows in self.rows_with.items() if rows >= 2 or isinstance(feature, str)]
        self.idf = {feature: math.log((1 + len(TEXTS)) / (1 + self.rows_with[feature])) + 1 for feature in self.kept}

    def units(self, text):
        """Return the features at each word of a text: the word, the pair that it ends, its n-grams."""
        words = text.split()
        read = [word if word in self.known else "[UNK]" for word in words]
        pair = [("after", *two) for two in pairwise(["", *read])]
        return [[*near, *(("in", gram) for gram in grams(word))] for word, *near in zip(words, read, pair, strict=True)]

    def count(self, text):
        return Counter(feature for unit in self.units(text) for feature in unit)

    def values(self, text):
        """Return the value of every feature that is kept."""
        count = {feature: times for feature, times in self.count(text).items() if feature in self.idf}
        length = Counter()
        for feature, times in count.items():
            length[feature[0] == "in"] += times * self.idf[feature] ** 2
        units = self.units(text)
        share = sum(any(feature in self.idf for feature in unit if feature[0] == "in") for unit in units) / len(units)
        return {
            feature: times * self.idf[feature] / math.sqrt(length[inside]) * (math.sqrt(share) if inside else 1)
            for feature, times in count.items()
            for inside in [feature[0] == "in"]
        }

    def dense(self, texts):
        rows = [self.values(text) for text in texts]
        return np.array([[row.get(feature, 0.0) for feature in self.kept] for row in rows])


@pytest.fixture(scope="module")
def definition(tokenizer):
    return Definition(tokenizer)


def counted(tokenizer, most):
    examples = encoded(tokenizer, TEXTS)
    token_grams = ngrams.TokenGrams.of([*tokenizer.tokens, *examples.unknown])
    return ngrams._count(examples.tokens, token_grams, tokenizer.size, most)


def tfidf(tokenizer):
    examples = encoded(tokenizer, TEXTS)
    counts, columns = counted(tokenizer, 2000)
    token_grams = ngrams.TokenGrams.of([*tokenizer.tokens, *examples.unknown])
    return ngrams._tfidf(counts, columns, token_grams.share(examples.tokens, columns.gram_rows)), counts, columns


def column(feature, tokenizer, columns):
    """Return where a feature stands."""
    ids = {"": 0, **{unit: number for number, unit in enumerate(tokenizer.tokens)}}
    if isinstance(feature, str):
        return ids[feature]
    if feature[0] == "in":
        return columns.grams_from + columns.gram_rows[slot_of(feature[1])]
    return columns.words + columns.pair_rows[pairs.slot(ids[feature[1]], ids[feature[2]])]


def test_the_features_are_those_of_the_definition(tokenizer, definition):
    values, _, columns = tfidf(tokenizer)
    values = values.toarray()
    places = [column(feature, tokenizer, columns) for feature in definition.kept]
    assert len(set(places)) == len(places), "these features should not collide"
    defined = np.zeros_like(values)
    defined[:, places] = definition.dense(TEXTS)
    near(values, defined, atol=1e-12)
    assert len({feature[0] for feature in definition.kept if isinstance(feature, tuple)}) == 2


def test_words_with_pairs_are_of_length_one_and_ngrams_of_the_root_of_their_share(tokenizer):
    """So in texts that repeat nothing; a feature that comes twice counts twice, and makes a text longer."""
    values, counts, columns = tfidf(tokenizer)
    shares = [sum(len(word) > 1 for word in text.split()) / len(text.split()) for text in TEXTS]
    assert min(shares) == 0.5
    for part, length in ((slice(None, columns.grams_from), 1), (slice(columns.grams_from, None), np.sqrt(shares))):
        lengths = np.linalg.norm(values.toarray()[:, part], axis=1) / length
        most = counts.toarray()[:, part].max(axis=1)
        near(lengths[most == 1], 1)
        assert (lengths[most > 1] > 1.001).all()
        assert {1, 2} <= set(most.tolist())


@pytest.mark.parametrize("most", [0, 1, 5, 2000])
@pytest.mark.parametrize("least", [1, 2])
def test_the_most_frequent_pairs_and_ngrams_are_kept_of_many_rows_those_of_two_or_more(
    monkeypatch, tokenizer, definition, most, least
):
    monkeypatch.setattr(ngrams, "MANY", len(TEXTS) + 1 if least == 1 else len(TEXTS))
    _, columns = counted(tokenizer, most)
    for kind, rows in (("after", columns.pair_rows), ("in", columns.gram_rows)):
        slots = {
            feature: pairs.slot(*(0 if unit == "" else tokenizer.tokens.index(unit) for unit in feature[1:]))
            if kind == "after"
            else slot_of(feature[1])
            for feature in definition.rows_with
            if feature[0] == kind and isinstance(feature, tuple)
        }
        frequency = {feature: definition.rows_with[feature] for feature in slots}
        kept = [feature for feature, slot in slots.items() if rows[slot]]
        best = sorted((times for times in frequency.values() if times >= least), reverse=True)[:most]
        assert sorted((frequency[feature] for feature in kept), reverse=True) == best
        assert sorted(rows[slots[feature]] for feature in kept) == list(range(1, len(kept) + 1))
        assert np.count_nonzero(rows) == len(kept)


def test_a_pair_never_reaches_across_two_texts(tokenizer):
    ids = np.array([5, 6, 7, 8, 5, 6, 7, 8])
    tokens = Ragged(ids, np.array([0, 2, 4, 6, 8]))
    _, columns = ngrams._count(tokens, ngrams.TokenGrams.of([""] * 9), 9, 100)
    assert (columns.pair_rows[pairs.slot(np.array([0, 5, 6, 7]), ids[:4])] > 0).tolist() == [True, True, False, True]
    assert np.count_nonzero(columns.pair_rows) == 4  # 5 and 7 at the start of a text, and the pairs inside


# What is learned from them


def regression(definition, positive, weights, config=EVERYTHING):
    """Return the weight of each feature and the bias that scikit-learn finds on dense rows scaled by contrast."""
    values = definition.dense(TEXTS)
    present = values > 0
    rates = [(present[side].sum(axis=0) + 1) / (side.sum() + 2) for side in (positive, ~positive)]
    ratio = np.abs(np.log(rates[0]) - np.log(rates[1]))
    scale = 1 - config.contrast + config.contrast * ratio / ratio.mean()
    scale *= math.sqrt((values**2).sum() / ((values * scale) ** 2).sum())
    model = LogisticRegression(C=config.strength, solver="liblinear", dual=True, tol=0.1, random_state=0)
    model.fit(values * scale, positive, sample_weight=weights)
    return model.coef_[0] * scale, model.intercept_[0]


def expected(definition, texts, *arguments):
    weights, bias = regression(definition, *arguments)
    return definition.dense(texts) @ weights + bias


@pytest.mark.parametrize("texts", [TEXTS, NEW], ids=["learned from", "with unknown words"])
@pytest.mark.parametrize("contrast", [0.0, 0.5, 1.0])
def test_the_logits_are_those_of_a_regression_on_the_defined_features(tokenizer, definition, texts, contrast):
    config = NgramConfig(features=2000, contrast=contrast, strength=3.0)
    label_weights = np.array([2, 1, 0.5], dtype=np.float32)
    linear = learned(tokenizer, ONE, weights=WEIGHTS, label_weights=label_weights, config=config)
    ours = logits(linear, tokenizer, texts)
    assert ours.shape == (len(texts), 3)
    for label in range(3):
        weights = WEIGHTS * label_weights[ONE]
        weights = weights / weights.mean()
        near(ours[:, label], expected(definition, texts, label == ONE, weights, config))
    assert ours.std() > 0.1


@pytest.mark.parametrize("texts", [TEXTS, NEW], ids=["learned from", "with unknown words"])
def test_each_of_several_labels_has_its_own_regression_and_its_weight_is_of_its_positive_rows(
    tokenizer, definition, texts
):
    label_weights = np.array([2, 1, 0.5, 3], dtype=np.float32)
    ours = logits(learned(tokenizer, MANY, weights=WEIGHTS, label_weights=label_weights), tokenizer, texts)
    for label in range(4):
        positive = MANY[:, label] > 0
        weights = WEIGHTS / WEIGHTS.mean() * np.where(positive, label_weights[label], 1)
        near(ours[:, label], expected(definition, texts, positive, weights))


@pytest.mark.parametrize("texts", [TEXTS, NEW], ids=["learned from", "with unknown words"])
def test_two_labels_are_mirror_images_of_one_regression(tokenizer, definition, texts):
    linear = learned(tokenizer, TWO)
    ours = logits(linear, tokenizer, texts)
    near(ours[:, 1], expected(definition, texts, TWO == 1, None))
    near(ours[:, 0], -ours[:, 1])
    for table in (linear.words, linear.word_grams, linear.pairs, linear.grams):
        assert torch.equal(table[:, 0], -table[:, 1])


def test_the_regression_is_near_its_optimum(tokenizer):
    values, _, _ = tfidf(tokenizer)
    coefficients, bias = ngrams._regress(ngrams.Features.of(values), TWO == 1, WEIGHTS, 0.0, 2.0)
    signs, rows = 2 * TWO - 1, np.column_stack([values.toarray(), np.ones(len(TEXTS))])

    def cost(weights):  # liblinear's own, in which the bias is a weight like the others
        return weights @ weights / 2 + 2.0 * (WEIGHTS * np.logaddexp(0, -signs * (rows @ weights))).sum()

    best = minimize(cost, np.zeros(rows.shape[1]), method="L-BFGS-B").fun
    assert best <= cost(np.append(coefficients, bias)) < 1.01 * best < 0.9 * cost(np.zeros(rows.shape[1]))


def test_the_words_are_those_of_the_tokenizer_and_the_size_counts_all_features(tokenizer, definition):
    assert learned(tokenizer, ONE).size == len(definition.kept)
    assert len(definition.kept) > 150


# Weights


@pytest.mark.parametrize("targets", [ONE, TWO, MANY], ids=["one", "two", "several"])
@pytest.mark.parametrize("scale", [3, 1e-4])
def test_only_ratios_of_weights_count(tokenizer, targets, scale):
    scaled = learned(tokenizer, targets, weights=(scale * WEIGHTS).astype(np.float32))
    near(logits(scaled, tokenizer, NEW), logits(learned(tokenizer, targets, weights=WEIGHTS), tokenizer, NEW))
    assert np.abs(logits(scaled, tokenizer, NEW) - logits(learned(tokenizer, targets), tokenizer, NEW)).max() > 0.05


def test_label_weights_that_are_all_alike_change_nothing(tokenizer):
    alike = learned(tokenizer, ONE, label_weights=np.full(3, 0.01, np.float32))
    near(logits(alike, tokenizer, NEW), logits(learned(tokenizer, ONE), tokenizer, NEW))


def test_labels_that_were_given_do_not_weaken_the_true_ones(tokenizer):
    weights = np.where(np.arange(len(ONE)) < len(ONE) - 4, 1.0, 0.2).astype(np.float32)
    strong = NgramConfig(features=2000, strength=EVERYTHING.strength * float(weights.mean()))
    given = learned(tokenizer, ONE, weights=weights, pseudo_labels=4)
    near(logits(given, tokenizer, NEW), logits(learned(tokenizer, ONE, weights=weights, config=strong), tokenizer, NEW))


def test_a_label_weight_is_the_weight_of_its_rows(tokenizer):
    label_weights = np.array([4, 1, 0.5], dtype=np.float32)
    by_label = learned(tokenizer, ONE, label_weights=label_weights)
    by_row = learned(tokenizer, ONE, weights=label_weights[ONE])
    near(logits(by_label, tokenizer, NEW), logits(by_row, tokenizer, NEW))


def test_a_heavier_label_is_said_more_often_and_others_of_several_stay_as_they_were(tokenizer):
    plain = logits(learned(tokenizer, MANY), tokenizer, NEW)
    heavy = logits(learned(tokenizer, MANY, label_weights=np.array([1, 9, 1, 1], np.float32)), tokenizer, NEW)
    assert heavy[:, 1].mean() > plain[:, 1].mean() + 0.1
    near(np.delete(heavy, 1, axis=1), np.delete(plain, 1, axis=1))


def test_the_label_of_a_row_of_weight_zero_does_not_matter_where_contrast_does_not(tokenizer):
    weights = WEIGHTS.copy()
    weights[3] = 0
    other = ONE.copy()
    other[3] = 0
    config = NgramConfig(features=2000, contrast=0.0)
    ours, theirs = (
        logits(learned(tokenizer, targets, weights=weights, config=config), tokenizer, NEW) for targets in (ONE, other)
    )
    near(ours, theirs)


@pytest.mark.parametrize("text", [TEXTS[0], *NEW])
def test_a_label_of_no_row_or_of_every_row_is_a_constant(tokenizer, text):
    targets = MANY.copy()
    targets[:, 0], targets[:, 2] = 0, 1
    said = logits(learned(tokenizer, targets), tokenizer, [text])[0]
    assert said[[0, 2]].tolist() == [-5, 5]
    assert abs(said[1]) < 5


def test_rows_without_weight_count_for_nothing_and_no_weight_at_all_is_no_crash(tokenizer):
    weights = np.ones(len(TEXTS), dtype=np.float32)
    weights[MANY[:, 0] == 1] = 0
    said = logits(learned(tokenizer, MANY, weights=weights), tokenizer, TEXTS[:1])[0]
    assert said[0] == -5, "no row that counts has the first label"
    nothing = logits(learned(tokenizer, MANY, weights=np.zeros_like(weights)), tokenizer, TEXTS[:1])[0]
    assert (nothing == -5).all()


# A sample of large data


@pytest.mark.parametrize(("limit", "labels"), [("MOST", 3), ("WORK", 3), ("WORK", 6)])
def test_of_too_many_features_the_same_sample_is_taken_every_time(tokenizer, monkeypatch, limit, labels):
    examples = encoded(tokenizer, TEXTS * 20, np.arange(240) % 3, np.arange(240, dtype=np.float32))
    token_grams = ngrams.TokenGrams.of([*tokenizer.tokens, *examples.unknown])
    whole, _, _ = ngrams._sample(examples, token_grams, labels)
    assert whole is examples.tokens
    present = 2 * len(examples.tokens.ids) + sum(len(grams(word)) for text in TEXTS * 20 for word in text.split())
    monkeypatch.setattr(ngrams, limit, present * (labels if limit == "WORK" else 1) // 2)
    tokens, targets, weights = ngrams._sample(examples, token_grams, labels)
    assert len(tokens) == len(targets) == len(weights) == pytest.approx(120, abs=1)
    rows = weights.astype(np.int64)  # each row weighs its own number
    assert (np.diff(rows) > 0).all()
    assert targets.tolist() == (rows % 3).tolist()
    for place, row in enumerate(rows):
        ours, theirs = tokens.padded(np.array([place])), examples.tokens.padded(np.array([row]))
        assert ours[0].tolist() == theirs[0].tolist()
    assert (ngrams._sample(examples, token_grams, labels)[2] == weights).all()


def test_a_model_is_learned_from_the_sample_alone(tokenizer, monkeypatch):
    importance = np.ones(3, dtype=np.float32)
    examples = encoded(tokenizer, TEXTS, ONE)
    whole = next(ngrams.learn(examples, importance, tokenizer.tokens, EVERYTHING, [10.0]))
    monkeypatch.setattr(ngrams, "MOST", 500)
    token_grams = ngrams.TokenGrams.of([*tokenizer.tokens, *examples.unknown])
    tokens, targets, weights = ngrams._sample(examples, token_grams, 3)
    assert 3 < len(tokens) < 10
    sampled = next(ngrams.learn(examples, importance, tokenizer.tokens, EVERYTHING, [10.0]))
    monkeypatch.undo()
    part = Examples(
        tokens=tokens, targets=targets, weights=weights, vocabulary=examples.vocabulary, unknown=examples.unknown
    )
    again = next(ngrams.learn(part, importance, tokenizer.tokens, EVERYTHING, [10.0]))
    assert sampled.size < whole.size
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(sampled.buffers(), again.buffers(), strict=True))


# What each unit contributes

STRANGE = ["parcelling", "refunds", "坏", "walking"]
ROWS = st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=7), min_size=1, max_size=5)  # 17 and up are unknown


@pytest.fixture(scope="module")
def linear(tokenizer):
    assert tokenizer.size == 17
    return learned(tokenizer, ONE)


def evidence(linear, rows, extra=0):
    """Return what the model says of rows of ids, with `extra` columns of padding after the longest."""
    width = max(map(len, rows)) + extra
    ids = np.array([row + [0] * (width - len(row)) for row in rows])
    ids, used = char_ngrams.in_batch(ids, len(linear.words))
    slots = char_ngrams.ngram_slots([STRANGE[number] for number in used])
    with torch.no_grad():
        return linear(torch.from_numpy(ids), torch.tensor([len(row) for row in rows]), torch.from_numpy(slots))


@pytest.mark.parametrize("text", [TEXTS[0], TEXTS[9], *NEW])
def test_a_unit_contributes_its_word_its_ngrams_and_half_of_each_pair_but_all_of_that_with_the_start(
    tokenizer, definition, linear, text
):
    values, counts = definition.values(text), definition.count(text)
    ids, lengths, slots = map(torch.from_numpy, encoded(tokenizer, [text]).batch_with_char_ngrams(np.array([0])))
    (ours,) = linear(ids, lengths, slots).contributions
    for label in range(3):
        weights, _ = regression(definition, label == ONE, None)
        weight_of = dict(zip(definition.kept, weights, strict=True))
        each = {feature: weight_of[feature] * value / counts[feature] for feature, value in values.items()}
        theirs = np.array([sum(each.get(feature, 0.0) for feature in unit) for unit in definition.units(text)])
        halves = np.array([each.get(pair, 0.0) / 2 for _, pair, *_ in definition.units(text)[1:]])
        theirs[:-1] += halves
        theirs[1:] -= halves
        near(ours[:, label], theirs)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, extra=st.integers(0, 4))
def test_what_real_units_contribute_and_the_bias_sum_to_the_logits(linear, rows, extra):
    said = evidence(linear, rows, extra)
    for row, logits, contributions in zip(rows, *said, strict=True):
        near(contributions[: len(row)].double().sum(dim=0) + linear.bias, logits)
        assert (contributions[len(row) :] == 0).all()


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, extra=st.integers(0, 9))
def test_padding_and_neighbours_in_the_batch_change_nothing(linear, rows, extra):
    together = evidence(linear, rows, extra)
    for place, row in enumerate(rows):
        alone = evidence(linear, [row])
        near(together.logits[place], alone.logits[0])
        near(together.contributions[place, : len(row)], alone.contributions[0])


@settings(deadline=None, max_examples=30)
@given(rows=ROWS, junk=st.integers(1, 20))
def test_whatever_ids_stand_at_padding_change_nothing(linear, rows, junk):
    clean = evidence(linear, rows, 3)
    lengths = torch.tensor([len(row) for row in rows])
    filled = np.array([row + [junk] * (max(map(len, rows)) + 3 - len(row)) for row in rows])
    ids, used = char_ngrams.in_batch(filled, len(linear.words))
    slots = char_ngrams.ngram_slots([STRANGE[number] for number in used])
    with torch.no_grad():
        junky = linear(torch.from_numpy(ids), lengths, torch.from_numpy(slots))
    near(junky.logits, clean.logits)
    near(junky.contributions, clean.contributions)


@settings(deadline=None, max_examples=30)
@given(row=st.lists(st.integers(1, 20), min_size=1, max_size=7))
def test_no_id_that_stands_at_padding_makes_a_pair_with_the_last_unit(linear, row):
    clean = evidence(linear, [row], 3)
    filled = np.array([[*row, junk, junk, junk] for junk in range(1, 21)])  # some make a known pair with the last
    ids, used = char_ngrams.in_batch(filled, len(linear.words))
    slots = char_ngrams.ngram_slots([STRANGE[number] for number in used])
    with torch.no_grad():
        junky = linear(torch.from_numpy(ids), torch.full((20,), len(row)), torch.from_numpy(slots))
    for logits, contributions in zip(*junky, strict=True):
        near(logits, clean.logits[0])
        near(contributions, clean.contributions[0])


@pytest.mark.parametrize(
    "targets", [ONE, MANY[:, :3] * (ONE > 0)[:, None]], ids=["one label", "several labels or none"]
)
def test_the_evidence_of_ngrams_is_what_units_add_to_the_labels_of_their_row_or_half_of_what_they_take_over_the_most(
    monkeypatch, tokenizer, linear, targets
):
    monkeypatch.setattr(evidence_module, "CHUNK", 4)  # texts
    monkeypatch.setattr("attnclf.training.prediction.TOKENS", 20)
    examples = encoded(tokenizer, TEXTS, targets)
    found = Ragged.join(list(evidence_module.ngram_evidence(linear, examples)))
    assert found.offsets.tolist() == examples.tokens.offsets.tolist()
    against = 0
    for row, target in enumerate(examples.targets):
        (contributions,) = linear(
            *map(torch.from_numpy, examples.batch_with_char_ngrams(np.array([row])))
        ).contributions.numpy()
        wanted = np.arange(3) == target if targets is ONE else target > 0
        own = contributions[:, wanted].sum(axis=1)
        said = np.where(own > 0, own, -own / 2)
        near(found[row] / 255, said / max(said.max(), 1e-9), atol=0.5 / 255 + 1e-5)
        against += int((own < -0.1).sum())
    assert (found.ids == 255).any()
    assert (found.ids == 0).any() == (targets is not ONE)  # a row without labels
    assert against


def test_a_word_is_judged_alike_by_the_table_and_by_its_ngrams(tokenizer, linear):
    """A known word's n-grams, summed beforehand, are those that the same word would have if it were unknown."""
    for unit in ("parcel", "walked", "delivered"):
        own = linear.word_grams[tokenizer.tokens.index(unit)]
        one, slots = torch.tensor([1]), torch.from_numpy(char_ngrams.ngram_slots([unit]))
        strange = linear(torch.tensor([[tokenizer.size]]), one, slots).logits
        unknown = linear(torch.tensor([[UNKNOWN_ID]]), one, slots).logits
        near((strange - unknown)[0], own[:-2] / own[-2].sqrt())  # its share of the text is 1
        assert own[:-2].abs().max() > 0.1


def test_words_never_seen_are_told_apart_by_their_ngrams_and_words_of_none_are_not(linear):
    parcelling, refunds, bad, unknown = (evidence(linear, [[unit]]).logits for unit in (17, 18, 19, 1))
    assert (parcelling - refunds).abs().max() > 0.05
    assert torch.equal(bad, unknown)


def test_the_strength_that_is_not_set_is_the_one_under_which_validation_rows_are_more_likely(tokenizer):
    examples = encoded(tokenizer, TEXTS, ONE, WEIGHTS)
    network = torch.randn(len(TEXTS), 3, generator=torch.Generator().manual_seed(0))
    validation = dataclasses.replace(examples, targets=np.roll(ONE, 1))

    def losses(strength):
        config = NgramConfig(features=2000, strength=strength)
        tried = ngrams.strengths(config)
        learned = ngrams.learn(examples, np.ones(3, np.float32), tokenizer.tokens, config, tried)
        linears = dict(zip(tried, learned, strict=True))
        joint = fit_ensemble(torch.nn.Identity(), network, linears, validation, len(examples), str)[1]
        return float(loss(joint, validation.targets))

    apart = [losses(strength) for strength in ngrams.STRENGTHS]
    assert apart[0] != apart[1]
    assert losses(None) == pytest.approx(min(apart))
