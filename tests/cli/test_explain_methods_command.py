"""`attnclf explain` beyond attention: methods, faithfulness, contrast, comparison, and all texts at once."""

import json

import pytest

TEXT = "my parcel never came and the courier does not answer"


@pytest.fixture
def explained(in_session, model):
    def run(*options, texts=(TEXT,)):
        return in_session("explain", "-m", model, *options, input="".join(f"{text}\n" for text in texts))

    return run


def records(done):
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_default_is_attention_measured_with_at_most_one_line_about_a_better_method(explained, classifier):
    from attnclf.explain import choice

    done = explained()
    (record,) = records(done)
    assert record["method"] == "attention"
    assert record["faithfulness"]["verdict"] in ("faithful", "weak", "no better than chance")
    better = choice.better(classifier.bundle)
    note = f"Note: {better} is more faithful than attention on this model; --method auto takes it\n"
    assert done.stderr == (note if better else "")
    assert explained("--method", "attention").stderr == ""


def test_auto_takes_what_training_found_and_says_so(explained, classifier):
    from attnclf.explain import choice

    best = choice.best(classifier.bundle)
    done = explained("--method", "auto")
    assert done.stderr.startswith(f"Method: {best}, ")
    assert records(done)[0]["method"] == best


def test_without_faithfulness_there_is_none(explained):
    (record,) = records(explained("--no-faithfulness"))
    assert "faithfulness" not in record
    assert "faithful" not in explained("--no-faithfulness", "--method", "attention", "-f", "terminal").stdout


def test_long_texts_and_those_after_the_first_hundred_are_counted_in_a_note(explained):
    texts = [TEXT] * 101 + ["my parcel " * 18]
    done = explained("--method", "attention", texts=texts)
    measured = ["faithfulness" in record for record in records(done)]
    assert measured == [True] * 100 + [False] * 2
    assert done.stderr == (
        "Note: faithfulness was not measured for 2 of 102 texts (of more than 30 words, or after the first 100); "
        "--faithfulness measures them\n"
    )
    done = explained("--method", "attention", "--faithfulness", texts=texts[-2:])
    assert all("faithfulness" in record for record in records(done))
    assert done.stderr == ""


def test_against_a_label_a_signed_method_is_taken_and_named(explained):
    done = explained("--against", "billing")
    (record,) = records(done)
    assert record["against"] == "billing"
    assert done.stderr == f"Method: {record['method']}, {meaning(record['method'])}\n"
    shown = explained("--against", "billing", "-f", "terminal").stdout
    assert f"for {record['label']}" in shown
    assert "for billing" in shown


def meaning(method):
    from attnclf.explain.methods import METHODS

    return METHODS[method].meaning


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--against", "spam"), "Error: the model has no label 'spam'; use one of: account, billing,"),
        (("--against", "billing", "--method", "attention"), "Error: attention is the same for every label"),
        (("--global", "--method", "attention"), "Error: attention gives words no sign for or against a label"),
        (("--method", "magic"), "Error: unknown method 'magic'; use one of: attention,"),
        (("--method", "magic", "--compare"), "Error: unknown method 'magic'; use one of: attention,"),
    ],
)
def test_what_cannot_be_is_one_line(explained, options, problem):
    done = explained(*options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(problem)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--compare", "--global"), ("--compare", "--map"), ("--global", "--layer", "1")])
def test_what_does_not_go_together_is_wrong_usage(explained, options):
    assert explained(*options).exit_code == 2


def test_methods_are_compared_word_by_word(explained):
    (record,) = records(explained("--method", "attention", "--method", "leave-one-out", texts=[TEXT]))
    assert [one["method"] for one in record["methods"]] == ["attention", "leave-one-out"]
    assert record["text"] == TEXT
    for one in record["methods"]:
        assert [word["text"] for word in one["tokens"]] == TEXT.split()
        assert set(one["faithfulness"]) >= {"verdict", "delete", "mask"}
    shown = explained("--compare", "-f", "terminal", "--no-faithfulness").stdout
    for name in ("attention", "attention-norm", "attention-x-gradient", "ngrams", "leave-one-out", "occlusion"):
        assert name in shown
    assert "verdict" not in shown
    assert "<table>" in explained("--compare", "-f", "html").stdout
    assert explained("--compare", "-f", "svg").stdout.startswith("<svg")
    assert records(explained("--compare", texts=[""]))[0]["label"] is None
    assert "blank" in explained("--compare", "-f", "terminal", texts=[""]).stdout


def test_over_all_texts_each_label_has_its_words_with_counts_and_examples(explained, tickets):
    tickets = [" ".join(text.split()) for text in tickets]
    found = {record["label"]: record for record in records(explained("--global", "--top", "3", texts=tickets))}
    assert set(found) == {"account", "billing", "delivery", "technical"}
    assert sum(record["texts"] for record in found.values()) == len(tickets)
    for record in found.values():
        assert len(record["words"]) == 3
        for word in record["words"]:
            assert set(word) == {"word", "texts", "mean", "example"}
            assert 1 <= word["texts"] <= record["texts"]
            assert word["word"] in word["example"].lower()
    assert "parcel" in {word["word"] for word in found["delivery"]["words"]}
    shown = explained("--global", "-f", "terminal", texts=tickets[:20]).stdout
    assert "texts, " in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert "<table>" in explained("--global", "-f", "html", texts=tickets[:20]).stdout
    assert explained("--global", "-f", "svg", texts=tickets[:20]).stdout.startswith("<svg")
    assert explained("--global", "-f", "terminal", texts=[""]).stdout.strip() == "every text is blank"


def test_over_all_texts_the_label_compared_with_is_said(explained, tickets):
    texts = [" ".join(text.split()) for text in tickets[:40]]
    options = ("--global", "--against", "billing")
    others = {record["label"]: record["against"] for record in records(explained(*options, texts=texts))}
    assert others.pop("billing") is None
    assert set(others.values()) == {"billing"}
    for name in ("terminal", "html"):
        shown = explained(*options, "-f", name, texts=texts).stdout
        assert shown.count(", against billing") == len(others)
        assert shown.count(", against the next best") == 1


def test_over_all_texts_each_counts_under_its_best_label_and_nowhere_without_one(
    in_session, multi_model, multi_classifier
):
    texts = ["за воду насчитали вдвое больше", "abc", "шум ночью и вода холодная"]
    done = in_session("explain", "--global", "-m", multi_model, "-f", "json", input="\n".join(texts))
    predictions = multi_classifier.predict(texts)
    given = [one.label for one in predictions if one.label in one.chosen]
    counted = {record["label"]: record["texts"] for record in map(json.loads, done.stdout.splitlines())}
    assert counted == {label: given.count(label) for label in given}
    assert len(given) < len(texts)


def test_a_comparison_says_what_it_did_not_measure(explained):
    long = " ".join(["parcel"] * 200)
    done = explained("--method", "attention", "--method", "ngrams", texts=[TEXT, long])
    assert [len(one["methods"]) for one in records(done)] == [2, 2]
    assert "Note: faithfulness was not measured for 1 of 2 texts" in done.stderr
    assert explained("--method", "attention", "--method", "ngrams", texts=[TEXT]).stderr == ""
