"""The pages in examples/ say what works: their commands are run in a copy of their folder."""

import json
import shutil

import pytest
from manual import ROOT, blocks, follow_readme, run


@pytest.fixture
def walk(tmp_path):
    """Run every sh block of an example's page in a copy of its folder; returns the folder and what was printed."""

    def through(name):
        folder = tmp_path / name
        shutil.copytree(ROOT / "examples" / name, folder)
        return folder, [run(block, folder) for block in blocks(f"examples/{name}/README.md", "sh")]

    return through


def lines(folder, name):
    return (folder / name).read_text(encoding="utf-8").splitlines()


@pytest.mark.long
def test_chinese_reviews_are_judged_and_explained_as_their_page_says(walk):
    folder, (report, predicted, explained) = walk("reviews-zh")
    assert "好评" in report
    records = [json.loads(line) for line in predicted.splitlines()]
    assert len(records) == len(lines(folder, "new_reviews.txt"))
    assert {record["label"] for record in records} == {"好评", "差评"}
    assert all(0.5 <= record["score"] <= 1 for record in records)
    assert explained.count("top words:") == 2


@pytest.mark.long
def test_russian_intents_and_letters_are_labelled_as_their_page_says(walk):
    folder, (intents, letters) = walk("intents-ru")
    known = {line.split()[0] for line in lines(folder, "intents.txt")}
    predicted = [line.split() for line in intents.splitlines() if line.startswith("__label__")]
    assert len(predicted) == len(lines(folder, "new_intents.txt"))
    assert len({label for label, _ in predicted}) > 1
    assert {label for label, _ in predicted} <= known
    assert intents.count("top words:") == 2

    subjects = {subject for line in lines(folder, "multi.jsonl") for subject in json.loads(line)["labels"]}
    *_, answer, strict = letters.splitlines()
    record = json.loads(answer)
    assert {entry["label"] for entry in record["labels"]} <= subjects
    labels, score = strict.split("\t")
    assert set(filter(None, labels.split("|"))) <= subjects
    assert float(score) == pytest.approx(record["score"], abs=1e-4)


@pytest.mark.long
def test_tickets_are_routed_and_explained_as_their_page_says(once, tmp_path):
    training, *others = blocks("examples/tickets/README.md", "sh")
    folder, followed = tmp_path / "tickets", once("newcomer", follow_readme)
    shutil.copytree(ROOT / "examples" / "tickets", folder)
    # The page trains as the README does, word for word but for the folder: that model is taken.
    assert blocks("README.md", "sh")[0] == training.replace(" tickets.csv ", " examples/tickets/tickets.csv ")
    shutil.copytree(followed / "tickets-model", folder / "tickets-model")
    predicted, explained = [run(block, folder) for block in others]
    # The page says to which team each line belongs; a model that learned anything gets more than half right.
    teams = ["billing", "delivery", "technical", "account"] * 3
    assert len(predicted.splitlines()) == len(lines(folder, "new_tickets.txt")) == len(teams)
    right = sum(line.split()[0] == team for line, team in zip(predicted.splitlines(), teams, strict=True))
    assert right > len(teams) / 2
    assert explained.count("top words:") == 3
    assert (folder / "why.html").read_text(encoding="utf-8").count("<article") == len(teams)


@pytest.mark.parametrize("name", ["tickets", "reviews-zh", "intents-ru"])
def test_the_examples_page_leads_to_each_example(name):
    assert f"({name}/README.md)" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
