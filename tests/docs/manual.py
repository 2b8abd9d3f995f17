"""Reading our own Markdown: its code blocks, tables and links, and a shell to run the blocks in."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages():
    """Every Markdown page of the repository, by its path from the root."""
    return [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "findings/*.md")
        for path in sorted(ROOT.glob(pattern))
    ]


def anchors(page):
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", read(page), flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, language):
    """Code blocks of one language, in order."""
    return [code for found, code in FENCE.findall(read(page)) if found == language]


def rows(text):
    """Cells of the table rows in a text, without the marks of code; headers and rules are left out."""
    cells = [re.split(r" *\| *", line)[1:-1] for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in cells]


def coded(cell):
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def shell(script, folder):
    """Run a block of commands as a person would, with `attnclf` on the path; every command must succeed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("ATTNCLF_MODEL", "FORCE_COLOR")}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "OMP_NUM_THREADS": "1",  # many threads wait for each other on a busy machine
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip


def run(script, folder):
    """Run a block and return its stdout; fail with its stderr where a command fails."""
    done = shell(script, folder)
    assert done.returncode == 0, f"exit {done.returncode} from:\n{script}\n{done.stderr}"
    return done.stdout


def follow_readme(place):
    """Follow the README from top to bottom in a new folder with the examples, and keep in it what that printed."""
    shutil.copytree(ROOT / "examples", place / "examples")
    printed = [run(block, place) for block in blocks("README.md", "sh")]
    (place / "printed.json").write_text(json.dumps(printed), encoding="utf-8")
