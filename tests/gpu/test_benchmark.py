"""The benchmark for a GPU runs through, at small sizes on a CPU, and writes its section."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_the_benchmark_runs_on_a_cpu_and_replaces_its_section(tmp_path):
    page = tmp_path / "RESULTS.md"
    page.write_text("# Results\n\n## Another\n\nstays\n", encoding="utf-8")
    options = ["--device", "cpu", "--hidden", "8", "--rounds", "1", "--out", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = page.read_text(encoding="utf-8")
    assert said.startswith("# Results\n\n## Another\n\nstays\n")
    rows = {
        line.split("|")[1].strip(): line.split("|")[2].split()[0]
        for line in said.splitlines()
        if "(" in line and line[0] == "|"
    }
    assert {"batches of 1: torch, fp32", "batches of 32: ONNX Runtime, fp16", "attnclf, mixed precision"} <= rows.keys()
    assert all(float(rate.replace(",", "")) > 0 for rate in rows.values())
