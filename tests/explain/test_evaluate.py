"""The figures of `evaluate --explanations` are those of each explanation by itself; its table and picture."""

import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

from attnclf.data import corpus as data
from attnclf.errors import ConfigError, DataError
from attnclf.explain.api import explain
from attnclf.explain.evaluate import chosen, evaluate, sampled
from attnclf.explain.methods import METHODS
from attnclf.explain.metrics.agreement import kendall
from attnclf.explain.perturbation import REMOVALS
from attnclf.explain.render.svg import evaluation
from attnclf.explain.target import targets_for
from attnclf.explain.types.evaluation import FLOOR, SHARES

SVG = "{http://www.w3.org/2000/svg}"
METHODS_HERE = ["attention", "attention-x-gradient", "leave-one-out", "random"]  # the second asks what n-grams add


@pytest.fixture(scope="module")
def texts(tickets):
    return tickets[:20]


@pytest.fixture(scope="module")
def attended(classifier, texts):
    return explain(classifier, texts, method="attention", faithfulness=True)


@pytest.fixture(scope="module")
def found(classifier, texts, attended):
    """People marked what attention looks at most; in the first text nothing, and the second they did not see."""
    tops = [max(one.words, key=lambda word: word.weight) for one in attended]
    rationales = [(), None, *(((top.start, top.end),) for top in tops[2:])]
    return evaluate(classifier, texts, METHODS_HERE, rationales=rationales)


@pytest.mark.parametrize("method", METHODS_HERE)
def test_the_figures_are_the_means_of_those_of_each_explanation(classifier, texts, found, method):
    alone = [one.faithfulness for one in explain(classifier, texts, method=method, faithfulness=True)]
    for removal in REMOVALS:
        worth = found.methods[method]
        for name, means in (("comprehensiveness", worth.comprehensiveness), ("sufficiency", worth.sufficiency)):
            mean, low, high = means[removal]
            assert mean == pytest.approx(np.mean([getattr(one.figures[removal], name) for one in alone]), abs=1e-5)
            assert low <= mean <= high


def test_the_curve_falls_from_the_label_of_the_text_to_that_of_nothing(classifier, attended, found):
    full = np.mean([one.score for one in attended])
    blank = classifier.predict_proba([""])[0]
    ends = np.mean([blank[classifier.labels.index(one.label)] for one in attended])
    for worth in found.methods.values():
        assert len(worth.left) == 1 + len(SHARES)
        assert worth.left[0] == pytest.approx(full, abs=1e-5)
        assert worth.left[-1] == pytest.approx(ends, abs=1e-5)
    half = 1 + SHARES.index(0.5)
    assert found.methods["leave-one-out"].left[half] < found.methods[FLOOR].left[half]


def test_tau_is_between_the_sizes_of_the_weights_of_units(classifier, texts, found):
    from attnclf.explain.perturbation import PerturbationScorer

    encoded = classifier.encoded(texts)
    targets = targets_for(classifier, encoded, classifier.predict(texts))
    left_out = METHODS["leave-one-out"].weigh(targets, PerturbationScorer.of(classifier, encoded))
    expected = [
        kendall(target.prediction.attention, np.abs(weights.values))
        for target, weights in zip(targets, left_out, strict=True)
    ]
    assert found.methods["attention"].tau.mean == pytest.approx(np.mean(expected), abs=0.02)
    assert found.methods["leave-one-out"].tau is None
    assert found.methods[FLOOR].tau.mean == pytest.approx(0, abs=0.2)


def test_a_method_that_points_at_what_people_marked_is_perfectly_plausible(found):
    assert (found.texts, found.marked) == (20, 18)
    perfect = found.methods["attention"].plausible
    assert perfect.auprc == (1, 1, 1)
    assert perfect.token_f1.mean > 0.8  # of a long text two words are chosen
    assert found.methods[FLOOR].plausible.auprc.high < 0.8


def test_without_marks_nothing_is_said_about_people(classifier, texts):
    plain = evaluate(classifier, texts[:3], ["random"])
    assert (plain.marked, plain.share, plain.methods["random"].plausible) == (0, None, None)
    assert plain.methods["random"].tau is not None  # leave-one-out is made for it
    assert "marked" not in drawn(plain)


def test_several_labels_are_each_judged_by_their_own_probability(multi_classifier, examples):
    rows = data.read(str(examples / "intents-ru" / "multi.jsonl"))
    several = evaluate(multi_classifier, rows.texts[:12], METHODS_HERE)
    assert several.methods["leave-one-out"].comprehensiveness["delete"].mean > (
        several.methods[FLOOR].comprehensiveness["delete"].mean
    )
    assert several.permutation.texts == 12


