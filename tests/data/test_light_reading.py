"""What reading data loads, seen in a fresh process."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "datasets", "pyarrow", "pandas", "sklearn"}

FILES = {
    "a.csv": "text,label\none,x\ntwo,y\n",
    "a.tsv": "text\tlabel\none\tx\ntwo\ty\n",
    "a.jsonl": '{"text": "one", "label": "x"}\n{"text": "two", "label": "y"}\n',
    "a.json": '[{"text": "one", "label": "x"}, {"text": "two", "label": "y"}]',
    "a.ft": "__label__x one\n__label__y two\n",
    "folder/x/1": "one",
    "folder/y/2": "two",
}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a new interpreter has loaded once it has run `code`."""
    show = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}\n{show}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_labelled_files_are_read_without_datasets(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    code = "from attnclf.data import checks, splits\nfrom attnclf.data.corpus import read\n"
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.json", "a.ft", "folder"):
        code += f"assert sorted(read({str(tmp_path / name)!r}).texts) == ['one', 'two']\n"
    assert HEAVY.isdisjoint(modules_after(code))


def test_inputs_are_read_without_numpy_either():
    assert (HEAVY | {"numpy"}).isdisjoint(modules_after("import attnclf.data.inputs"))


@pytest.mark.parametrize("module", ["datasets", "pyarrow"])
def test_the_check_would_notice(module):
    assert module in modules_after(f"import {module}")
