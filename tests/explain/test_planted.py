"""On texts whose label was decided by words that were planted, the method of `auto` finds them."""

import numpy as np
import pytest

from attnclf.config import Config
from attnclf.explain import choice
from benchmarks.planted import KINDS, corpus, learned, precision


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_corpus_is_the_same_each_time_and_says_where_its_evidence_is(kind):
    rows = corpus(kind, 300, 0)
    assert rows == corpus(kind, 300, 0)
    assert len({row.text for row in rows}) == 300
    for row in rows:
        words = row.text.split()
        assert row.evidence < set(words)
        assert all(words.count(one) == 1 for one in row.evidence)


def test_no_single_word_of_a_pair_tells_the_label():
    rows = corpus("pair", 3000, 1)
    for word in set().union(*(row.evidence for row in rows)):
        odd = np.mean([row.label == "odd" for row in rows if word in row.evidence])
        assert odd == pytest.approx(0.5, abs=0.08)


@pytest.mark.long
def test_auto_finds_the_planted_words(small, exporting, tmp_path):
    rows = corpus("word", 500, 0)
    classifier = learned(rows[:400], Config.from_dict(small), tmp_path)
    assert choice.best(classifier.bundle) != "attention"
    assert np.mean(precision(classifier, rows[400:], "auto")) >= 0.95
    assert np.mean(precision(classifier, rows[400:], "random")) < 0.3
