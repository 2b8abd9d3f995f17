"""The Python face trains the network that the command trains, loads it, and speaks of arguments."""

import ast
import doctest
import gc
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attnclf_cli.train import train as command

import attnclf
from attnclf import api
from attnclf.errors import AttnclfError, as_arguments
from attnclf.explain.api import explain

SETTINGS = {"model": {"embedding": {"dim": 12}, "encoder": {"hidden": 8}, "ngrams": {"features": 200}}}


def test_the_package_is_torch_free_and_lists_its_names():
    code = "import sys, attnclf; attnclf.Config, attnclf.AttnclfError, attnclf.train; " + (
        "print(*{'torch', 'datasets', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
    assert set(attnclf.__all__) <= set(dir(attnclf))
    for name in attnclf.__all__:
        assert callable(getattr(attnclf, name))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        attnclf.trian  # noqa: B018


def arguments(call):
    return inspect.signature(call).parameters.keys()


def test_python_has_the_options_of_the_command():
    ours = {*arguments(attnclf.train), *api.TrainingOptions.__annotations__, "no_baseline"}
    assert arguments(command) <= ours
    for name in ("preset", "seed"):
        assert (
            inspect.signature(api.train).parameters[name].default == inspect.signature(command).parameters[name].default
        )


def test_a_misspelled_argument_names_the_function():
    with pytest.raises(TypeError, match=r"train\(\) has no argument 'epoch'"):
        attnclf.train([], epoch=3)


def test_the_examples_of_the_docstrings_run(exporting):
    assert doctest.testmod(api, raise_on_error=True).attempted > 3


def test_python_and_the_command_train_the_same_network(in_session, tickets_rows, tmp_path):
    path, rows = tickets_rows
    options = [
        f"--set={place}" for place in ("model.embedding.dim=12", "model.encoder.hidden=8", "model.ngrams.features=200")
    ]
    in_session("train", path, "--out", tmp_path / "m", "--epochs", 1, "--device", "cpu", "--no-baseline", *options)
    classifier = attnclf.train(rows, settings=SETTINGS, epochs=1, device="cpu", baseline=False, quiet=True)
    folder = classifier.bundle.folder
    assert (folder / "weights.safetensors").read_bytes() == (tmp_path / "m" / "weights.safetensors").read_bytes()
    saved = attnclf.load(classifier.save(str(tmp_path / "saved")), device="cpu")
    texts = ["my parcel is late"]
    assert saved.predict(texts) == classifier.predict(texts)
    assert len(attnclf.explain(saved, texts)) == len(attnclf.explain(tmp_path / "saved", texts)) == 1
    with pytest.raises(AttnclfError, match="pass force=True to replace it, or another out="):
        classifier.save(tmp_path / "saved")
    del classifier
    gc.collect()  # the traceback above has a circle
    assert not folder.exists()


@pytest.fixture
def tickets_rows(examples):
    import csv

    path = examples / "tickets" / "tickets.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return path, [(row["text"], row["team"] if "team" in row else row["label"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("pass --label-column NAME", "pass label_column=NAME"),
        ("leave --threshold out", "leave threshold= out"),
        ("leave them out with --on-bad-row skip", "leave them out with on_bad_row='skip'"),
        ("pass --device cpu", "pass device='cpu'"),
        ("pass --force to replace it, or another --out", "pass force=True to replace it, or another out="),
        ("lower it: --set text.min_frequency=1", "lower it: settings=['text.min_frequency=1']"),
        ("pass --label-separator '|'", "pass label_separator='|'"),
    ],
)
def test_options_become_arguments(message, expected):
    assert as_arguments(message) == expected


def messages(*folders):
    """Every text in a call that makes an error, in these folders of the package, or all."""
    package = Path(attnclf.__file__).parent
    for path in sorted(path for folder in folders or [""] for path in (package / folder).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("Error"):
                for part in ast.walk(call):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and "--" in part.value:
                        yield part.value


def test_no_error_speaks_of_options_in_python():
    found = list(messages())
    assert len(found) > 30
    assert [
        text for text in found if "torchrun" not in text and not text.endswith("--") and "--" in as_arguments(text)
    ] == []


def test_errors_name_arguments_that_exist():
    known = {*arguments(attnclf.train), *api.TrainingOptions.__annotations__}.union(
        *map(arguments, (attnclf.load, explain, attnclf.Classifier.predict, attnclf.Classifier.save))
    )
    named = {
        name
        for text in messages("config", "data", "text", "training", "runtime", "model")
        for name in re.findall(r"(?<![.\w])([a-z_]+)=", as_arguments(text))
        if "--" in text
    }
    assert named - known == {"controls", "train"}  # of `evaluate`, which has no call
