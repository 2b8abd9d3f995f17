"""What training asks of attention beside the right label: each loss by hand, and what it does to a network."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.catalog import ALIGNMENTS
from attnclf.config import Config, merged
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.rationales import spans_of
from attnclf.data.read_options import ReadOptions
from attnclf.data.training_set import Sources
from attnclf.errors import ConfigError, TrainingError
from attnclf.runtime.classifier import Classifier
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.building import build
from attnclf.training.evidence import marked_tokens
from attnclf.training.examples import Examples
from attnclf.training.objectives.diversity import conicity
from attnclf.training.objectives.ngrams import departure
from attnclf.training.objectives.rationale import SPARSE, disagreement, divergence, fenchel_young
from attnclf.training.objectives.smoothness import variation
from attnclf.training.objectives.tying import distance
from attnclf.training.pipeline import train
from attnclf.training.preparation import PreparedData, label_weights
from attnclf.training.trainer import Trainer

KEEP = torch.tensor([[True, True, True, False]])


def test_only_the_shares_of_the_evidence_count_and_attention_in_their_proportion_loses_nothing():
    evidence = torch.tensor([[0.0, 51.0, 204.0], [0.0, 1.0, 4.0]])
    weights = torch.tensor([[0.0, 0.2, 0.8], [0.5, 0.1, 0.4]])
    away = 0.2 * np.log(0.2 / 0.1) + 0.8 * np.log(0.8 / 0.4)
    torch.testing.assert_close(divergence(weights, evidence), torch.tensor([0.0, away], dtype=torch.float32))


def test_divergence_is_zero_where_attention_is_even_over_the_marked_units_and_grows_from_there():
    marked = torch.tensor([[True, True, False, False]] * 3)
    weights = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.8, 0.2, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0]])
    away, apart = 0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.2), np.log(2)
    torch.testing.assert_close(divergence(weights, marked), torch.tensor([0.0, away, apart], dtype=torch.float32))


def test_a_text_without_a_marked_unit_has_neither_loss_nor_gradient():
    weights = torch.tensor([[0.7, 0.3]], requires_grad=True)
    loss = divergence(weights, torch.zeros(1, 2, dtype=torch.bool))
    loss.sum().backward()
    assert loss.item() == 0
    assert (weights.grad == 0).all()


def test_divergence_agrees_with_torch_and_is_finite_where_a_weight_is_zero():
    generator = torch.Generator().manual_seed(0)
    weights = torch.softmax(torch.randn(5, 7, generator=generator), dim=1)
    marked = torch.rand(5, 7, generator=generator) < 0.5
    marked[:, 0] = True
    even = marked / marked.sum(dim=1, keepdim=True)
    wanted = torch.nn.functional.kl_div(weights.log(), even, reduction="none").sum(dim=1)
    torch.testing.assert_close(divergence(weights, marked), wanted)
    sparse = torch.tensor([[1.0, 0.0]], requires_grad=True)
    loss = divergence(sparse, torch.tensor([[False, True]]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(sparse.grad).all()


@st.composite
def scored(draw):
    """Scores (1, time), which of them are real, and which of these are marked."""
    time, padding = draw(st.integers(1, 8)), draw(st.integers(0, 3))
    numbers = draw(st.lists(st.floats(-3, 3), min_size=time + padding, max_size=time + padding))
    marks = draw(st.lists(st.booleans(), min_size=time, max_size=time))
    keep = torch.tensor([[True] * time + [False] * padding])
    return torch.tensor([numbers], dtype=torch.float64), keep, torch.tensor([marks + [False] * padding])


@pytest.mark.parametrize("alignment", SPARSE)
@settings(deadline=None)
@given(case=scored())
def test_a_sparse_alignment_is_drawn_to_marked_units_also_where_it_gives_them_nothing(alignment, case):
    scores, keep, marked = case
    scores.requires_grad_()
    weights = ALIGNMENTS[alignment].compute(scores=scores.unsqueeze(1), keep=keep.unsqueeze(1)).squeeze(1)
    loss = disagreement(scores, weights, marked, alignment)
    assert loss.item() >= -1e-9
    loss.sum().backward()
    even = marked / marked.sum(dim=1, keepdim=True).clamp_min(1)
    expected = weights.detach() - even if marked.any() else torch.zeros_like(even)
    torch.testing.assert_close(scores.grad, expected.double(), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("alignment", SPARSE)
def test_shares_are_as_precise_as_the_scores(alignment):
    scores, marked = torch.full((1, 3), 2.0, dtype=torch.float64), torch.ones(1, 3, dtype=torch.bool)
    assert abs(disagreement(scores, torch.full_like(scores, 1 / 3), marked, alignment).item()) < 1e-12


@pytest.mark.parametrize("alignment", SPARSE)
def test_a_sparse_alignment_that_agrees_with_the_marks_loses_nothing(alignment):
    scores, marked = torch.tensor([[9.0, 9.0, -9.0]]), torch.tensor([[True, True, False]])
    weights = ALIGNMENTS[alignment].compute(scores=scores.unsqueeze(1), keep=torch.ones(1, 1, 3, dtype=torch.bool))
    assert disagreement(scores, weights.squeeze(1), marked, alignment).item() == pytest.approx(0, abs=1e-6)


@settings(deadline=None)
@given(case=scored())
def test_the_fenchel_young_loss_of_softmax_is_the_divergence(case):
    scores, keep, marked = case
    weights = torch.softmax(scores.masked_fill(~keep, -torch.inf), dim=1)
    loss = fenchel_young(scores, weights, marked, lambda p: torch.special.xlogy(p, p).sum(dim=1))
    torch.testing.assert_close(loss, divergence(weights, marked), check_dtype=False, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("alignment", ["global", *SPARSE])
def test_the_ngrams_weigh_as_much_against_the_labels_in_a_long_text_as_in_a_short_one(alignment):
    def ratio(units):
        scores = torch.zeros(1, units, dtype=torch.float64, requires_grad=True)
        keep = torch.ones(1, 1, units, dtype=torch.bool)
        weights = ALIGNMENTS[alignment].compute(scores=scores.unsqueeze(1), keep=keep).squeeze(1)
        half = (torch.arange(units) < units // 2).unsqueeze(0)
        (labels,) = torch.autograd.grad(weights @ (2.0 * half - 1).double().mT, scores, retain_graph=True)
        (evidence,) = torch.autograd.grad(departure(scores, weights, half, alignment), scores)
        return float(-evidence[0, 0] / labels[0, 0])

    assert ratio(8) > 0
    assert ratio(800) == pytest.approx(ratio(8), rel=1e-3)


@pytest.mark.parametrize("alignment", ["global", *SPARSE])
def test_a_text_in_which_no_ngram_speaks_has_neither_loss_nor_gradient(alignment):
    scores = torch.tensor([[1.0, -1.0]], requires_grad=True)
    keep = torch.ones(1, 1, 2, dtype=torch.bool)
    weights = ALIGNMENTS[alignment].compute(scores=scores.unsqueeze(1), keep=keep).squeeze(1)
    loss = departure(scores, weights, torch.zeros(1, 2, dtype=torch.uint8), alignment)
    loss.sum().backward()
    assert loss.item() == 0
    assert (scores.grad == 0).all()


def test_conicity_is_one_for_states_of_one_direction_and_less_for_others():
    same = torch.tensor([[[1.0, 2.0], [2.0, 4.0], [0.5, 1.0], [9.0, -9.0]]])
    assert conicity(same, KEEP).item() == pytest.approx(1)
    right_angle = torch.tensor([[[3.0, 0.0], [0.0, 3.0]]])  # each at 45° to the mean
    assert conicity(right_angle, KEEP[:, :2]).item() == pytest.approx(0.5**0.5)
    assert conicity(torch.zeros(1, 2, 3), KEEP[:, :2]).item() == 0


def test_distance_is_the_mean_squared_length_of_what_lies_between():
    states, vectors = torch.zeros(1, 4, 2), torch.tensor([[[3.0, 4.0], [0.0, 1.0], [0.0, 0.0], [99.0, 0.0]]])
    assert distance(states, vectors, KEEP).item() == pytest.approx(26 / 3)


def test_variation_counts_every_jump_between_real_units():
    weights = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.2, 0.6, 0.2, 0.0], [0.0, 1.0, 0.0, 0.0]])
    torch.testing.assert_close(variation(weights, KEEP.expand(3, 4)), torch.tensor([0.5, 0.8, 2.0]))


@settings(deadline=None)
@given(seed=st.integers(0, 999), time=st.integers(1, 6), extra=st.integers(1, 4))
def test_what_stands_at_padding_changes_none_of_the_losses(seed, time, extra):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.softmax(torch.randn(2, time, generator=generator), dim=1)
    states, vectors = torch.randn(2, 2, time, 3, generator=generator)
    marked = torch.rand(2, time, generator=generator) < 0.5
    keep = torch.ones(2, time, dtype=torch.bool)
    junk = torch.randn(2, extra, 3, generator=generator)
    wide, longer = torch.nn.functional.pad(keep, (0, extra)), torch.nn.functional.pad(weights, (0, extra))
    long_states, long_vectors = torch.cat([states, junk], dim=1), torch.cat([vectors, 2 * junk], dim=1)
    pairs = [
        (divergence(weights, marked), divergence(longer, torch.nn.functional.pad(marked, (0, extra)))),
        (conicity(states, keep), conicity(long_states, wide)),
        (distance(states, vectors, keep), distance(long_states, long_vectors, wide)),
        (variation(weights, keep), variation(longer, wide)),
    ]
    for short, long in pairs:
        torch.testing.assert_close(short, long)


def corpus_of(texts, rationales, labels=None):
    return Corpus(
        texts=texts,
        label_lists=[(label,) for label in labels or ["a"] * len(texts)],
        weights=None,
        locations=(),
        multi_label=False,
        bad=(),
        description="",
        rationales=rationales,
    )


@pytest.mark.parametrize("unit", ["word", "subword", "character"])
def test_marks_fall_on_the_units_that_share_a_character_with_the_evidence(unit):
    texts = ["Can't say: <user> is late", "漢字 late", "", "is late", "late"]
    rationales = [((11, 17),), ((1, 2), (3, 7)), (), None, ((0, 4),)]
    tokenizer = Tokenizer.learn(texts * 3, unit=unit, vocabulary=200, min_frequency=1, lowercase=True, max_length=14)
    tokens = tokenizer.encode(texts).filled(tokenizer.blank)
    marked = marked_tokens(corpus_of(texts, rationales), tokenizer, tokens)
    assert marked.offsets.tolist() == tokens.offsets.tolist()
    found = []
    for row, text in enumerate(texts):
        pieces = tokenizer.pieces(text)[: tokenizer.max_length]
        ones = marked.ids[slice(*marked.offsets[row : row + 2])]
        found.append("".join(text[p.start : p.end] for p, one in zip(pieces, ones, strict=False) if one))
    first = "<user" if unit == "character" else "<user>"  # the last character is not read
    assert found == [first, "字late", "", "", "late"]


SMALLEST = {
    "text": {"max_length": 12, "min_frequency": 1},
    "model": {"embedding": {"dim": 8, "dropout": 0.0}, "encoder": {"hidden": 4}, "dropout": 0.0},
    "training": {"epochs": 8, "min_steps": 0, "learning_rate": 0.03, "valid_fraction": 0.25},
}
FILLERS = ["well", "so", "then", "there", "now", "here"]
WITHOUT = {"training": {"attention": {"rationale": 0.0}}}


@pytest.fixture(scope="module")
def rows():
    """Texts in which two words tell the label, and a person marked the second of them in two of three rows."""
    generator = np.random.default_rng(0)
    made = []
    for number in range(120):
        good = number % 2 == 0
        words = [*generator.choice(FILLERS, 6), "fine" if good else "dull", "sun" if good else "rain"]
        words = [str(word) for word in generator.permutation(words)]
        marked = [word in ("sun", "rain") for word in words] if number % 3 else None
        made.append({"text": " ".join(words), "label": "good" if good else "bad", "rationale": marked})
    return made


@pytest.fixture
def learned(rows, tmp_path, one_thread):
    """Train a network on the rows; return it, and its attention (rows, words), for texts are equally long."""
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]

    def learned(changes=None, rationales="as marked"):
        spans = [spans_of(row["rationale"] if rationales == "as marked" else None, row["text"]) for row in rows]
        corpus = corpus_of(texts, None if rationales == "no column" else spans, labels)
        config = Config.from_dict(merged(SMALLEST, changes or {}))
        names = LabelSet.from_lists(corpus.label_lists, multi_label=False)
        torch.manual_seed(0)
        tokenizer = Tokenizer.learn(texts, **dataclasses.asdict(config.text))
        given = Examples.of(corpus, tokenizer, names, char_ngrams=False)
        if corpus.rationales is not None:
            given = dataclasses.replace(given, evidence=marked_tokens(corpus, tokenizer, given.tokens))
        network, config = build(config, tokenizer, len(names), str)
        weights = label_weights(config, names, given)
        data = PreparedData(config=config, examples=given, validation=given, network=network, label_weights=weights)
        Trainer(data, torch.device("cpu")).fit()
        with torch.no_grad():
            output = network(*map(torch.from_numpy, given.batch(np.arange(len(rows)))))
        return network, output.weights.numpy()

    return learned


def test_attention_goes_where_people_marked_also_in_rows_that_nobody_marked(learned, rows):
    additive = {"model": {"attention": {"score": "additive"}}}
    words = np.array([row["text"].split() for row in rows])
    unmarked = np.array([row["rationale"] is None for row in rows])
    there = np.isin(words, ["sun", "rain"]) & unmarked[:, None]
    _, on = learned(additive)
    _, off = learned(merged(additive, WITHOUT))
    assert on[there].mean() > 0.8
    assert off[there].mean() < 0.7


def test_rows_without_rationale_learn_as_if_there_were_no_such_column(learned):
    networks = [learned(rationales=kind)[0].state_dict() for kind in ("nobody marked any", "no column")]
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())


def test_smoothness_makes_neighbours_weigh_alike(learned):
    jumps = [
        np.abs(np.diff(learned(merged(WITHOUT, {"training": {"attention": {"smoothness": weight}}}))[1])).sum(axis=1)
        for weight in (0.0, 5.0)
    ]
    assert jumps[1].mean() < 0.5 * jumps[0].mean()


def test_diversity_and_tying_change_the_states(learned, rows):
    def figures(**asked):
        network, _ = learned(merged(WITHOUT, {"training": {"attention": asked}}))
        ids = torch.randint(2, 12, (50, 8), generator=torch.Generator().manual_seed(0))
        vectors, lengths = network.embedding(ids), torch.full((50,), 8)
        reading = network.read(vectors, lengths)
        alike, apart = conicity(reading.states, reading.keep), distance(reading.states, vectors, reading.keep)
        return alike.mean().item(), (apart.mean() / vectors.square().sum(dim=2).mean()).item()

    free, diverse, tied = figures(), figures(diversity=2.0), figures(tying=2.0)
    assert diverse[0] < 0.7 * free[0]
    assert tied[1] < 0.5 * free[1]


def test_an_alignment_that_gives_some_units_nothing_learns_too(learned):
    _, weights = learned({"model": {"attention": {"score": "additive", "alignment": "sparsemax"}}})
    assert np.isfinite(weights).all()


def attended(rows, config, tmp_path):
    """Return the mean attention that a model trained on unmarked rows gives to each word that tells the label."""
    data = write(tmp_path / "rows.jsonl", [{**row, "rationale": None} for row in rows])
    train(data, tmp_path / "out", config=config, device="cpu", baseline=False, force=True, say=str)
    texts = [row["text"] for row in rows]
    weights = np.stack([one.attention for one in Classifier.load(tmp_path / "out").predict(texts)])
    words = np.array([text.split() for text in texts])
    return [weights[words == word].mean() for word in ("fine", "dull", "sun", "rain")]


GUIDED = merged(SMALLEST, {"model": {"attention": {"score": "additive"}, "ngrams": {"features": 200}}})
UNGUIDED = merged(GUIDED, {"training": {"attention": {"ngrams": 0.0}}})


@pytest.mark.usefixtures("exporting")
def test_attention_goes_where_the_ngrams_tell_the_label(rows, tmp_path):
    guided, unguided = (attended(rows, Config.from_dict(settings_), tmp_path) for settings_ in (GUIDED, UNGUIDED))
    assert sum(guided) / 2 > 0.9  # of each pair of words a text has one
    assert sum(unguided) / 2 < 0.75


@pytest.mark.usefixtures("exporting", "unexported")
def test_where_people_marked_the_ngrams_say_nothing(rows, tmp_path):
    data, weights = write(tmp_path / "rows.jsonl", rows), []
    for name, settings_ in (("guided", GUIDED), ("unguided", UNGUIDED)):
        out = tmp_path / name
        train(data, out, config=Config.from_dict(settings_), device="cpu", baseline=False, say=str)
        weights.append((out / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"training": {"attention": {"ngrams": 0.0}}},
        {"training": {"attention": {"weights": "uniform"}}},
        {"model": {"attention": {"alignment": "hard"}}},
        {"model": {"ngrams": {"features": 0}}},
    ],
)
def test_ngrams_guide_attention_only_where_there_are_some_and_where_it_learns(changes):
    asked = Config.from_dict(merged({"model": {"ngrams": {"features": 10}}}, changes))
    assert asked.learns_from_ngrams == (not changes)


def write(path, rows, **renamed):
    lines = [{renamed.get(name, name): value for name, value in row.items()} for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


class KilledError(Exception):
    pass


@pytest.mark.usefixtures("exporting", "unexported")
def test_a_run_with_all_of_it_is_resumed_as_if_nothing_had_happened_and_only_with_the_same_rationales(rows, tmp_path):
    asked = {"diversity": 0.2, "tying": 0.1, "smoothness": 0.1}
    config = Config.from_dict(merged(SMALLEST, {"training": {"epochs": 4, "adversarial": 0.5, "attention": asked}}))
    marked = write(tmp_path / "rows.jsonl", rows)
    unmarked = write(tmp_path / "unmarked.jsonl", [{**row, "rationale": None} for row in rows])

    def run(data, out, **arguments):
        train(data, out, config=config, device="cpu", baseline=False, **{"say": str, **arguments})
        return (out / "weights.safetensors").read_bytes()

    def fall(progress):
        if progress.epoch == 3:
            raise KilledError

    whole = run(marked, tmp_path / "whole")
    with pytest.raises(KilledError):
        run(marked, tmp_path / "out", watch=fall)
    with pytest.raises(TrainingError, match="belongs to a run with other data or settings"):
        run(unmarked, tmp_path / "out", resume=True)
    assert run(marked, tmp_path / "out", resume=True) == whole


@pytest.mark.usefixtures("exporting", "unexported")
def test_a_column_by_another_name_is_read_when_asked_for_and_of_training_rows_only(rows, tmp_path):
    said = []
    valid = write(tmp_path / "valid.jsonl", [{"text": row["text"], "label": row["label"]} for row in rows])
    train(
        write(tmp_path / "rows.jsonl", rows, rationale="why"),
        tmp_path / "out",
        sources=Sources(valid=valid, options=ReadOptions(rationale_column="why")),
        config=Config.from_dict(merged(SMALLEST, {"training": {"epochs": 1}})),
        device="cpu",
        baseline=False,
        say=said.append,
    )
    assert "rationale = 'why' (evidence in 80 rows)" in said[0]
    assert "rationale" not in said[1]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"training": {"attention": {"rationale": 0.0}}}, "training.attention.rationale is 0"),
        ({"model": {"attention": {"alignment": "hard"}}}, "with alignment 'hard' has no weights that could"),
        ({"model": {"architecture": "feature-gate"}}, "architecture 'feature-gate' with"),
    ],
)  # fmt: skip
def test_asking_for_rationales_that_teach_nothing_is_refused(changes, problem, tmp_path):
    config, sources = Config.from_dict(changes), Sources(options=ReadOptions(rationale_column="rationale"))
    with pytest.raises(ConfigError, match=problem):
        train("rows.jsonl", tmp_path / "out", sources=sources, config=config)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"training": {"attention": {"diversity": -1.0}}}, "training.attention.diversity is -1.0; set it between"),
        ({"training": {"attention": {"tying": 1.0}}, "model": {"encoder": {"hidden": 32}}},
         "states of width 64 with vectors of width 128; set model.embedding.dim=64"),
        ({"training": {"attention": {"tying": 1.0}}, "model": {"encoder": {"output": "states+vectors"}}},
         "vectors of tokens that are concatenated with them already; leave it out, or set model.encoder.output=states"),
        ({"training": {"attention": {"smoothness": 1.0}}, "model": {"attention": {"alignment": "hard"}}},
         "alignment 'hard' gives all of it to one token"),
        ({"training": {"attention": {"diversity": 1.0}}, "model": {"architecture": "feature-gate"}},
         "training.attention.diversity is about states that are pooled, which architecture 'feature-gate' does not do"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_any_data_is_read(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        Config.from_dict(changes)


def test_self_attention_ties_states_as_wide_as_its_vectors():
    settings = {"model": {"architecture": "self-attention"}, "training": {"attention": {"tying": 1.0}}}
    assert dataclasses.asdict(Config.from_dict(settings))["training"]["attention"]["tying"] == 1.0
