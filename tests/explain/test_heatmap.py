"""Maps as pictures: whatever the words and weights, nothing is lost without a word and nothing leaves its place."""

import io
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment

from attnclf.explain.render.html import document, heatmap
from attnclf.explain.render.svg import highlight as svg
from attnclf.explain.render.terminal.heatmap import BARS, MARK, HeatMap, heaviest_columns
from attnclf.explain.types.explanation import Explanation, Map, Word
from attnclf.text.screen import short

COLOURS = ["truecolor", "256", "standard", None]
WORDS = st.text(st.sampled_from("abXY.,'退款的שלוםمرحبا\u0301👩🏽é\x1b\u202e<&>"), min_size=1, max_size=20)
WEIGHTS = st.floats(0, 1, width=32)


@st.composite
def maps(draw):
    """Draw a map of words × words or of labels × words, of one row to many."""
    columns = tuple(draw(st.lists(WORDS, min_size=1, max_size=70)))
    rows = columns if draw(st.booleans()) else tuple(draw(st.lists(WORDS, min_size=1, max_size=4)))
    one = draw(st.lists(WEIGHTS, min_size=len(columns), max_size=len(columns)))
    turn = draw(st.integers(0, 5))
    weights = tuple(tuple(one[turn * row % len(one) :] + one[: turn * row % len(one)]) for row in range(len(rows)))
    return Map(name="drawn", title="a map", rows=rows, columns=columns, weights=weights)


def lines(drawn, width=80, colour=None):
    screen = Console(
        file=io.StringIO(), width=width, color_system=colour, force_terminal=True, legacy_windows=False, no_color=False
    )
    return ["".join(part.text for part in line) for line in Segment.split_lines(screen.render(HeatMap(drawn)))]


def square(words, weights=None):
    size = len(words)
    weights = weights or tuple(tuple(float(row == column) for column in range(size)) for row in range(size))
    return Map(name="self_attention", title="a map", rows=tuple(words), columns=tuple(words), weights=weights)


ALIGNMENT = Map(
    name="alignment", title="where it looked", rows=("water", "noise"), columns=("leak", "and", "hammering"),
    weights=((0.8, 0.1, 0.1), (0.1, 0.1, 0.8)),
)  # fmt: skip


# What a person sees


def test_a_map_of_words_is_a_grid_under_the_numbers_of_its_rows():
    assert lines(square(["pay", "me", "back"])) == [
        "a map", "",
        "       1 2 3",
        "1 pay  ██· ·",
        "2 me   · ██·",
        "3 back · · ██", "",
        "·: 33 % or less (an even share), ░▒▓█ up to 100 %",
        "strongest: pay → pay 100 %, me → me 100 %, back → back 100 %",
    ]  # fmt: skip


def test_a_map_of_labels_is_a_grid_under_its_words():
    assert lines(ALIGNMENT) == [
        "where it looked", "",
        "      leak and hammering",
        "water ████  ·      ·",
        "noise  ·    ·  █████████", "",
        "·: 33 % or less (an even share), ░▒▓█ up to 80 %",
        "strongest: water → leak 80 %, noise → hammering 80 %",
    ]  # fmt: skip


def test_words_that_do_not_fit_side_by_side_stand_in_blocks():
    assert lines(ALIGNMENT, width=20)[2:9] == [
        "      leak and", "water ████  ·", "noise  ·    ·", "",
        "      hammering", "water     ·", "noise █████████",
    ]  # fmt: skip


def test_of_too_many_words_the_heaviest_are_drawn_and_counted():
    words = [f"w{number}" for number in range(99)]
    drawn = lines(square(words, tuple(tuple(float(column % 3 == 0) for column in range(99)) for _ in words)), width=40)
    assert "the 16 of 99 words with the most weight" in drawn
    assert [line.split()[1] for line in drawn if re.match(r" *\d+ w", line)] == [f"w{3 * n}" for n in range(16)]


def test_a_list_is_drawn_as_bars_of_its_first_columns():
    one = Map(name="gate", rows=("gate",), columns=("leak", "pipe"), weights=((0.5, 0.25),))
    assert one.is_list
    assert not ALIGNMENT.is_list
    assert lines(one)[2:] == ["leak ━━━━━━━━━━ 0.5", "pipe ━━━━━───── 0.25"]
    long = Map(name="gate", rows=("gate",), columns=("x",) * 20, weights=((0.1,) * 20,))
    assert lines(long)[-1] == f"… and {20 - BARS} more"


def test_wide_and_right_to_left_words_keep_their_columns():
    drawn = lines(square(["退款", "שלום", "a"]))
    assert drawn[3:6] == ["1 退款 ██· ·", f"2 {MARK}שלום{MARK} · ██·", "3 a    · · ██"]
    assert len({cell_len(line.rstrip("█·▓▒░ ")) for line in drawn[3:6]}) > 1
    assert {cell_len(line) for line in drawn[5:6]} == {cell_len("3 a    · · ██")}


