"""The benchmark of explanations runs over finished models, keeps what it has computed, and writes its tables."""

import json
import shutil

import pytest

from benchmarks import explanations


def test_the_benchmark_reuses_models_and_figures_and_writes_its_section(model, tickets, tmp_path, monkeypatch, capsys):
    rows = [{"text": text, "label": "billing", "rationale": [text.split()[0]]} for text in tickets[:6]]
    folder = tmp_path / "data" / "tickets"
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    shutil.copytree(model, tmp_path / "models" / "tickets-balanced-0")
    page = tmp_path / "RESULTS.md"

    def run():
        explanations.main(
            tmp_path / "data", only=["tickets"], seed=[0], preset="balanced", rows=4, split="test",
            models=tmp_path / "models", work=tmp_path / "work", out=page,
        )  # fmt: skip
        return page.read_text(encoding="utf-8")

    written = run()
    assert "**tickets**" in written
    assert "4 test texts of" in written
    for method in ("attention", "erasure-search", "kernel-shap", "integrated-gradients", "random"):
        assert sum(line.startswith(f"| {method} |") for line in written.splitlines()) == 1
    assert "| AUPRC |" in written
    monkeypatch.setattr(explanations, "scored", lambda *rest: pytest.fail("this was computed before"))
    assert run().count("| attention |") == 1
    assert "**tickets**" in capsys.readouterr().out
