"""Words that stand among the same words begin alike."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.text.ragged import Ragged
from attnclf.training.cooccurrence import begin_alike, cooccurrence_vectors

CAT, DOG, RED, BLUE, ODD, EVEN = range(2, 8)


def tokens(*rows):
    return Ragged.of([np.array(row) for row in rows])


def likeness(vectors, one, other):
    return float(vectors[one] @ vectors[other])


def test_words_with_the_same_neighbours_have_vectors_of_one_direction():
    generator = np.random.default_rng(0)
    rows = [[generator.choice([CAT, DOG]), ODD] for _ in range(60)] + [
        [generator.choice([RED, BLUE]), EVEN] for _ in range(60)
    ]
    vectors = cooccurrence_vectors([tokens(*rows)], 8, 4)
    assert likeness(vectors, CAT, DOG) > 0.95
    assert likeness(vectors, RED, BLUE) > 0.95
    assert abs(likeness(vectors, CAT, RED)) < 0.1


def test_the_ends_of_texts_are_no_neighbours_and_neither_are_unknown_words():
    apart = cooccurrence_vectors([tokens([CAT], [DOG], [RED, 1, 99])], 8, 4)
    assert not apart.any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=7), min_size=1, max_size=8), st.integers(1, 12))
def test_every_vector_has_length_one_or_is_zero_and_order_and_cuts_of_the_texts_do_not_matter(rows, dim):
    whole = cooccurrence_vectors([tokens(*rows)], 8, dim)
    parted = cooccurrence_vectors([tokens(row) for row in reversed(rows)], 8, dim)
    lengths = np.linalg.norm(whole, axis=1)
    assert (np.isclose(lengths, 1, atol=1e-4) | (lengths == 0)).all()
    assert not whole[:2].any()
    np.testing.assert_array_equal(whole.any(axis=1), parted.any(axis=1))


def test_a_table_keeps_its_scale_and_the_rows_of_words_without_neighbours():
    torch.manual_seed(0)
    table = torch.nn.Embedding(8, 4).weight
    before = table.detach().clone()
    begin_alike(table, cooccurrence_vectors([tokens([CAT, ODD], [DOG, ODD])], *table.shape))
    torch.testing.assert_close(table[[RED, BLUE, EVEN]], before[[RED, BLUE, EVEN]])
    assert not torch.equal(table[CAT], before[CAT])
    assert table[CAT].norm().item() == pytest.approx(before[[CAT, ODD, DOG]].norm(dim=1).mean().item(), rel=0.01)


def test_texts_without_labels_teach_words_that_no_labelled_row_has(in_session, examples, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("a zorbling parcel\n\nthe zorbling invoice\nzorbling again\n", encoding="utf-8")
    options = ["--out", tmp_path / "model", "--unlabeled", more, "--preset", "fast", "--epochs", 1, "--no-baseline"]
    done = in_session("train", examples / "tickets" / "tickets.csv", *options)
    assert done.exit_code == 0, done.stderr
    assert "3 texts without labels" in done.stderr
    assert "Pretrained on" in done.stderr
    assert '"zorbling"' in (tmp_path / "model" / "tokenizer.json").read_text(encoding="utf-8")


def test_settings_that_learn_nothing_from_unlabeled_texts_say_so(in_session, examples, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("a parcel\n", encoding="utf-8")
    options = ["--out", tmp_path / "model", "--unlabeled", more, "--preset", "plain"]
    done = in_session("train", examples / "tickets" / "tickets.csv", *options)
    assert done.exit_code == 1
    assert "learn nothing from unlabeled texts" in done.stderr
    assert not (tmp_path / "model").exists()
