"""What `predict` writes for a stream: a line for each text, and no work for a text that came before."""

import io

import pytest

from attnclf.runtime.streaming import StreamCounts, stream_predictions


@pytest.fixture
def started(classifier, monkeypatch):
    """Return the list of the texts that the network is given."""
    given, start = [], classifier.start

    def listed(texts, **options):
        given.extend(texts)
        return start(texts, **options)

    monkeypatch.setattr(classifier, "start", listed)
    return given


def answers(classifier, texts):
    """Return the lines written for texts, and the counts that `stream_predictions` returns of them."""
    output = io.StringIO()
    counts = stream_predictions(
        classifier, texts, output, line=lambda _, text, prediction: f"{text}: {prediction.label} {prediction.score:.3f}"
    )
    return output.getvalue().splitlines(), counts


def test_texts_that_come_again_get_the_line_of_the_first_time_without_the_network(classifier, tickets, started):
    few = tickets[:5]
    first, _ = answers(classifier, few)
    started.clear()
    lines, counts = answers(classifier, few * 10_000)
    assert lines == first * 10_000
    assert counts == StreamCounts(50_000, 0)
    assert set(started) == set(few)
    # A window that is begun while the one before it is in the network does not know its answers yet.
    assert len(started) <= 4 * len(few)


def test_different_texts_all_go_through_the_network_in_order(classifier, tickets, started):
    different = [text for text in dict.fromkeys(tickets) if "\n" not in text]
    lines, counts = answers(classifier, different)
    assert started == different
    assert [line.rpartition(": ")[0] for line in lines] == different
    assert counts.texts == len(different)


def test_a_text_that_is_cut_is_counted_each_time_it_comes(classifier, tickets):
    long = " ".join(tickets[:40])
    short = ["my parcel is late", "I was charged twice"] * 1_000
    lines, counts = answers(classifier, [long, tickets[0], long, *short, long])
    assert counts == StreamCounts(len(lines), 3) == StreamCounts(2_004, 3)
    assert lines[0] == lines[2] == lines[-1]
