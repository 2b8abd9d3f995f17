import json
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from attnclf.evaluation import metrics
from attnclf.evaluation.report import Baseline, Report

CHINESE = ("体育新闻", "财经", "科技与互联网发展", "娱乐")
MANY = tuple(f"card_payment_not_recognised_{number}" for number in range(77))
HISTORY = [
    {
        "epoch": epoch,
        "step": 10 * epoch,
        "train_loss": 1 / epoch,
        "valid_loss": 1.2 / epoch,
        "valid_score": score,
        "seconds": 4.0 * epoch,
    }
    for epoch, score in enumerate((0.71, 0.83, 0.82), start=1)
]


def scored(names, rows, wrong, unknown=0):
    """Rows whose labels take turns; the first `wrong` are given the next label, the last `unknown` have no label."""
    true = np.arange(rows) % len(names)
    predicted = np.where(np.arange(rows) < wrong, (true + 1) % len(names), true)
    probabilities = np.full((rows, len(names)), 0.2 / (len(names) - 1), np.float32)
    probabilities[np.arange(rows), predicted] = 0.8
    true[rows - unknown :] = -1
    return metrics.single(true, probabilities, names)


def several(rows, wrong):
    true = np.tile([1, 0, 1], (rows, 1))
    probabilities = np.where(true == 1, 0.9, 0.1).astype(np.float32)
    probabilities[:wrong, 0] = 0.2
    return metrics.multi(true, probabilities, ("радость", "[bold]грусть", "страх"), probabilities >= 0.5)


def against(ours, theirs, split="test"):
    return Report(title="m", splits={split: ours}, baseline=Baseline(splits={split: theirs}, seconds=3.2))


def drawn(report, width, **settings):
    console = Console(width=width, force_terminal=False, record=True, **settings)
    with console.capture() as capture:
        console.print(report)
    return capture.get()


# The verdict


def test_the_verdict_counts_points_above_the_baseline():
    verdict = against(scored(CHINESE, 1000, 100), scored(CHINESE, 1000, 119)).verdict
    assert verdict == "1.9 points above TF-IDF + logistic regression (accuracy, test)."


def test_the_verdict_says_when_the_baseline_is_better_and_what_to_do():
    verdict = against(scored(CHINESE, 1000, 160), scored(CHINESE, 1000, 100)).verdict
    assert verdict.startswith("The linear baseline is 6.0 points better on this data (accuracy, test); try ")


def test_the_verdict_admits_that_few_rows_prove_nothing():
    assert "100 rows are too few to be sure" in against(scored(CHINESE, 100, 10), scored(CHINESE, 100, 12)).verdict
    assert "too few" not in against(scored(CHINESE, 100, 10), scored(CHINESE, 100, 40)).verdict


def test_equal_scores_are_level():
    verdict = against(scored(CHINESE, 100, 10), scored(CHINESE, 100, 10), split="valid").verdict
    assert verdict == "Level with TF-IDF + logistic regression (accuracy, valid), which learns in 3 s."


def test_a_multi_label_verdict_compares_micro_f1():
    ours, theirs = several(300, 0), several(300, 90)
    points = 100 * (ours.micro_f1 - theirs.micro_f1)
    assert against(ours, theirs).verdict == f"{points:.1f} points above TF-IDF + logistic regression (micro-F1, test)."


def test_a_skipped_baseline_gives_its_reason_and_one_never_asked_for_is_not_mentioned():
    splits = {"test": scored(CHINESE, 100, 10)}
    reason = Report(title="m", splits=splits, baseline="too many characters").verdict
    assert reason == "No comparison with a linear baseline: too many characters."
    assert "linear" not in drawn(Report(title="m", splits=splits), 80)


def test_the_details_are_of_the_test_split_or_else_of_the_last():
    one, other = scored(CHINESE, 100, 10), scored(CHINESE, 200, 10)
    assert Report(title="m", splits={"test": one, "valid": other}).split == "test"
    assert Report(title="m", splits={"train": one, "valid": other}).split == "valid"


# On the terminal


def chinese():
    return Report(
        title="新闻",
        splits={"valid": scored(CHINESE, 200, 30), "test": scored(CHINESE, 1000, 100, unknown=7)},
        baseline=Baseline(splits={"valid": scored(CHINESE, 200, 34), "test": scored(CHINESE, 1000, 140)}, seconds=3.2),
        history=HISTORY,
    )