# For any map


def listed(drawn):
    """Return the numbers of rows and of columns in the picture of a map of words × words."""
    grid = drawn[2 : drawn.index("", 2)]
    heading = [line for line in grid if re.fullmatch(r"[\d ]+", line)]
    rows = [int(line.split()[0]) for line in grid[len(heading) :]]
    width = max(map(len, heading))
    digits = ["".join(column).strip() for column in zip(*(line.ljust(width) for line in heading), strict=True)]
    return rows, [int(number) for number in digits if number]


@given(maps(), st.integers(20, 100))
@settings(deadline=None, max_examples=150)
def test_every_row_and_column_is_drawn_or_counted(one, width):
    drawn = lines(one, width)
    counted = [re.match(r"the (\d+) of (\d+) words", line) for line in drawn]
    shown, of = next(((int(found[1]), int(found[2])) for found in counted if found), (len(one.columns),) * 2)
    assert of == len(one.columns)
    assert shown == of or shown <= 60
    kept = heaviest_columns(one, shown)
    if one.rows == one.columns:
        rows, columns = listed(drawn)
        assert rows == columns == [column + 1 for column in kept]
    else:
        text = "\n".join(drawn).replace(MARK, "")
        for name in one.rows:
            assert short(name, max(width // 3, 8) if width < 48 else 16)[:3].rstrip("…") in text
        for column in kept:
            # A cluster such as ␛🏽 may be too wide for the place that is left behind the first character.
            assert short(one.columns[column], 4).rstrip("…")[:1] in text


@given(maps(), st.integers(20, 100), st.sampled_from(COLOURS))
@settings(deadline=None, max_examples=150)
def test_no_line_is_wider_than_the_screen_or_ends_in_a_plain_space(one, width, colour):
    drawn = lines(one, width, colour)
    assert max(map(cell_len, drawn)) <= width
    if colour is None:
        assert [line for line in drawn if line != line.rstrip(" ")] == []


@given(maps())
@settings(deadline=None, max_examples=100)
def test_no_control_character_reaches_the_screen(one):
    for line in lines(one):
        assert "\x1b" not in line
        assert "\u202e" not in line


# Pages and pictures


def explanation(*drawn, text="pay me", label="refund"):
    words = (Word(text="pay", start=0, end=3, weight=0.9), Word(text="me", start=4, end=6, weight=0.1))
    return Explanation(
        text=text, label=label, score=0.9, labels=((label, 0.9),), chosen=(label,), method="attention", words=words,
        maps=drawn,
    )  # fmt: skip


@given(maps())
@settings(deadline=None, max_examples=25)
def test_any_map_gives_a_well_formed_picture_that_fetches_nothing(one):
    drawing = svg.render([explanation(one)])
    root = ElementTree.fromstring(drawing.encode())
    assert not [node.tag for node in root.iter() if node.tag.rsplit("}")[-1] in ("script", "image", "use", "a")]
    assert [name for node in root.iter() for name in node.attrib if "href" in name or name.startswith("on")] == []
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", drawing))


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;b&gt;"])
def test_a_hostile_word_or_label_stays_text_on_a_page(hostile):
    maps = (
        square([hostile, "me"]),
        Map(name=hostile, rows=(hostile, "b"), columns=(hostile,), weights=((0.9,), (0.1,))),
        Map(name="gate", rows=("gate",), columns=(hostile,), weights=((0.9,),)),
    )
    page = document.render([explanation(*maps)])
    assert not re.search(r"<(script|img|b)\b", page)
    assert "&lt;script&gt;" in page or "&amp;lt;" in page or "&lt;img" in page


@given(maps())
@settings(deadline=None, max_examples=25)
def test_a_page_shows_every_row_and_a_cell_for_every_pair_or_counts_them(one):
    drawn = "\n".join(heatmap.drawn(one))
    columns = drawn.count('<th scope="col">')
    assert columns == min(len(one.columns), heatmap.LARGEST)
    assert (f"the {columns} of {len(one.columns)} words" in drawn) == (columns < len(one.columns))
    rows = columns if one.rows == one.columns else len(one.rows)
    assert drawn.count('<th scope="row">') == rows
    assert drawn.count("<td style=") == rows * columns


def test_a_page_is_drawn_one_explanation_at_a_time():
    drawn = []

    def each():
        for number in range(3):
            drawn.append(number)
            yield explanation(ALIGNMENT)

    assert document.render(each()).count('class="map"') == 3
    assert svg.render(each()).count("where&#160;it&#160;looked") == 3
    assert drawn == [0, 1, 2] * 2
