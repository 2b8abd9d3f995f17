"""The generated parts of the docs are those that docs/make_tables.py and docs/make_api.py write."""

import shutil
import subprocess
import sys

from manual import ROOT


def checked(folder, script="make_tables.py"):
    return subprocess.run([sys.executable, folder / script, "--check"], capture_output=True, text=True, check=False)


def test_the_tables_of_settings_are_up_to_date():
    assert checked(ROOT / "docs").returncode == 0


def test_a_default_that_differs_is_noticed(tmp_path):
    shutil.copy(ROOT / "docs" / "make_tables.py", tmp_path)
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert "| `training.epochs` | whole number from 1 | `8` |" in page
    edited = page.replace("| `training.epochs` | whole number from 1 | `8` |", "| `training.epochs` | from 1 | `9` |")
    (tmp_path / "configuration.md").write_text(edited, encoding="utf-8")
    done = checked(tmp_path)
    assert done.returncode == 1
    assert "run: python docs/make_tables.py" in done.stderr
    assert (tmp_path / "configuration.md").read_text(encoding="utf-8") == edited


def test_the_reference_is_up_to_date_and_an_edit_is_noticed(tmp_path):
    assert checked(ROOT / "docs", "make_api.py").returncode == 0
    shutil.copy(ROOT / "docs" / "make_api.py", tmp_path)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (tmp_path / "python.md").write_text(page.replace("### `attnclf.load`", "### `attnclf.open`"), encoding="utf-8")
    assert "run: python docs/make_api.py" in checked(tmp_path, "make_api.py").stderr
