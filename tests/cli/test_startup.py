"""What the commands load: a model at rest runs without torch, and help is there at once. Each in a fresh process."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from attnclf_cli.app import COMMANDS

HEAVY = {"torch", "datasets", "pyarrow", "pandas", "sklearn", "matplotlib", "pydantic", "ray", "fsspec"}

RUN = """
import io, json, sys
arguments, text = json.loads(sys.argv[1]), sys.argv[2]
sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
from attnclf_cli.app import application
try:
    status = application(*arguments[:1])(arguments, standalone_mode=False)
except SystemExit as leaving:
    status = leaving.code
sys.stdout.flush()
print(json.dumps([status or 0, sorted({name.split(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def loaded(*arguments, text="my parcel is late\n", before=""):
    """Top-level modules that a command has loaded when it is done, and what it wrote to stdout."""
    done = subprocess.run(
        [sys.executable, "-c", before + RUN, json.dumps([*map(str, arguments)]), text],
        capture_output=True, text=True, encoding="utf-8", check=True, timeout=300,
    )  # fmt: skip
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    assert done.stdout
    return set(modules)


def loaded_before_failing(*arguments):
    """Return the modules that a command loaded before it failed, and its message."""
    watched = RUN.replace("standalone_mode=False", "")
    done = subprocess.run(
        [sys.executable, "-c", watched, json.dumps([*map(str, arguments)]), ""],
        capture_output=True, text=True, encoding="utf-8", check=True, timeout=300,
    )  # fmt: skip
    *messages, last = done.stderr.splitlines()
    status, modules = json.loads(last)
    assert status == 1
    return set(modules), messages[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nofile.csv"], "nofile.csv does not exist"),
        (["ROWS", "--valid", "nofile.csv"], "nofile.csv does not exist"),
        (["ROWS", "--unlabeled", "nofile.txt"], "nofile.txt does not exist"),
        (["ROWS", "--vectors", "nofile.vec"], "nofile.vec does not exist"),
        (["ROWS", "--config", "nofile.toml"], "cannot read nofile.toml"),
        (["ROWS", "--set", "training.epoch=3"], "did you mean training.epochs?"),
        (["nofile.csv", "--set", "training.epoch=3"], "did you mean training.epochs?"),  # settings come first
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_typo_costs_no_second_of_loading(tmp_path, arguments, message):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\nmy card,billing\nno parcel,delivery\n")
    named = [str(rows) if word == "ROWS" else word for word in arguments]
    modules, printed = loaded_before_failing("train", *named, "--out", tmp_path / "model")
    assert message in printed
    assert HEAVY.isdisjoint(modules)


def test_what_is_refused_later_loads_torch(tmp_path):
    """The test above can fail."""
    (tmp_path / "rows.csv").write_text("text,label\nmy card,billing\n")
    modules, _ = loaded_before_failing("train", tmp_path / "rows.csv", "--out", tmp_path / "model")
    assert "torch" in modules


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["mechanisms", "--help"],
        ["predict", "-m", "MODEL"],
        ["predict", "-m", "MODEL", "--attention"],
        ["predict", "-m", "MODEL", "ROWS.csv", "-f", "table"],
        ["predict", "-m", "MODEL", "ROWS.jsonl", "-f", "csv"],
        ["explain", "-m", "MODEL", "-f", "json"],
        ["explain", "-m", "MODEL", "-f", "terminal"],
        ["explain", "-m", "MODEL", "-f", "html"],
        ["explain", "-m", "MODEL", "-f", "svg"],
        ["evaluate", "ROWS.csv", "-m", "MODEL"],
        ["evaluate", "ROWS.jsonl", "-m", "MODEL", "-f", "json"],
        ["evaluate", "ROWS.jsonl", "-m", "MODEL", "--explanations", "--plot", "PLOT"],
        ["export", "-m", "COPY", "--precision", "int8"],
        ["bench", "-m", "MODEL", "--file", "ROWS.csv"],
        ["info", "-m", "MODEL"],
        ["info", "-m", "MODEL", "-f", "json"],
    ],
    ids=" ".join,
)
def test_a_command_that_does_not_train_loads_nothing_heavy(model, tmp_path, arguments):
    (tmp_path / "rows.csv").write_text("text,label\nmy card,billing\nno parcel,delivery\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "my card", "label": "billing"}\n{"text": "b", "label": "account"}\n')
    copy = shutil.copytree(model, tmp_path / "copy") if "COPY" in arguments else None
    named = {
        "MODEL": str(model),
        "COPY": str(copy),
        "PLOT": str(tmp_path / "curves.svg"),
        "ROWS.csv": str(tmp_path / "rows.csv"),
        "ROWS.jsonl": str(tmp_path / "rows.jsonl"),
    }
    modules = loaded(*(named.get(word, word) for word in arguments))
    assert "attnclf_cli" in modules
    assert HEAVY.isdisjoint(modules)


@pytest.mark.parametrize("module", [pytest.param("torch", marks=pytest.mark.long), "matplotlib"])
def test_the_check_would_notice(module):
    assert module in loaded("--help", before=f"import {module}\n")


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("torch", ["train", "ROWS", "--out", "OUT"]),
        ("torch", ["mechanisms"]),
        ("torch", ["evaluate", "ROWS", "-m", "MODEL", "--explanations", "--controls", "--train", "ROWS"]),
        ("onnx", ["export", "-m", "MODEL", "--precision", "int8"]),
        ("pyarrow", ["predict", "-m", "MODEL", "ROWS", "--input-format", "parquet"]),
        ("huggingface_hub", ["predict", "-m", "hf:owner/name", "ROWS"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_package_that_is_not_installed_is_one_line_with_the_remedy(attnclf, model, tmp_path, missing, arguments):
    (tmp_path / "hidden").mkdir()
    hiding = f"raise ModuleNotFoundError(\"No module named '{missing}'\", name='{missing}')\n"
    (tmp_path / "hidden" / f"{missing}.py").write_text(hiding)
    (tmp_path / "rows.csv").write_text("text,label\nmy card,billing\nno parcel,delivery\n")
    named = {"MODEL": model, "ROWS": tmp_path / "rows.csv", "OUT": tmp_path / "out"}
    path = os.pathsep.join(filter(None, [str(tmp_path / "hidden"), os.environ.get("PYTHONPATH")]))
    done = attnclf(*(named.get(word, word) for word in arguments), env={"PYTHONPATH": path, "HF_HUB_CACHE": tmp_path})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"Error: this needs the package {missing}; pip install attnclf brings what is missing"
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("module", ["attnclf", "attnclf.runtime.classifier", "attnclf.explain.api", "attnclf.bundle"])
def test_the_library_at_rest_loads_nothing_heavy(module):
    assert HEAVY.isdisjoint(loaded("--help", before=f"import {module}\n"))


def test_a_command_loads_no_other_one(attnclf):
    code = "import sys; from attnclf_cli.app import application; application(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "predict"], capture_output=True, text=True, check=True)
    assert {name for name in COMMANDS if f"attnclf_cli.{name}" in done.stdout.split()} == {"predict"}
    assert "Did you mean 'predict'?" in attnclf("predic").stderr


def of_children():
    """Processor seconds of the processes that have ended: however busy the machine is, a command needs as many."""
    times = os.times()
    return times.children_user + times.children_system


def fastest(attnclf, *arguments):
    """Run a command three times; return the last result and the fewest processor seconds."""
    times = []
    for _ in range(3):
        started = of_children()
        done = attnclf(*arguments)
        times.append(of_children() - started)
    return done, min(times)


def test_help_comes_at_once(attnclf):
    done, took = fastest(attnclf, "--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert command in done.stdout
    assert took < 1.0


@pytest.mark.parametrize("arguments", [["nofile.csv"], ["nofile.csv", "--set", "training.epoch=3"]], ids=" ".join)
def test_a_typo_is_reported_at_once(attnclf, tmp_path, arguments):
    done, took = fastest(attnclf, "train", *arguments, "--out", tmp_path / "model")
    assert done.returncode == 1
    assert took < 0.6


def test_the_version_is_said(attnclf):
    from attnclf import __version__

    assert attnclf("--version").stdout == f"attnclf {__version__}\n"


def test_the_console_script_is_the_same_command(attnclf):
    from pathlib import Path

    script = shutil.which("attnclf", path=Path(sys.executable).parent)
    assert script is not None
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == attnclf("--version").stdout


def test_no_command_at_all_shows_the_help(attnclf):
    done = attnclf()
    assert done.returncode == 2
    assert "predict" in done.stdout + done.stderr
