"""One worker, one file: the same answers as `predict` gives, whole or not there at all."""

import gzip
import json
import zipfile
from functools import partial

import pytest
from attnclf_cli.formats import jsonl, jsonl_with_attention, tsv

from attnclf.engines.plan import plan
from attnclf.engines.worker import Job, Worker


@pytest.fixture(scope="module")
def work(model):
    """Plan and predict a source with one worker; returns what became of each file, by its name."""

    def through(source, out, line=tsv, **options):
        todo = plan(str(source), str(out), settings={}, suffix=".txt")
        job = Job(
            model=str(model), sources=todo.sources, targets=todo.targets, line=partial(line, top=1), **options,
        )  # fmt: skip
        worker = Worker(job)
        return {file.name: worker.predict(file) for file in todo.unfinished}

    return through


def rows_in(folder, texts):
    """The same texts in every format."""
    import csv

    import pyarrow
    import pyarrow.parquet

    folder.mkdir()
    lines = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    (folder / "a.jsonl").write_text(lines)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    with (folder / "c.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(texts)])
    table = pyarrow.table({"id": range(len(texts)), "text": texts})
    pyarrow.parquet.write_table(table, folder / "d.parquet", row_group_size=50)
    (folder / "e.txt").write_text("".join(text + "\n" for text in texts))
    return folder


def test_files_of_every_kind_have_the_answers_of_the_model_in_order(work, classifier, tickets, tmp_path):
    texts = [*(" ".join(text.split()) for text in tickets[:120]), "", *tickets[:5]]
    outcomes = work(rows_in(tmp_path / "in", texts), tmp_path / "out", line=jsonl)
    expected = classifier.predict(texts)
    assert {outcome.texts for outcome in outcomes.values()} == {len(texts)}
    assert {outcome.truncated for outcome in outcomes.values()} == {sum(one.truncated for one in expected)}
    for name in "abcde":
        answers = [json.loads(line) for line in (tmp_path / "out" / f"{name}.txt").read_text().splitlines()]
        assert [one["label"] for one in answers] == [one.label for one in expected]
        for answer, one in zip(answers, expected, strict=True):
            assert answer["score"] == (None if one.score is None else pytest.approx(one.score, abs=1e-5))


def test_attention_comes_with_the_answers(work, classifier, tmp_path):
    (tmp_path / "a.txt").write_text("Where's my parcel?\n")
    work(tmp_path / "a.txt", tmp_path / "out", line=jsonl_with_attention)
    record = json.loads((tmp_path / "out" / "a.txt").read_text())
    assert record["tokens"] == ["Where", "'", "s", "my", "parcel", "?"]
    assert record["weights"] == pytest.approx(classifier.predict(["Where's my parcel?"])[0].attention, abs=1e-5)


def test_texts_are_read_from_and_written_to_whatever_fsspec_opens(work, tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("day/a.csv", "text\nmy parcel\n")
        archive.writestr("day/b.jsonl.gz", gzip.compress(b'{"text": "my parcel"}\n'))
    work(f"zip://day::{tmp_path}/in.zip", "memory://answers")
    import fsspec

    memory = fsspec.filesystem("memory")
    assert sorted(memory.find("/answers")) == ["/answers/_attnclf.json", "/answers/a.txt", "/answers/b.txt"]
    answers = memory.cat_file("/answers/a.txt")
    assert answers == memory.cat_file("/answers/b.txt")
    assert answers.count(b"\n") == 1
    memory.rm("/answers", recursive=True)


BROKEN = {
    "a.jsonl": (b'{"text": "fine"}\n{"text": 5}\n', "line 2: 'text' is a number, not text", "repair or remove it"),
    "b.csv": (b"name,age\nAnn,5\n", "the text could be in any of", "pass --text-column NAME"),
    "c.parquet": (b"PAR1", "not a parquet file", "pass --input-format"),
    "d.txt.gz": (gzip.compress(b"one\n" * 1000)[:-9], "the file is damaged", "compress or copy it again"),
}


def test_a_file_that_cannot_be_read_is_told_and_leaves_nothing_and_the_others_go_on(work, tmp_path):
    (tmp_path / "in").mkdir()
    for name, (content, _, _) in BROKEN.items():
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in" / "fine.txt").write_bytes(b"my parcel\nb\xffd\n")
    outcomes = work(tmp_path / "in", tmp_path / "out")
    for name, (_, problem, fix) in BROKEN.items():
        assert problem in outcomes[name].problem
        assert fix in outcomes[name].fix
    assert (outcomes["fine.txt"].texts, outcomes["fine.txt"].damaged, outcomes["fine.txt"].problem) == (2, 1, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["_attnclf.json", "fine.txt"]


def test_a_file_that_has_gone_is_told(model, tmp_path):
    (tmp_path / "a.txt").write_text("one\n")
    todo = plan(str(tmp_path / "a.txt"), str(tmp_path / "out"), settings={}, suffix=".tsv")
    (tmp_path / "a.txt").unlink()
    worker = Worker(Job(model=str(model), sources=todo.sources, targets=todo.targets, line=partial(tsv, top=1)))
    (outcome,) = map(worker.predict, todo.unfinished)
    assert "No such file" in outcome.problem
    assert "check the address" in outcome.fix
