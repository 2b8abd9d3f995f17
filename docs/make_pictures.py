"""Draw `explain.svg` anew: train on the ticket example, then explain three of its unlabelled lines.

Run it from anywhere with the environment's Python: `python docs/make_pictures.py`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
TICKETS = DOCS.parent / "examples" / "tickets"
LINES = (1, 4, 6)  # of new_tickets.txt, counted from 1
ATTNCLF = (sys.executable, "-m", "attnclf")


def draw_explanation(model: Path, picture: Path) -> None:
    """Let `attnclf explain` draw the chosen lines."""
    texts = (TICKETS / "new_tickets.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = "".join(texts[line - 1] for line in LINES)
    command = [*ATTNCLF, "explain", "--model", str(model), "--format", "svg", "--out", str(picture)]
    subprocess.run(command, input=chosen.encode(), check=True)


def main() -> None:
    """Train with the default settings, as the README does, and draw."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        subprocess.run([*ATTNCLF, "train", str(TICKETS / "tickets.csv"), "--out", str(model), "--quiet"], check=True)
        draw_explanation(model, DOCS / "explain.svg")


if __name__ == "__main__":
    main()
