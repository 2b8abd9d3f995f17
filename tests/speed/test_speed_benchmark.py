"""The speed benchmark measures fairly, and writes no more than it measured."""

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ENVIRONMENT, EXAMPLES

from attnclf.config import Config
from attnclf.text.ragged import Ragged
from benchmarks.results import put
from benchmarks.speed import flops, texts
from benchmarks.speed.contender import Contender
from benchmarks.speed.rounds import in_turns, ratio
from benchmarks.speed.settings import Row

ROOT = EXAMPLES.parent
PAGE = "# Results\n\n## By hand\n\nStays.\n"


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", *map(str, arguments)],
        capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.long
def test_two_parts_are_measured_and_the_rest_of_the_page_stays(model, tmp_path):
    page = tmp_path / "RESULTS.md"
    page.write_text(PAGE, encoding="utf-8")
    options = ["--rows", 128, "--rounds", 1, "--model", model, "--out", page, "--work", tmp_path]
    done = bench("startup", "limit", *options)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith(PAGE.rstrip())
    limit, startup = text.index("## Speed: the limit of the machine"), text.index("## Speed: start-up")
    assert limit < startup
    assert "| numpy, 128 × 128 |" in text[limit:startup]
    assert "| torch, 128 × 128 |" in text[limit:startup]
    assert "cores; " in text[limit:startup]
    assert "| `echo hi \\| attnclf predict` / `python -c" in text[startup:]


def test_a_part_without_its_data_says_what_to_do_and_writes_nothing(model, tmp_path):
    page = tmp_path / "RESULTS.md"
    done = bench("predict", "--data", tmp_path / "nowhere", "--model", model, "--out", page, "--work", tmp_path)
    assert done.returncode == 1
    assert "pass --data FOLDER" in done.stderr
    assert not page.exists()


def test_a_second_measurement_takes_the_place_of_the_first_and_of_nothing_else(tmp_path):
    page = tmp_path / "RESULTS.md"
    page.write_text(PAGE, encoding="utf-8")
    put(page, "One", "first")
    page.write_text(page.read_text(encoding="utf-8") + "\nA note by hand.\n", encoding="utf-8")
    put(page, "Two", "second")
    before = page.read_text(encoding="utf-8")
    put(page, "One", "third")
    assert page.read_text(encoding="utf-8") == before.replace("first", "third")


def test_contenders_take_turns_and_a_ratio_is_of_one_round():
    turns = []
    figures = {"a": iter([9.0, 1.0, 10.0]), "b": iter([9.0, 2.0, 40.0])}
    contenders = {name: lambda name=name: turns.append(name) or next(figures[name]) for name in figures}
    found = in_turns(contenders, rounds=2)
    assert turns == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": [1.0, 10.0], "b": [2.0, 40.0]}
    paired = ratio(found["a"], found["b"])
    assert (paired.min, paired.median, paired.max) == (0.25, 0.375, 0.5)


def test_a_contender_has_its_own_process_and_environment(monkeypatch):
    import os

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Contender("functools:partial", os.getenv, "OMP_NUM_THREADS", "unset") as unset:
        assert unset() == "unset"
    with Contender("functools:partial", os.getenv, "OMP_NUM_THREADS", environ={"OMP_NUM_THREADS": "3"}) as three:
        assert [three(), three()] == ["3", "3"]
    assert os.environ["OMP_NUM_THREADS"] == "7"


@given(st.integers(0, 1000))
def test_recombined_texts_differ_and_keep_the_label_of_their_head(seed):
    rows = [Row(" ".join(f"{letter}{place}" for place in range(9)), letter) for letter in "abcdefgh"]
    made = list(islice(texts.recombined(rows, seed), 50))
    assert len({row.text for row in made}) > 25
    assert all(len(row.text.split()) == 10 for row in made)
    assert sum(row.label in row.text.split()[0] for row in made) == 50


def test_blocks_hold_as_many_lines_as_asked_for():
    rows = [Row("one two three", "a"), Row("four five", "b")]
    assert b"".join(texts.blocks(rows, 12_345, seed=0)).count(b"\n") == 12_345


@pytest.mark.parametrize("encoder", [{}, {"hidden": 5, "cell": "gru"}, {"layers": 2, "bidirectional": False}])
def test_a_unit_costs_two_operations_for_each_weight_of_the_recurrence(encoder):
    from attnclf.catalog import ARCHITECTURES

    config = Config.from_dict({"model": {"embedding": {"dim": 7}, "encoder": encoder}}).model
    network = ARCHITECTURES["temporal"].build(config, 20, 3, 10)
    weights = sum(weight.numel() for name, weight in network.encoder.named_parameters() if "weight" in name)
    assert flops.forward(config) == 2 * weights + 4 * network.encoder.out_dim


def tiny(tmp_path):
    from benchmarks.speed.peers.rows import Rows

    random = np.random.default_rng(0)
    ids = [random.integers(1, 30, random.integers(1, 9)) for _ in range(40)]
    labels = [int(text[0] % 3) for text in ids]
    rows = Rows.of(Ragged.of(ids), labels=labels, vocabulary=30, batch_size=8, learning_rate=0.01)
    rows.save(tmp_path / "rows.npz")
    return tmp_path / "rows.npz", sum(map(len, ids))


def test_every_network_that_trains_learns_from_the_same_tokens(tmp_path, one_thread):
    from benchmarks.speed.parts.train import OURS, widths
    from benchmarks.speed.peers import naive_torch, ours

    file, tokens = tiny(tmp_path)
    for epoch in (naive_torch.prepare(file), *(ours.loop(file, preset, widths(hidden)) for preset, hidden in OURS)):
        said = epoch()
        assert said.tokens == tokens
        assert said.seconds > 0


def test_the_naive_network_is_as_wide_as_ours():
    from attnclf.catalog import ARCHITECTURES
    from benchmarks.speed.parts.train import HIDDEN, widths
    from benchmarks.speed.peers.naive_torch import Classifier

    ours = ARCHITECTURES["temporal"].build(Config.from_dict(widths(HIDDEN)).model, 50, 3, 10)
    theirs = Classifier(50, 3)
    assert sum(one.numel() for one in ours.parameters()) == sum(one.numel() for one in theirs.parameters())


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of another process is read from /proc")
def test_a_process_that_keeps_what_it_reads_is_seen_to_grow():
    from benchmarks.speed.processes import memory_of_pipe

    def peaks(keep):
        code = f"import sys\nkept = []\nfor line in sys.stdin:\n print(flush=True)\n {keep}"
        course = memory_of_pipe([sys.executable, "-c", code], [b"line\n"] * 2000, 2000).course
        return [megabytes for _, megabytes in course]

    flat, growing = peaks("pass"), peaks("kept.append(bytes(50_000))")
    assert flat[-1] - flat[0] < 5
    assert growing[-1] - growing[0] > 50
