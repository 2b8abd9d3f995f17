"""Which columns are taken for the text and the label."""

import unicodedata

import pytest

from attnclf.data.columns import choose
from attnclf.data.read_options import ReadOptions
from attnclf.errors import DataError

SHORT = ("pos", "neg", "pos", "neg", "pos", "neg")


def table(**columns):
    names = tuple(columns)
    return names, [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def prose(start="some words about the matter"):
    return [f"{start}, number {number}" for number in range(6)]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Text", "Label"),
        ("review", "sentiment"),
        ("内容", "标签"),
        ("текст", "метка"),
        ("Отзыв", "тональность"),
        ("文本", "类别"),
    ],
)
def test_usual_names_are_known_in_three_languages(text, label):
    names, sample = table(**{"id": prose("an identifier longer than the text itself"), label: SHORT, text: prose("a")})
    chosen = choose(names, sample, ReadOptions())
    assert (chosen.text, chosen.labels, chosen.why) == ((text,), label, "by name")


def test_a_plainer_name_wins_over_a_vaguer_one():
    names, sample = table(title=prose(), text=prose(), category=SHORT, label=SHORT)
    assert choose(names, sample, ReadOptions()).text == ("text",)
    assert choose(names, sample, ReadOptions()).labels == "label"


def test_two_equally_good_names_must_be_told_apart():
    names, sample = table(review=prose(), comment=prose(), label=SHORT)
    with pytest.raises(DataError, match="the text could be in any of 'review', 'comment'; pass --text-column NAME"):
        choose(names, sample, ReadOptions())
    names, sample = table(text=prose(), intent=SHORT, emotion=SHORT)
    with pytest.raises(DataError, match="the label could be in any of 'intent', 'emotion'; pass --label-column NAME"):
        choose(names, sample, ReadOptions())


def test_a_usual_name_over_numbers_is_not_the_text():
    names, sample = table(content=range(6), words=prose(), label=SHORT)
    assert choose(names, sample, ReadOptions()).text == ("words",)


@pytest.mark.parametrize("cells", [range(6), [None] * 6, [["a"]] * 6, [b"\xff"] * 6])
def test_a_column_called_text_without_text_is_an_error_unless_another_is_named(cells):
    names, sample = table(text=cells, words=prose(), label=SHORT)
    with pytest.raises(DataError, match="column 'text' does not hold text; convert it, or pass --text-column NAME"):
        choose(names, sample, ReadOptions())
    assert choose(names, sample, ReadOptions(text_columns=["words"])).text == ("words",)


def test_a_column_that_names_the_row_is_no_text_though_it_differs_most():
    names, sample = table(id=[f"customer-{n}-of-many" for n in range(6)], words=["a b", "c d"] * 3, label=SHORT)
    assert choose(names, sample, ReadOptions()).text == ("words",)


def test_without_names_the_long_distinct_column_is_the_text_and_the_recurring_one_the_label():
    names, sample = table(number=range(6), kind=SHORT, words=prose())
    chosen = choose(names, sample, ReadOptions())
    assert (chosen.text, chosen.labels, chosen.why) == (("words",), "kind", "by content")


def test_two_columns_alike_in_content_must_be_told_apart():
    names, sample = table(a=prose(), b=prose(), label=SHORT)
    with pytest.raises(DataError, match="the text could be in any of 'a', 'b'"):
        choose(names, sample, ReadOptions())
    names, sample = table(text=prose(), a=SHORT, b=SHORT, c=range(6))
    with pytest.raises(DataError, match="the label could be in any of 'a', 'b'; pass --label-column"):
        choose(names, sample, ReadOptions())


def test_the_only_column_left_is_the_label():
    names, sample = table(text=prose(), whatever=prose())
    assert choose(names, sample, ReadOptions()).labels == "whatever"


def test_what_is_asked_for_is_taken_in_the_order_asked():
    names, sample = table(title=prose(), text=prose(), label=SHORT, other=SHORT, w=range(6))
    chosen = choose(names, sample, ReadOptions(text_columns=["text", "title"], label_column="other", weight_column="w"))
    assert (chosen.text, chosen.labels, chosen.weight, chosen.why) == (("text", "title"), "other", "w", "as asked")


def test_a_column_can_be_asked_for_by_position():
    names, sample = table(a=prose(), b=SHORT)
    assert choose(names, sample, ReadOptions(label_column="2")).labels == "b"


def test_a_column_that_is_not_there_suggests_the_nearest_and_lists_all():
    names, sample = table(Text=prose(), topic=SHORT)
    with pytest.raises(DataError, match=r"no column 'txet'; did you mean 'Text'\? the columns are 'Text', 'topic'"):
        choose(names, sample, ReadOptions(text_columns=["txet"]))
    with pytest.raises(DataError, match="no column '3'; the columns are"):
        choose(names, sample, ReadOptions(label_column="3"))


def test_names_that_look_the_same_are_the_same_however_they_are_composed():
    comment, case = (unicodedata.normalize("NFD", name) for name in ("Комментарий", "Случай"))
    names, sample = table(**{"number": prose(), comment: prose(), case: SHORT})
    chosen = choose(names, sample, ReadOptions(label_column="Случай"))
    assert (chosen.text, chosen.labels) == ((comment,), case)


def test_one_column_cannot_be_both():
    names, sample = table(text=prose(), label=SHORT)
    with pytest.raises(DataError, match="'text' cannot be both text and label"):
        choose(names, sample, ReadOptions(text_columns=["text"], label_column="text"))


def test_too_few_columns_say_what_is_lacking():
    names, sample = table(text=prose())
    with pytest.raises(DataError, match="no label column"):
        choose(names, sample, ReadOptions())
    names, sample = table(text=prose(), label=SHORT)
    with pytest.raises(DataError, match="no column is left for the text; add one"):
        choose(names, sample, ReadOptions(weight_column="text"))
    names, sample = table(label=range(6), n=range(6))
    with pytest.raises(DataError, match="no column holds text: 'n'"):
        choose(names, sample, ReadOptions())
