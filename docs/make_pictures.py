"""Draw `explain.svg` and `page.png` again: train on the ticket example, then explain some of its unlabelled lines.

Run it from anywhere with the environment's Python: `python docs/make_pictures.py`. The page needs Chromium.
"""

import io
import re
import shutil
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


def draw_page(model: Path, picture: Path) -> None:
    """Let a browser show the page of `attnclf serve` with the first of the lines."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    text = (TICKETS / "new_tickets.txt").read_text(encoding="utf-8").splitlines()[0]
    command = [*ATTNCLF, "serve", "--model", f"tickets={model}", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stderr is not None
        address = next(found.group() for line in server.stderr if (found := re.search(r"http://\S+", line)))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 780, "height": 600}, device_scale_factor=1.5)
        page.goto(address)
        page.fill("#text", text)
        page.click("#explain")
        page.hover("#result mark >> nth=0")
        shown = page.screenshot(full_page=True)
        browser.close()
        server.terminate()
    # Few colours are enough for text and tones, and take a third of the bytes.
    few = (
        Image.open(io.BytesIO(shown)).convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    few.save(picture, optimize=True)


def main() -> None:
    """Train with the default settings, as the README does, and draw."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        subprocess.run([*ATTNCLF, "train", str(TICKETS / "tickets.csv"), "--out", str(model), "--quiet"], check=True)
        draw_explanation(model, DOCS / "explain.svg")
        draw_page(model, DOCS / "page.png")


if __name__ == "__main__":
    main()
