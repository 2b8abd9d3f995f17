"""Self-training: texts without labels are given some, and what is learned from both is kept."""

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnclf.config import Config, merged
from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.training_set import Sources
from attnclf.errors import TrainingError
from attnclf.runtime.classifier import Classifier
from attnclf.text.ragged import Ragged
from attnclf.training import ngrams
from attnclf.training.examples import Examples
from attnclf.training.limits import Interrupted
from attnclf.training.pipeline import train
from attnclf.training.preparation import label_weights
from attnclf.training.self_training import PseudoLabels

PRAISE, BLAME = ("splendid", "lovely", "superb"), ("dreadful", "shabby", "awful")
NOUNS = ("room", "meal", "view", "bed", "staff", "garden", "desk", "door")


def stated(*rows):
    return torch.log(torch.tensor(rows))


def test_the_label_is_the_most_probable_and_weighs_as_much_as_it_is_surer_than_a_guess():
    taught = PseudoLabels.of(stated([0.25, 0.25, 0.25, 0.25], [0.1, 0.7, 0.1, 0.1], [0.0, 0.0, 0.0, 1.0]), None, [])
    assert taught.targets.tolist()[1:] == [1, 3]
    assert taught.weights.tolist() == pytest.approx([0, 0.6, 1], abs=1e-6)


def test_several_labels_are_those_above_their_thresholds_and_weigh_as_much_as_each_of_them_is_sure():
    logits = torch.logit(torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.6, 1.0]]))
    taught = PseudoLabels.of(logits, np.array([0.55, 0.3]), [])
    assert taught.targets.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert taught.weights.tolist() == pytest.approx([0, 0.8, 0.6], abs=1e-6)


@given(rows=st.lists(st.lists(st.floats(-60, 60, width=32), min_size=3, max_size=3), min_size=1), several=st.booleans())
def test_no_text_weighs_less_than_nothing_or_more_than_a_row(rows, several):
    texts = ["a text"] * len(rows)
    taught = PseudoLabels.of(torch.tensor(rows, dtype=torch.float32), np.full(3, 0.5) if several else None, texts)
    assert ((taught.weights >= 0) & (taught.weights <= 1 + 1e-6)).all()
    back = PseudoLabels.from_state(taught.state_dict())
    assert back.texts == texts
    assert (back.targets == taught.targets).all()
    assert (back.weights == taught.weights).all()


@pytest.mark.parametrize("weights", [None, np.array([2.0], np.float32)])
def test_texts_stand_behind_the_rows_with_their_labels_and_weights(weights):
    rows = Corpus(["own"], [("a",)], weights, ["row 1"], False, (), "rows", [None])
    taught = PseudoLabels(
        texts=["first", "second"], targets=np.array([1, 0]), weights=np.array([0.5, 0.25], np.float32)
    )
    both = taught.appended_to(rows, LabelSet(("a", "b"), False))
    assert both.texts == ["own", "first", "second"]
    assert both.label_lists == [("a",), ("b",), ("a",)]
    assert both.weights.tolist() == ([1.0, 0.5, 0.25] if weights is None else [2.0, 1.0, 0.5])
    assert both.rationales == [None, None, None]


