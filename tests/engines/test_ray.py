"""Files on two workers of Ray, and what the command says."""

import json
import sys

import pytest
from attnclf_cli.app import application
from typer.testing import CliRunner

from attnclf.engines.worker import Outcome
from attnclf.errors import DataError


def attnclf(*arguments):
    """Run the command in this process, where Ray runs already."""
    return CliRunner().invoke(application(), list(map(str, arguments)))


def refused(done, *words):
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


@pytest.fixture
def folder(tmp_path, tickets):
    """Four files of different lengths and formats, with a blank text among them."""
    (tmp_path / "in" / "day=1").mkdir(parents=True)
    parts = [tickets[:150], ["", *tickets[150:200]], tickets[200:210], tickets[210:300]]
    for name, texts in zip(["a.jsonl", "b.jsonl", "day=1/c.jsonl"], parts[:3], strict=True):
        lines = (json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
        (tmp_path / "in" / name).write_text("".join(lines))
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": parts[3]})
    pyarrow.parquet.write_table(table, tmp_path / "in" / "day=1" / "d.parquet", row_group_size=20)
    return tmp_path / "in"


@pytest.mark.long
def test_two_workers_write_for_each_file_what_predict_writes_for_it(ray_here, model, folder, tmp_path):
    out, alone = tmp_path / "out", tmp_path / "alone.jsonl"
    command = ["predict", "--engine", "ray", folder, "-o", out, "-m", model, "--attention", "--workers", 2]
    done = attnclf(*command)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == ""
    assert "4 of 4 files, 301 texts" in done.stderr
    assert "texts were read up to their first 40 units only" in done.stderr
    for source in sorted(path for path in folder.rglob("*.*") if path.is_file()):
        attnclf("predict", source, "-o", alone, "-m", model, "--attention", "--device", "cpu")
        target = (out / source.relative_to(folder)).with_suffix(".jsonl")
        answers, expected = (list(map(json.loads, path.read_text().splitlines())) for path in (target, alone))
        assert len(answers) == len(expected) > 0
        for answer, single in zip(answers, expected, strict=True):
            assert (answer["label"], answer["tokens"]) == (single["label"], single["tokens"])
            assert answer["weights"] == pytest.approx(single["weights"], abs=1e-5)
            assert answer["score"] == (None if single["score"] is None else pytest.approx(single["score"], abs=1e-5))
    again = attnclf(*command)
    assert (again.exit_code, again.stderr) == (0, "4 of 4 files are finished already\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["IN"], ["writes files, not to a pipe", "pass a folder as --out"]),
        (["-", "-o", "OUT"], ["reads files, not stdin"]),
        (["IN", "-o", "OUT", "-f", "table"], ["writes no table", "tsv, csv, jsonl, fasttext"]),
        (["IN/none.csv", "-o", "OUT"], ["none.csv does not exist"]),
        (["IN", "-o", "IN"], ["holds other files"]),
        (["IN", "-o", "OUT", "--precision", "int8"], ["has no int8 network", "attnclf export"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_cannot_work_is_one_line_and_leaves_nothing(model, folder, tmp_path, arguments, words):
    named = {"IN": str(folder), "IN/none.csv": str(folder / "none.csv"), "OUT": str(tmp_path / "out")}
    refused(attnclf("predict", "--engine", "ray", "-m", model, *(named.get(a, a) for a in arguments)), *words)
    assert not (tmp_path / "out").exists()


def test_workers_without_ray_are_a_misunderstanding(model, folder):
    refused(attnclf("predict", folder / "a.jsonl", "-m", model, "--workers", 2), "--workers is for --engine ray")


def test_without_ray_the_command_says_how_to_install_it(model, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = attnclf("predict", "--engine", "ray", folder, "-o", tmp_path / "out", "-m", model)
    refused(done, "needs Ray Data, which is not installed", "pip install 'attnclf[ray]'")
    assert not (tmp_path / "out").exists()


def test_a_job_of_ray_wants_an_output_that_stays(model, folder, tmp_path, monkeypatch):
    told = {"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}, "metadata": {}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(told))
    command = ["predict", "--engine", "ray", folder, "-m", model]
    refused(attnclf(*command, "-o", "labels"), "runs in a copy of its working folder", "an absolute path or a URL")
    monkeypatch.setattr("attnclf.engines.plan.plan", lambda *_, **__: pytest.fail("went on"))
    for job, out in ((told, str(tmp_path / "out")), (told, "memory://labels"), ({"runtime_env": {}}, "labels")):
        monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
        with pytest.raises(pytest.fail.Exception, match="went on"):
            CliRunner().invoke(
                application(), [*map(str, command), "-o", out], catch_exceptions=False, standalone_mode=False
            )


def test_every_file_that_failed_is_named_up_to_five(model, folder, tmp_path, monkeypatch):
    def failed(files, job, **_):
        return [Outcome(file.source, problem=f"line {n}: broken", fix="mend it") for n, file in enumerate(files)]

    monkeypatch.setattr("attnclf.engines.ray.predict_files", failed)
    for n in range(4):
        (folder / f"more{n}.jsonl").write_text('{"text": "a"}\n')
    done = attnclf("predict", "--engine", "ray", folder, "-o", tmp_path / "out", "-m", model)
    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert last.count(": broken; ") == 5
    assert last.endswith("; and 3 more files; mend it, and repeat the command")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--min-confidence", "0.9"), ("--threshold", "0.4"), ("--top-k", "2"), ("--format", "csv"), ("--attention", None)],
)
def test_whatever_changes_an_answer_belongs_to_what_is_gone_on_with(
    model, folder, tmp_path, monkeypatch, option, value
):
    def planned(*_, settings, **__):
        seen.append(settings)
        raise DataError("stop", fix="here")

    seen = []
    monkeypatch.setattr("attnclf.engines.plan.plan", planned)
    command = ["predict", "--engine", "ray", folder, "-o", tmp_path / "out", "-m", model, "-f", "jsonl"]
    for options in ([], [option] if value is None else [option, value]):
        refused(attnclf(*command, *options), "stop")
    assert seen[0] != seen[1]
