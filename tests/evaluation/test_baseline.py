import json
from pathlib import Path

import numpy as np
import pytest

from attnclf.training import baseline

DATA = Path(__file__).parents[3] / "shared" / "data"
COLOURS, SIZES = ("red", "green", "blue"), ("small", "large")


def colours(rows, seed):
    """Sentences of one colour word among filler, and the colour's number."""
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, rows)
    filler = random.integers(0, 40, (rows, 5))
    return [" ".join([*(f"w{k}" for k in words), COLOURS[t]]) for words, t in zip(filler, true, strict=True)], true


def test_a_word_that_gives_the_label_away_is_learned():
    splits = {"valid": colours(60, 1), "test": colours(200, 2)}
    learned = baseline.fit_and_score(colours(300, 0), splits, COLOURS)
    assert learned.splits.keys() == splits.keys()
    assert learned.splits["test"].rows == 200
    assert learned.splits["test"].accuracy > 0.97
    assert learned.seconds > 0


def test_rows_set_apart_are_learned_from_before_other_splits_are_scored():
    train, valid, test = colours(8, 0), colours(300, 1), colours(200, 2)
    whole = train[0] + valid[0], np.concatenate([train[1], valid[1]])
    splits = {"valid": valid, "test": test}
    before, after = (baseline.fit_and_score(train, splits, COLOURS, **more).splits for more in ({}, {"whole": whole}))
    assert after["valid"].accuracy == before["valid"].accuracy < 0.9
    assert after["test"].accuracy > 0.97 > before["test"].accuracy


def test_a_label_without_training_rows_keeps_its_place():
    texts, true = colours(300, 0)
    kept = [k for k in range(300) if true[k] != 1]
    train = [texts[k] for k in kept], true[kept]
    learned = baseline.fit_and_score(train, {"test": colours(200, 2)}, COLOURS).splits["test"]
    assert learned.per_label[1].predicted == 0
    assert [learned.per_label[k].recall for k in (0, 2)] == pytest.approx([1, 1], abs=0.05)


def test_several_labels_at_once_are_learned_with_a_threshold_tuned_on_validation():
    def both(rows, seed):
        texts, true = colours(rows, seed)
        sizes = np.random.default_rng(seed + 100).integers(0, 2, (rows, 2))
        marked = [
            " ".join([text, *(name for name, on in zip(SIZES, row, strict=True) if on)])
            for text, row in zip(texts, sizes, strict=True)
        ]
        return marked, np.concatenate([np.eye(3, dtype=int)[true], sizes], axis=1)

    learned = baseline.fit_and_score(both(300, 0), {"valid": both(80, 1), "test": both(200, 2)}, COLOURS + SIZES)
    assert learned.splits["test"].confusion is None
    assert learned.splits["test"].micro_f1 > 0.95


def test_a_label_that_every_row_or_no_row_has_does_not_stop_it():
    texts, true = colours(100, 0)
    labels = np.stack([true == 0, np.ones(100), np.zeros(100)], axis=1).astype(int)
    learned = baseline.fit_and_score((texts, labels), {"valid": (texts, labels)}, ("red", "always", "never"))
    assert [label.f1 for label in learned.splits["valid"].per_label] == pytest.approx([1, 1, 0])


def test_a_single_label_that_a_row_has_or_has_not_is_learned():
    (texts, true), (others, answers) = colours(300, 0), colours(100, 1)
    splits = {"valid": (others, (answers == 2).astype(int)[:, None])}
    learned = baseline.fit_and_score((texts, (true == 2).astype(int)[:, None]), splits, ("blue",))
    assert learned.splits["valid"].micro_f1 > 0.97


def test_the_same_rows_give_the_same_figures():
    train, splits = colours(200, 0), {"test": colours(100, 1)}
    one, other = (baseline.fit_and_score(train, splits, COLOURS).splits["test"] for _ in range(2))
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize("text", ["👍 👍", "!?", "我", "x"])
def test_texts_without_any_common_word_are_no_problem(text):
    train = [text, "👎", "ok"] * 4, np.array([0, 1, 0] * 4)
    assert baseline.fit_and_score(train, {"test": train}, ("good", "bad")).splits["test"].accuracy > 0.6


def test_words_that_all_differ_in_many_rows_are_no_problem(monkeypatch):
    monkeypatch.setattr(baseline, "RARE_FROM", 5)
    train = [f"{letter * 7}" for letter in "abcdefghijkl"], np.array([0, 1] * 6)
    assert baseline.fit_and_score(train, {"test": train}, ("even", "odd")).splits["test"].rows == 12


def test_large_data_uses_fewer_features_and_still_learns(monkeypatch):
    train, splits = colours(300, 0), {"test": colours(200, 2)}
    monkeypatch.setattr(baseline, "CHARACTERS", sum(map(len, train[0])))
    assert baseline.fit_and_score(train, splits, COLOURS).splits["test"].accuracy > 0.97


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("这部电影很好看", True),
        ("この映画はとても面白い", True),
        ("หนังเรื่องนี้ดีมาก", True),
        ("이 영화는 정말 재미있다", False),
        ("очень хороший фильм", False),
        ("iPhone 用 bonjour tout le monde", False),
        ("123 !!!", False),
    ],
)
def test_scripts_without_spaces_are_recognised(text, answer):
    assert baseline.unspaced([text] * 3) is answer


def test_chinese_is_learned_from_its_characters():
    texts = ["今天股票市场大涨", "球队赢得冠军比赛", "市场股票下跌了", "比赛中球队失利"] * 5
    true = np.array([0, 1, 0, 1] * 5)
    test = ["明天的股票会涨吗", "这支球队真厉害"], np.array([0, 1])
    assert baseline.fit_and_score((texts, true), {"test": test}, ("money", "sport")).splits["test"].accuracy == 1


def test_only_data_above_the_limit_is_skipped_and_the_reason_is_given():
    assert baseline.skipped(baseline.CHARACTERS, 2) is None
    assert "characters of training text are more than" in baseline.skipped(baseline.CHARACTERS + 1, 2)
    assert "1,000 labels are more than" in baseline.skipped(1_000_000, 1_000)


def test_a_question_set_is_classified_as_well_as_linear_models_are_known_to():
    if not (DATA / "trec").exists():
        pytest.skip("needs the shared data sets beside the repository")
    train, test = questions("train"), questions("test")
    names = sorted({row["label"] for row in train})
    splits = [
        ([row["text"] for row in rows], np.array([names.index(row["label"]) for row in rows])) for rows in (train, test)
    ]
    learned = baseline.fit_and_score(splits[0], {"test": splits[1]}, names).splits["test"]
    assert learned.accuracy > 0.88


def questions(split):
    return [json.loads(line) for line in (DATA / "trec" / f"{split}.jsonl").read_text("utf-8").splitlines()]
