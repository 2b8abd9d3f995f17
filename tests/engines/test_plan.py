"""Which files are predicted, where the answers go, and what is left to do."""

import json
import zipfile
from pathlib import Path

import pytest

from attnclf.engines.plan import plan
from attnclf.errors import DataError

SETTINGS = {"model": "abc", "format": "tsv", "text-column": ("title", "body"), "threshold": None}


def planned(source, out, suffix=".tsv", settings=SETTINGS, **options):
    return plan(str(source), str(out), settings=settings, suffix=suffix, **options)


def written(folder, *names, content="text"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def pairs(todo, source, out):
    """Names of inputs and outputs below their folders."""
    return {str(Path(file.source).relative_to(source)): str(Path(file.target).relative_to(out)) for file in todo.files}


def test_a_folder_gives_the_files_with_texts_in_it_and_below_it(tmp_path):
    names = ["a.jsonl", "day=1/b.csv.gz", "day=2/part-0.PARQUET", "notes.md", "_SUCCESS", ".hidden.csv", "_tmp/c.csv"]
    source, out = written(tmp_path / "in", *names), tmp_path / "out"
    assert pairs(planned(source, out), source, out) == {
        "a.jsonl": "a.tsv",
        "day=1/b.csv.gz": "day=1/b.tsv",
        "day=2/part-0.PARQUET": "day=2/part-0.tsv",
    }
    assert set(pairs(planned(source, tmp_path / "all", any_extension=True), source, tmp_path / "all")) == {
        "a.jsonl", "day=1/b.csv.gz", "day=2/part-0.PARQUET", "notes.md",
    }  # fmt: skip


def test_a_pattern_gives_what_it_matches_below_its_fixed_part(tmp_path):
    source, out = written(tmp_path / "in", "x/a.log", "x/b.csv", "y/a.log"), tmp_path / "out"
    assert pairs(planned(f"{source}/*/a.log", out), source, out) == {"x/a.log": "x/a.tsv", "y/a.log": "y/a.tsv"}


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_one_file_goes_into_the_folder_under_its_name_also_by_a_url(tmp_path, prefix):
    written(tmp_path, "a[1].jsonl")
    (file,) = planned(f"{prefix}{tmp_path}/a[1].jsonl", f"{prefix}{tmp_path}/out").files
    assert Path(file.source) == tmp_path / "a[1].jsonl"
    assert Path(file.target) == tmp_path / "out" / "a[1].tsv"


def test_files_within_an_archive_are_files_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("day/a.txt", "one\n")
        archive.writestr("b.txt", "two\n")
    todo = planned(f"zip://**/*.txt::{tmp_path}/in.zip", tmp_path / "out")
    assert sorted(Path(file.target).relative_to(tmp_path / "out").as_posix() for file in todo.files) == [
        "b.tsv", "day/a.tsv",
    ]  # fmt: skip


def test_answers_among_the_texts_are_no_texts(tmp_path):
    source = written(tmp_path, "a.tsv")
    for _ in range(2):
        assert [file.name for file in planned(source, source / "out").files] == ["a.tsv"]
        written(source / "out", "a.tsv")


def test_large_files_come_first(tmp_path):
    for size, name in enumerate(["c.txt", "a.txt", "b.txt"]):
        written(tmp_path / "in", name, content="x" * size)
    assert [file.name for file in planned(tmp_path / "in", tmp_path / "out").unfinished] == ["b.txt", "a.txt", "c.txt"]


def test_what_is_there_is_finished_and_what_is_half_done_is_removed(tmp_path):
    source, out = written(tmp_path / "in", "a.txt", "b.txt"), tmp_path / "out"
    assert len(planned(source, out).unfinished) == 2
    written(out, "a.tsv", ".b.tsv.0123.part")
    again = planned(source, out)
    assert [file.name for file in again.unfinished] == ["b.txt"]
    assert sorted(path.name for path in out.iterdir()) == ["_attnclf.json", "a.tsv"]
    written(source, "c.txt")
    assert {file.name for file in planned(source, out).unfinished} == {"b.txt", "c.txt"}, "new inputs may join"


def test_only_the_same_model_and_settings_may_go_on(tmp_path):
    source, out = written(tmp_path / "in", "a.txt"), tmp_path / "out"
    planned(source, out)
    planned(source, out)
    with pytest.raises(DataError, match="was started with another model and threshold; pass another --out"):
        planned(source, out, settings={**SETTINGS, "model": "abd", "threshold": 0.5})


def test_an_input_that_changed_after_it_was_finished_is_refused_and_before_that_it_is_not(tmp_path):
    source, out = written(tmp_path / "in", "a.txt", "b.txt"), tmp_path / "out"
    planned(source, out)
    written(out, "a.tsv")
    written(source, "b.txt", content="something else")
    planned(source, out)
    written(source, "a.txt", content="something else")
    with pytest.raises(DataError, match=r"a\.txt has changed since it was predicted; remove .*a\.tsv"):
        planned(source, out)
    (out / "a.tsv").unlink()
    assert len(planned(source, out).unfinished) == 2


def test_a_destination_with_other_content_is_refused_and_left_alone(tmp_path):
    source, out = written(tmp_path / "in", "a.txt"), written(tmp_path / "out", "mine.part", "thesis.tex")
    with pytest.raises(DataError, match="out holds other files; pass an empty folder, or a new one"):
        planned(source, out)
    assert sorted(path.name for path in out.iterdir()) == ["mine.part", "thesis.tex"]
    with pytest.raises(DataError, match=r"thesis\.tex is a file; pass a folder as --out"):
        planned(source, out / "thesis.tex")


def test_a_damaged_description_is_one_line(tmp_path):
    source, out = written(tmp_path / "in", "a.txt"), written(tmp_path / "out", "_attnclf.json", content="{")
    with pytest.raises(DataError, match=r"_attnclf\.json is damaged"):
        planned(source, out)


def test_the_description_tells_a_person_what_was_run(tmp_path):
    planned(written(tmp_path / "in", "a.txt", content="four"), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "_attnclf.json").read_text()) == {
        "settings": {**SETTINGS, "text-column": ["title", "body"]}, "inputs": {"a.txt": 4},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("in/none.csv", "none.csv does not exist"),
        ("in/*.parquet", "no file matches .*parquet"),
        ("empty", "empty has no files with texts; their extensions are .csv"),
        ("file:///nowhere/at/all", "file:///nowhere/at/all does not exist"),
        ("nonsense://bucket/a.csv", "nonsense://bucket/a.csv cannot be opened: Protocol not known"),
        ("in", "a.csv and .*a.jsonl would have the same output; rename one"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line(tmp_path, monkeypatch, source, words):
    written(tmp_path / "in", "a.csv", "a.jsonl")
    written(tmp_path / "empty", "image.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=words) as refusal:
        planned(source, "out")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()