def test_what_comes_out_is_the_same_each_time_but_for_the_clock(classifier, texts):
    def figures():
        record = evaluate(classifier, texts, ["ngrams", "random"]).to_dict()
        for worth in record["methods"].values():
            assert worth.pop("milliseconds") > 0
        return json.dumps(record)

    assert figures() == figures()


def test_a_sample_is_bounded_in_the_order_of_the_file_and_the_same_each_time(examples):
    rows = data.read(str(examples / "tickets" / "tickets.csv"))
    some = sampled(rows, 30)
    assert len(some) == 30
    places = [rows.texts.index(text) for text in some.texts]
    assert places == sorted(places)
    assert places[-1] > 100  # not the beginning of the file
    assert list(sampled(rows, 30).texts) == list(some.texts)
    assert sampled(rows, 1000) is rows


def test_texts_that_say_nothing_are_left_out_with_their_marks_and_only_such_are_refused(classifier):
    texts, marks = ["  ", "my parcel is late"], [((0, 1),), ((3, 9),)]
    found = evaluate(classifier, texts, ["random"], rationales=marks)
    assert (found.texts, found.marked, found.share) == (1, 1, 1 / 4)
    with pytest.raises(DataError, match="no row has a text to explain"):
        evaluate(classifier, texts[:1], ["random"])


def test_the_cheap_methods_that_work_are_chosen_and_random_stands_beside_them(classifier):
    assert chosen(classifier) == [name for name, row in METHODS.items() if row.scored] + [FLOOR]
    assert chosen(classifier, ["kernel-shap"]) == ["kernel-shap", FLOOR]
    assert chosen(classifier, ["random", "attention"]) == ["random", "attention"]
    assert chosen(classifier, ["auto"])[0] in METHODS
    with pytest.raises(ConfigError, match="unknown method 'vibes'; use one of: attention"):
        chosen(classifier, ["vibes"])


# Table and picture


def drawn(evaluation, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(evaluation)
    return console.file.getvalue()


def test_the_tables_fit_a_terminal_and_have_a_row_for_each_method(found):
    shown = drawn(found)
    assert str(found).splitlines()[0] == shown.splitlines()[0].rstrip()
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    for method in METHODS_HERE:
        assert len(re.findall(rf"^{method} ", shown, flags=re.MULTILINE)) == 4
    assert "Faithfulness over 20 texts, words deleted" in shown
    assert "Agreement with what people marked in 18 texts" in shown
    assert "shuffling the weights of a text moves its answer by 0." in shown
    worth = found.methods["attention"].comprehensiveness["delete"]
    assert f"{worth.mean:.2f} ({worth.low:.2f} to {worth.high:.2f})".replace("-", "−") in shown
    assert "−0.00" not in shown


@pytest.mark.parametrize("width", [45, 60, 70])
def test_columns_that_do_not_fit_stand_below_each_other_and_no_figure_is_cut(found, width):
    wide, narrow = [re.sub(r"\s+", " ", text) for text in (drawn(found), drawn(found, width))]
    figures = r"\S+ \(\S+ to \S+\)"
    assert max(map(len, drawn(found, width).splitlines())) <= width
    assert sorted(re.findall(figures, narrow)) == sorted(re.findall(figures, wide))
    assert "…" not in narrow


def test_the_picture_has_a_curve_for_each_method_at_its_places(found):
    root = ElementTree.fromstring(evaluation.render(found))
    curves = {line.find(f"{SVG}title").text: line for line in root.iter(f"{SVG}polyline")}
    assert set(curves) == set(METHODS_HERE)
    for name, line in curves.items():
        points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        x, y = np.array(points).T
        assert (np.diff(x) > 0).all()
        left = (evaluation.BOTTOM - y) / (evaluation.BOTTOM - evaluation.TOP)
        assert left == pytest.approx(found.methods[name].left, abs=1e-3)
    assert "floor" in curves[FLOOR].get("class")
    assert len({line.get("class") for line in curves.values()}) == len(curves)


def test_the_picture_follows_dark_and_light_fetches_nothing_and_stays_the_same(found):
    svg = evaluation.render(found)
    assert "prefers-color-scheme: dark" in svg
    assert re.findall(r"https?://[^\"' <]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in svg
    assert evaluation.render(found) == svg


@pytest.mark.parametrize("setting", ["light", "dark"])
def test_every_line_of_the_picture_can_be_told_from_the_page(setting):
    from attnclf.explain.render.palette import DARK, LIGHT

    page = LIGHT if setting == "light" else DARK

    def luminance(colour):
        shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in (*evaluation.LINES[setting], page.quiet):
        darker, lighter = sorted((luminance(colour), luminance(page.background)))
        assert (lighter + 0.05) / (darker + 0.05) >= 3