def many():
    return Report(title="m", splits={"test": scored(MANY, 3080, 400)}, baseline="it is large", history=HISTORY)


@pytest.mark.parametrize("width", [40, 60, 100])
@pytest.mark.parametrize("report", [chinese(), many(), against(several(50, 9), several(50, 20))])
def test_no_line_is_wider_than_the_terminal(report, width):
    assert max(cell_len(line) for line in drawn(report, width).splitlines()) <= width


def test_without_colour_there_are_no_escape_codes():
    assert "\x1b" not in drawn(chinese(), 60)


def test_the_summary_puts_the_baseline_under_each_split():
    lines = [line.split() for line in drawn(chinese(), 60).splitlines()]
    place = next(number for number, line in enumerate(lines) if line[:3] == ["test", "(1,000", "rows)"])
    assert (lines[place][3], lines[place][5]) == ("89.3", "0.093")
    assert lines[place + 1] == ["linear", "baseline", "86.0", "86.0", "0.060"]


def test_columns_line_up_under_wide_characters():
    block = re.search(r"label +precision.*?\n\n", drawn(chinese(), 60), re.DOTALL).group()
    assert len({cell_len(line) for line in block.strip().splitlines()}) == 1


def test_the_confusion_matrix_is_written_out_for_few_labels():
    text = drawn(chinese(), 60)
    assert re.search(r"1 体育新闻 +224 +25 +· +·", text)
    assert "Most frequent" not in text


def test_many_labels_show_the_weakest_and_the_most_frequent_confusions():
    text = drawn(many(), 100)
    assert "The 10 weakest of 77 labels" in text
    assert "card_payment_not_recognised_0 → card_payment_not_recognised_1 6 times" in text
    assert text.count(" times") == 10


def test_long_labels_stay_apart_on_a_narrow_terminal():
    lines = [line for line in drawn(many(), 60).splitlines() if "…" in line]
    assert len({line.split()[0] for line in lines}) == len(lines) > 0


def test_a_model_without_mistakes_lists_no_confusions():
    assert "confusions" not in drawn(Report(title="m", splits={"test": scored(MANY, 770, 0)}), 100)


def test_unknown_labels_and_the_best_epoch_are_told():
    text = drawn(chinese(), 100)
    assert "7 test rows have labels the model has never seen" in text
    assert "Best epoch 2 of 3 (validation score 83.0), trained in 12 s." in text


def test_a_label_that_looks_like_markup_is_shown_as_it_is():
    assert "[bold]грусть" in drawn(against(several(50, 9), several(50, 20)), 60)


# As files


def test_writing_makes_every_file_that_applies(tmp_path):
    chinese().write(tmp_path / "report")
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"metrics.json", "report.md", "learning_curve.svg", "confusion.svg", "reliability.svg"}


def test_a_multi_label_model_with_no_history_has_neither_matrix_nor_curve(tmp_path):
    against(several(50, 9), several(50, 20)).write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json", "report.md", "reliability.svg"}


def test_every_picture_in_the_markdown_is_there_and_every_picture_is_in_the_markdown(tmp_path):
    many().write(tmp_path)
    linked = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (tmp_path / "report.md").read_text("utf-8")))
    assert linked == {path.name for path in tmp_path.glob("*.svg")}


def test_the_markdown_lists_every_label_and_escapes_what_would_break_it(tmp_path):
    names = ("a|b", "c*d", "<e>", "f\ng")
    Report(title="m", splits={"test": scored(names, 100, 10)}).write(tmp_path)
    text = (tmp_path / "report.md").read_text("utf-8")
    assert all(f"| {name} |" in text for name in (r"a\|b", r"c\*d", r"\<e>", "f g"))
    many().write(tmp_path)
    text = (tmp_path / "report.md").read_text("utf-8")
    assert len(re.findall(r"^\| card", text, re.MULTILINE)) == 77


def test_the_json_is_strict_and_holds_what_the_report_says(tmp_path):
    history = [HISTORY[0] | {"valid_loss": float("nan")}]
    report = Report(title="m", splits={"test": scored(CHINESE, 100, 10)}, baseline="too large", history=history)
    report.write(tmp_path)
    said = json.loads((tmp_path / "metrics.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert said["splits"]["test"]["accuracy"] == pytest.approx(0.9)
    assert said["baseline"] == {"skipped": "too large"}
    assert said["history"][0]["valid_loss"] is None