def texts(words):
    return [f"{one} {noun} and {other} {noun}" for noun in NOUNS for one in words for other in words if one != other]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Rows that know one word of praise and one of blame, and texts in which these stand beside others."""
    folder = tmp_path_factory.mktemp("hotel")
    rows = [(f"{PRAISE[0]} {noun}", "praise") for noun in NOUNS] + [(f"{BLAME[0]} {noun}", "blame") for noun in NOUNS]
    for name, form in {"rows": lambda label: {"label": label}, "lists": lambda label: {"labels": [label]}}.items():
        lines = [json.dumps({"text": text, **form(label)}) + "\n" for text, label in 4 * rows]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    (folder / "more.txt").write_text("\n".join(texts(PRAISE) + texts(BLAME)))
    return folder


@pytest.fixture
def run(exporting, files, small):
    """Train on the rows and the texts, with changes to the settings of a training."""

    def run(out, rows="rows.jsonl", unlabeled=files / "more.txt", **arguments):
        changes = {"epochs": 3, "min_steps": 1, "pretraining": 1, **arguments.pop("changes", {})}
        network = {"embedding": {"start": "cooccurrence"}}
        config = Config.from_dict(merged(small, {"model": network, "training": changes}))
        sources = Sources(unlabeled=None if unlabeled is None else str(unlabeled))
        settings = {"config": config, "device": "cpu", "baseline": False, "say": str, **arguments}
        return train(str(files / rows), out, sources=sources, **settings)

    return run


def praised(folder, words):
    """The mean probability of praise of texts with these words."""
    model = Classifier.load(folder, device="cpu")
    stated = model.predict_proba([f"{word} {noun}" for word in words for noun in NOUNS])
    return float(stated[:, model.labels.index("praise")].mean())


def test_words_that_no_row_has_are_learned_from_the_company_they_keep(run, tmp_path, in_session):
    changes = {"epochs": 8, "pretraining": 0}
    run(tmp_path / "twice", changes=changes)
    run(tmp_path / "once", changes={**changes, "self_training": False})
    gap = {
        name: praised(tmp_path / name, PRAISE[1:]) - praised(tmp_path / name, BLAME[1:]) for name in ("once", "twice")
    }
    assert gap["twice"] > gap["once"] + 0.1
    taught = [json.loads((tmp_path / name / "attnclf.json").read_text())["training"]["taught"] for name in gap]
    assert taught == [0, 96]
    told = in_session("info", "--model", tmp_path / "twice").stdout
    assert "on 56 rows and 96 texts that it labelled itself" in " ".join(told.split())
    assert "56 rows and 96 texts that it labelled itself" in (tmp_path / "twice" / "README.md").read_text()


def test_rows_of_several_labels_are_joined_by_texts_too(unexported, run, tmp_path):
    said = []
    run(tmp_path / "out", "lists.jsonl", say=said.append)
    assert any(line.startswith("Self-training: pseudo-labelled 96 texts without labels") for line in said)


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


class KilledError(Exception):
    pass


def test_a_run_cut_off_while_it_learns_again_ends_as_if_nothing_had_happened(unexported, run, tmp_path):
    seen = []
    run(tmp_path / "whole", watch=lambda progress: seen.append((progress.before, progress.step)))
    steps = [before + step for before, step in seen if step]
    assert len({before for before, _ in seen}) == 2
    learning = steps[seen.index(next(one for one in seen if one[0])) :]
    assert learning == sorted(learning)

    def fall(progress):
        if progress.before and progress.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "out", watch=fall)
    again = []
    run(tmp_path / "out", resume=True, watch=lambda progress: again.append(progress.before))
    assert min(again) > 0  # the first training is not repeated
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def test_what_was_learned_first_is_kept_where_the_second_training_is_cut_short(unexported, run, tmp_path):
    run(tmp_path / "once", changes={"self_training": False})
    interrupted, said = Interrupted(), []

    def stop(progress):
        interrupted.requested = progress.before > 0 and progress.step == 1

    finished = run(tmp_path / "out", watch=stop, interrupted=interrupted, say=said.append)
    assert finished.outcome.ending == "interrupted"
    assert any(line.endswith("the first model is kept") for line in said)
    assert weights(tmp_path / "out") == weights(tmp_path / "once")
    assert (tmp_path / "out.training" / "checkpoint.pt").exists()


def test_the_first_training_is_not_forgotten_by_a_run_that_goes_on(unexported, run, tmp_path):
    run(tmp_path / "once", changes={"self_training": False})
    for resume in (False, True):
        interrupted = Interrupted()

        def stop(progress, interrupted=interrupted):
            interrupted.requested = progress.before > 0

        run(tmp_path / "out", watch=stop, interrupted=interrupted, resume=resume)
        assert weights(tmp_path / "out") == weights(tmp_path / "once")
        (tmp_path / "out" / "weights.safetensors").unlink()
        (tmp_path / "out").rmdir()


def test_what_was_learned_first_is_kept_where_the_texts_are_of_another_kind(unexported, run, tmp_path):
    noise = np.random.default_rng(0).choice(PRAISE[1:] + BLAME[1:] + NOUNS, (2000, 4))
    (tmp_path / "more.txt").write_text("\n".join(map(" ".join, noise)))
    said = []
    learning = {"unlabeled": str(tmp_path / "more.txt"), "say": said.append}
    run(tmp_path / "once", **learning, changes={"self_training": False})
    run(tmp_path / "out", **learning)
    losses = re.search(r"validation loss ([\d.]+) before, ([\d.]+) after; the (\w+)", "\n".join(said))
    assert float(losses[2]) > float(losses[1])
    assert losses[3] == "first"
    assert weights(tmp_path / "out") == weights(tmp_path / "once")


def test_texts_of_rows_are_not_given_labels(unexported, run, tmp_path, files):
    own = [json.loads(line)["text"] for line in (files / "rows.jsonl").read_text().splitlines()]
    (tmp_path / "more.txt").write_text("\n".join([*own, f"{own[0]}  ", "another text", *own]))
    said, seen = [], []
    run(
        tmp_path / "out",
        unlabeled=str(tmp_path / "more.txt"),
        say=said.append,
        watch=lambda progress: seen.append(progress.before),
    )
    assert any(line.startswith("Self-training: pseudo-labelled 1 text without labels") for line in said)
    (tmp_path / "more.txt").write_text("\n".join(own))
    said.clear()
    seen.clear()
    run(
        tmp_path / "out2",
        unlabeled=str(tmp_path / "more.txt"),
        say=said.append,
        watch=lambda progress: seen.append(progress.before),
    )
    assert set(seen) == {0}
    assert not any(line.startswith("Self-training") for line in said)


def test_the_weights_of_labels_are_those_of_the_rows(small):
    labels = LabelSet(("a", "b"), False)
    config = Config.from_dict(merged(small, {"training": {"class_weights": "balanced"}}))
    examples = Examples(
        tokens=Ragged.of([np.array([2])] * 6),
        targets=np.array([0, 0, 0, 1, 0, 0]),
        weights=np.ones(6, np.float32),
        vocabulary=3,
        unknown=None,
        pseudo_labels=2,
    )
    assert label_weights(config, labels, examples).tolist() == pytest.approx([4 / 6, 2])


def test_where_a_sample_is_learned_from_no_true_label_is_left_out(monkeypatch):
    monkeypatch.setattr(ngrams, "MOST", 400)
    examples = Examples(
        tokens=Ragged.of([np.array([2, 3])] * 1000),
        targets=np.arange(1000) % 2,
        weights=np.arange(1000).astype(np.float32),
        vocabulary=4,
        unknown=[],
        pseudo_labels=950,
    )
    grams = ngrams.TokenGrams.of(["", "", "a", "b"])
    tokens, _, rows = ngrams._sample(examples, grams, 2)
    assert 50 < len(tokens) < 200
    assert set(range(50)) <= set(rows.astype(int).tolist())


def test_other_texts_are_not_gone_on_with(unexported, run, tmp_path, files):
    def fall(progress):
        if progress.before:
            raise KilledError

    with pytest.raises(KilledError):
        run(tmp_path / "out", watch=fall)
    before = (files / "more.txt").read_text()
    (files / "more.txt").write_text(before.replace("garden", "bed"))
    try:
        with pytest.raises(TrainingError, match="other data or settings"):
            run(tmp_path / "out", resume=True)
    finally:
        (files / "more.txt").write_text(before)


def test_half_of_a_time_limit_is_for_each_training(unexported, run, tmp_path, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr("attnclf.training.trainer.time.monotonic", lambda: float(next(clock)))
    seen = []
    finished = run(
        tmp_path / "out",
        changes={"epochs": 1000, "pretraining": 0, "patience": 1000, "time_limit": 200.0},
        watch=lambda progress: seen.append((progress.before, progress.seconds)),
    )
    assert finished.outcome.ending == "time limit"
    first, second = ([seconds for before, seconds in seen if bool(before) is later] for later in (False, True))
    assert 100 <= first[-1] < 110
    assert 200 <= second[-1] < 210
