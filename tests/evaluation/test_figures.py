import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.evaluation import figures
from attnclf.evaluation.calibration import calibrate

HISTORY = [
    {"epoch": 1, "step": 10, "train_loss": 0.9, "valid_loss": 0.8, "valid_score": 0.61, "seconds": 2.0},
    {"epoch": 2, "step": 20, "train_loss": 0.5, "valid_loss": 0.6, "valid_score": 0.734, "seconds": 4.0},
    {"epoch": 3, "step": 30, "train_loss": 0.3, "valid_loss": 0.7, "valid_score": 0.70, "seconds": 6.0},
]
CALIBRATION = calibrate(np.array([0.2, 0.7, 0.9]), np.array([False, True, True]))


def texts(svg):
    """Every piece of text that an SVG document draws, in order."""
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def square(labels):
    return np.arange(labels * labels).reshape(labels, labels)


def test_the_learning_curve_names_the_best_epoch_and_both_losses():
    said = texts(figures.learning_curve(HISTORY))
    assert "Validation score, %: best 73.4 in epoch 2" in said
    assert {"training", "validation", "epoch"} <= set(said)


def test_a_single_epoch_and_a_missing_loss_are_drawn():
    assert "1" in texts(figures.learning_curve(HISTORY[:1]))
    assert texts(figures.learning_curve([HISTORY[0] | {"valid_loss": float("nan")}]))


@pytest.mark.parametrize(
    "names", [("体育", "财经"), ("жалоба", "отзыв"), ("ردود", "تحية"), ("👍", "👎"), ("$5 & <6>", "$9$")]
)
def test_label_names_of_any_script_stay_text(names):
    said = texts(figures.confusion(square(2), names))
    assert [said.count(name) for name in names] == [2, 2]


def test_the_confusion_figure_writes_counts_while_they_are_legible():
    assert "899" in texts(figures.confusion(square(30), [f"l{k}" for k in range(30)]))
    assert "960" not in texts(figures.confusion(square(31), [f"l{k}" for k in range(31)]))


def test_a_long_label_loses_its_middle_so_that_a_family_of_names_stays_apart():
    said = texts(figures.confusion(square(2), ("card_payment_not_recognised_1", "体" * 40)))
    assert "card_payment_not…nised_1" in said
    assert "体" * 8 + "…" + "体" * 3 in said


def test_more_labels_make_a_larger_figure():
    def width(labels):
        return float(ET.fromstring(figures.confusion(square(labels), ["x"] * labels)).get("width").removesuffix("pt"))

    assert width(5) < width(12) < width(30)
    assert width(31) < width(60) < 1200


def test_the_reliability_figure_states_the_calibration_error():
    assert any(f"{CALIBRATION.ece:.3f}" in text for text in texts(figures.reliability(CALIBRATION)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.learning_curve(HISTORY),
        lambda: figures.confusion(square(3), ("a", "b", "c")),
        lambda: figures.reliability(CALIBRATION),
    ],
)
def test_the_same_figures_make_the_same_bytes_on_a_background_of_their_own(draw):
    svg = draw()
    assert svg == draw()
    assert "<dc:date>" not in svg
    assert "#ffffff" in svg


@settings(deadline=None, max_examples=15)
@given(st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=30), min_size=1, max_size=4))
def test_no_label_name_breaks_the_figure(names):
    assert ET.fromstring(figures.confusion(square(len(names)), names)) is not None


def test_importing_figures_does_not_load_matplotlib():
    code = "import sys, attnclf.evaluation.report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
