"""Rows too many for memory: what is learned from on disk is what would be learned from in memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.data import corpus
from attnclf.data.labels import LabelSet
from attnclf.data.read_options import ReadOptions
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.training import examples as module
from attnclf.training.examples import Examples

ROWS = st.lists(st.lists(st.integers(0, 99), max_size=5), min_size=1, max_size=6)


def laid(rows, kind=np.int32):
    return Ragged.of([np.array(row, kind) for row in rows])


@settings(deadline=None, max_examples=50)
@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from([np.uint16, np.int32, np.float32]))
def test_parts_on_disk_are_the_parts_in_memory(parts, kind):
    on_disk, joined = (lay([laid(rows, kind) for rows in parts]) for lay in (Ragged.on_disk, Ragged.join))
    assert on_disk.offsets.tolist() == joined.offsets.tolist()
    assert on_disk.ids.tolist() == joined.ids.tolist()
    assert on_disk.ids.dtype == (np.float32 if kind is np.float32 else np.int32)
    filled = np.flatnonzero(joined.lengths)
    if len(filled):
        for one, other in zip(on_disk.padded(filled), joined.padded(filled), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("char_ngrams", [True, False])
def test_a_large_file_becomes_the_same_examples_on_disk(examples, monkeypatch, char_ngrams):
    monkeypatch.setattr(module, "CHUNK", 50)  # several parts
    file = str(examples / "tickets" / "tickets.csv")
    small, large = corpus.read(file), corpus.read(file, ReadOptions(large_bytes=0))
    labels = LabelSet.from_lists(small.label_lists, multi_label=False)
    tokenizer = Tokenizer.learn(
        small.texts, unit="word", vocabulary=300, min_frequency=2, lowercase=True, max_length=20
    )
    in_memory, on_disk = (Examples.of(rows, tokenizer, labels, char_ngrams=char_ngrams) for rows in (small, large))
    assert isinstance(on_disk.tokens.ids.base, np.memmap)
    assert not isinstance(in_memory.tokens.ids.base, np.memmap)
    assert on_disk.tokens.stored
    assert not in_memory.tokens.stored
    np.testing.assert_array_equal(in_memory.tokens.ids, on_disk.tokens.ids)
    np.testing.assert_array_equal(in_memory.tokens.offsets, on_disk.tokens.offsets)
    assert (in_memory.unknown, in_memory.cut) == (on_disk.unknown, on_disk.cut)
    assert on_disk.cut > 0
