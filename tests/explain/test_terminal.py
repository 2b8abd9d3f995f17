import io
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ANSI_COLOR_NAMES, Color, ColorSystem
from rich.console import Console
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style

from attnclf.errors import ConfigError
from attnclf.explain.metrics.faithfulness import Faithfulness, Figures
from attnclf.explain.render.palette import AGAINST, DARK, LIGHT, STEPS, TONES, Scale
from attnclf.explain.render.terminal.comparison import SideBySide
from attnclf.explain.render.terminal.highlight import Highlight, passages, percent
from attnclf.explain.types.explanation import Comparison, Explanation, Word
from attnclf.text.screen import clusters, short, visible

LABELS = (("refund", 0.71), ("billing", 0.12), ("other", 0.08), ("shipping", 0.05), ("spam", 0.04))
COLOUR_SYSTEMS = ["truecolor", "256", "standard", None]
SPECIAL = (
    "a b\n\t [](),。退款的שלוםمرحبا\u0301\u200d\ufe0f👩👧👍🏽🇩🇪é\x1b\x00\r\x9b\u202e\u2066\u2028\xa0\u3000\ud800\u200f"
)


def explain(text, weights, *, labels=LABELS, chosen=("refund",), truncated_at=None, pattern=r"[^\W\d_]+"):
    """Weigh the words of `text` in the order they stand; the weights are scaled to sum to 1."""
    found = list(re.finditer(pattern, text))
    total = sum(weights)
    words = tuple(
        Word(text=match.group(), start=match.start(), end=match.end(), weight=weight / total)
        for match, weight in zip(found, weights, strict=True)
    )
    return Explanation(
        text=text,
        label=labels[0][0],
        score=labels[0][1],
        labels=labels,
        chosen=chosen,
        method="attention",
        words=words,
        truncated_at=truncated_at,
    )


def console(width=80, color_system="truecolor", **options):
    return Console(
        file=io.StringIO(),
        width=width,
        color_system=color_system,
        force_terminal=True,
        legacy_windows=False,
        no_color=options.pop("no_color", False),
        **options,
    )


def draw(explanation, *, width=80, color_system=None, top=5, limit=4000, **options):
    screen = console(width, color_system, **options)
    screen.print(Highlight(explanation, top=top, limit=limit))
    return screen.file.getvalue()


def segments(explanation, *, width=80, color_system="truecolor", top=5):
    screen = console(width, color_system)
    return list(screen.render(Highlight(explanation, top=top)))


def shaded(explanation, color_system="truecolor"):
    """Return what of the text has a background, with its step; the legend's sample cells are left out."""
    steps = {Style.parse(tone): step for step, tone in enumerate(TONES[color_system], start=1)}
    return [
        (part.text, steps[part.style])
        for part in segments(explanation, color_system=color_system)
        if part.style and part.style.bgcolor and not part.text.isspace()
    ]


def body(drawing):
    """Cut the header and the legend from a drawing: they stand before the first and after the last blank line."""
    return drawing.split("\n\n", 1)[1].rsplit("\n\n", 1)[0]


def luminance(color):
    channels = [c / 255 for c in color]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """Contrast ratio of WCAG 2.2, from 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@st.composite
def explanations(draw, alphabet=SPECIAL):
    text = draw(st.text(st.sampled_from(alphabet) if alphabet else st.characters(), min_size=1, max_size=60))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    spans = [span for span in pairwise(cuts) if draw(st.booleans())]
    raw = [draw(st.floats(0, 1)) for _ in spans]
    total = sum(raw) or 1.0
    words = tuple(
        Word(text=text[a:b], start=a, end=b, weight=weight / total) for (a, b), weight in zip(spans, raw, strict=True)
    )
    return Explanation(
        text=text,
        label="refund",
        score=0.71,
        labels=LABELS,
        chosen=draw(st.sampled_from([("refund",), ("refund", "billing"), ()])),
        method="attention",
        words=words,
        truncated_at=draw(st.none() | st.integers(0, len(text))),
    )


CHARGED = explain("I was charged twice, refund me please", [1, 1, 3, 4, 10, 1, 1])


# What a person sees


def test_the_header_shows_the_label_its_probability_and_three_runners_up():
    header = draw(CHARGED).splitlines()[0]
    assert header == "refund ━━━━━━━─── 71 % · billing 12 % · other 8 % · shipping 5 %"


def test_the_label_is_bold_and_the_runners_up_are_dim():
    parts = segments(CHARGED)
    assert parts[0].text.startswith("refund ")
    assert parts[0].style.bold
    assert next(part.style.dim for part in parts if "billing" in part.text)


def test_several_chosen_labels_all_stand_in_the_header():
    header = draw(explain("so sad", [1, 3], chosen=("refund", "billing"))).splitlines()[0]
    assert "refund ━━━━━━━─── 71 %" in header
    assert "billing ━───────── 12 %" in header
    assert header.count("billing") == 1


def test_no_chosen_label_is_said_and_the_best_one_named():
    low = explain("so so", [1, 3], labels=(("x", 0.31), ("y", 0.2)), chosen=())
    assert draw(low).splitlines()[0] == "no label; most probable: x 31 % · y 20 %"


def test_a_blank_text_draws_one_line():
    blank = Explanation(text=" \n ", label=None, score=None, labels=(), chosen=(), method="attention", words=())
    assert draw(blank) == "nothing to classify: the text is blank\n"


def test_the_legend_names_the_method_and_the_scale_and_the_top_words():
    legend = draw(CHARGED, color_system="truecolor", no_color=False).rsplit("\n\n", 1)[1]
    plain = re.sub("\x1b\\[[0-9;]*m", "", legend)
    assert plain.startswith("attention: unshaded: 14 % or less (an even share), ")
    assert "up to 48 %" in plain
    assert "top words: refund 48 %, twice 19 %, charged 14 %, I 5 %, was 5 %" in plain


def test_the_legend_shows_every_tone_once():
    samples = [part.style for part in segments(CHARGED) if part.text == "\xa0\xa0"]
    assert samples == [Style.parse(tone) for tone in TONES["truecolor"]]


@pytest.mark.parametrize("width", range(20, 80))
def test_the_scale_of_the_legend_is_whole_at_every_width(width):
    lines = Segment.split_lines(console(width).render(Highlight(CHARGED)))
    samples = [[part.style for part in line if part.text == "\xa0\xa0"] for line in lines]
    assert [Style.parse(tone) for tone in TONES["truecolor"]] in samples


def test_a_highlight_can_stand_inside_another_drawing():
    screen = console(40, None)
    screen.print(Panel(Highlight(CHARGED)))
    lines = screen.file.getvalue().splitlines()
    assert {cell_len(line) for line in lines} == {40}
    assert any("[[refund]]" in line for line in lines)


def test_top_sets_how_many_words_are_listed():
    assert draw(CHARGED, top=2).splitlines()[-1] == "top words: refund 48 %, twice 19 %"


@pytest.mark.parametrize("name", ["top", "limit"])
def test_a_count_below_one_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} is 0; set {name} to 1 or more"):
        Highlight(CHARGED, **{name: 0})


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "0 %"), (0.001, "<1 %"), (0.31, "31 %"), (0.997, ">99 %"), (1, "100 %")]
)
def test_per_cent_never_rounds_something_to_nothing_or_nearly_all_to_all(share, shown):
    assert percent(share) == shown


# The scale


def test_the_heaviest_word_gets_the_full_tone_and_light_words_none():
    assert shaded(CHARGED) == [("twice", 1), ("refund", STEPS)]


@pytest.mark.parametrize("color_system", ["truecolor", "256", "standard"])
def test_uniform_weights_show_no_highlight(color_system):
    flat = explain("one two three", [1, 1, 1])
    assert shaded(flat, color_system) == []
    drawn = draw(flat, color_system=None)
    assert "no word stands out from an even share (33 %)" in drawn
    assert "top words: " in drawn  # those that faithfulness takes out
    assert "[" not in draw(flat, color_system=None)


def test_nearly_uniform_weights_show_no_highlight():
    assert shaded(explain("one two three four", [1.02, 1, 0.99, 1])) == []


def test_a_slightly_heavier_word_gets_a_weak_tone_only():
    assert shaded(explain("one two three four", [1.3, 1, 1, 1])) == [("one", 1)]


@pytest.mark.parametrize(("weight", "step"), [(0.0, 0), (0.1, 0), (0.14, 0), (0.16, 1), (0.29, 2), (0.54, 4), (0.6, 5)])
def test_the_tone_is_the_nearest_of_five_between_even_and_full(weight, step):
    assert Scale(even=0.1, full=0.6).step(weight) == step


def test_weights_that_are_all_zero_show_no_highlight():
    words = (Word(text="a", start=0, end=1, weight=0.0),)
    assert Scale.of(words).step(0.0) == 0
    assert Scale.of(()).step(0.0) == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda raw: sum(raw) > 0))
@settings(deadline=None)
def test_a_heavier_word_never_has_a_weaker_tone_and_even_or_less_has_none(raw):
    weights = sorted(weight / sum(raw) for weight in raw)
    scale = Scale.of([Word(text="w", start=0, end=1, weight=weight) for weight in weights])
    steps = [scale.step(weight) for weight in weights]
    assert steps == sorted(steps)
    assert all(step == 0 for step, weight in zip(steps, weights, strict=True) if weight * len(weights) <= 1)
    assert steps[-1] == STEPS or weights[-1] * len(weights) < 2


# Colours

# What terminals in use make of the sixteen names: xterm, the Linux console, Windows 10, VS Code.
SIXTEEN = {
    "xterm": {
        "black": "000000",
        "white": "e5e5e5",
        "bright_yellow": "ffff00",
        "bright_red": "ff0000",
        "bright_cyan": "00ffff",
        "cyan": "00cdcd",
    },
    "linux": {
        "black": "000000",
        "white": "aaaaaa",
        "bright_yellow": "ffff55",
        "bright_red": "ff5555",
        "bright_cyan": "55ffff",
        "cyan": "00aaaa",
    },
    "windows": {
        "black": "0c0c0c",
        "white": "cccccc",
        "bright_yellow": "f9f1a5",
        "bright_red": "e74856",
        "bright_cyan": "61d6d6",
        "cyan": "3a96dd",
    },
    "vscode": {
        "black": "000000",
        "white": "e5e5e5",
        "bright_yellow": "f5f543",
        "bright_red": "f14c4c",
        "bright_cyan": "29b8db",
        "cyan": "11a8cd",
    },
}


@pytest.mark.parametrize("color_system", ["truecolor", "256"])
def test_every_tone_keeps_its_text_readable(color_system):
    for tone in map(Style.parse, (*TONES[color_system], *AGAINST[color_system])):
        assert contrast(tone.color.get_truecolor(), tone.bgcolor.get_truecolor()) >= 4.5
        assert tone.bgcolor.type.name in ("TRUECOLOR", "EIGHT_BIT")  # fixed colours, not the terminal's own choice


@pytest.mark.parametrize("terminal", SIXTEEN)
def test_every_tone_of_sixteen_colours_keeps_its_text_readable(terminal):
    colours = {ANSI_COLOR_NAMES[name]: bytes.fromhex(code) for name, code in SIXTEEN[terminal].items()}
    for tone in map(Style.parse, (*TONES["standard"], *AGAINST["standard"])):
        assert contrast(colours[tone.color.number], colours[tone.bgcolor.number]) >= 4.5


@pytest.mark.parametrize("color_system", ["truecolor", "256"])
def test_every_tone_stands_out_from_a_black_and_from_a_white_screen(color_system):
    for tone in map(Style.parse, (*TONES[color_system], *AGAINST[color_system])):
        assert contrast(tone.bgcolor.get_truecolor(), (0, 0, 0)) > 1.5
        assert contrast(tone.bgcolor.get_truecolor(), (255, 255, 255)) > 1.5


@pytest.mark.parametrize("side", ["tone", "against"])
@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_an_html_page_is_readable_with_and_without_a_tone(page, side):
    colours = (page.background, page.text, page.quiet, getattr(page, side))
    background, text, quiet, tone = (bytes.fromhex(colour[1:]) for colour in colours)
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        mixed = [round(b + share * (t - b)) for b, t in zip(background, tone, strict=True)]
        assert contrast(text, mixed) >= 4.5
    assert contrast(quiet, background) >= 4.5


def test_black_on_black_would_be_noticed():
    assert contrast((0, 0, 0), (0, 0, 0)) == 1
    assert round(contrast((0, 0, 0), (255, 255, 255))) == 21


@pytest.mark.parametrize(("color_system", "code"), [("truecolor", "48;2;249;137;36"), ("256", "48;5;208")])
def test_the_strongest_word_is_sent_in_the_terminals_own_colours(color_system, code):
    assert f"{code}mrefund\x1b[0m" in draw(CHARGED, color_system=color_system)


def test_the_sixteen_colour_tones_need_no_more_than_sixteen_colours():
    for tone in map(Style.parse, (*TONES["standard"], *AGAINST["standard"])):
        assert tone.bgcolor.downgrade(ColorSystem.STANDARD) == tone.bgcolor != Color.default()


# Without colour


@pytest.mark.parametrize("options", [{"color_system": None}, {"color_system": "truecolor", "no_color": True}])
def test_without_colour_the_top_words_stand_in_brackets(options):
    drawing = re.sub("\x1b\\[[0-9;]*m", "", draw(CHARGED, **options))
    assert body(drawing) == "I was charged [twice], [[refund]] me please"
    assert "attention: [more than 14 % (an even share)], [[about 48 %]]" in drawing


def test_without_colour_no_more_than_top_words_are_marked():
    assert body(draw(CHARGED, top=1)) == "I was charged twice, [[refund]] me please"


@pytest.mark.parametrize("before", range(1, 12))
def test_a_bracket_is_not_torn_from_a_wide_word(before):
    chinese = explain("我" * before + "退款啊", [1] * before + [20, 1], pattern="退款|.")
    lines = body(draw(chinese, width=20)).splitlines()
    assert not any(line.endswith("[") or line.startswith("]") for line in lines)
    assert "[[退款]]" in "".join(lines)


# The text stays the text


def unstyled(explanation, width, color_system="truecolor"):
    return "".join(part.text for part in segments(explanation, width=width, color_system=color_system))


def readable(text):
    """Say by a separate route what a text looks like once tabs, line breaks and unsafe characters are readable."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    shown = []
    for character in text:
        code = ord(character)
        if character != "\n" and code < 32:
            shown.append(chr(0x2400 + code))
        elif character == "\x7f":
            shown.append("\u2421")
        elif (
            (character != "\n" and unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"))
            or unicodedata.bidirectional(character) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
            or code in (0xFFFE, 0xFFFF)
            or 0xFDD0 <= code <= 0xFDEF
        ):
            shown.append(f"‹{code:X}›")
        else:
            shown.append(character)
    return "".join(shown)


def text_part(drawing, explanation):
    """Cut the text from a drawing whose lines were too wide to wrap."""
    after_header = drawing.split("\n\n", 1)[1]
    return after_header[: len(readable(explanation.text))]


@given(explanations() | explanations(alphabet=None))
@settings(deadline=None, max_examples=300)
def test_on_a_wide_screen_the_text_is_drawn_character_by_character(explanation):
    drawing = unstyled(explanation, width=1000)
    assert text_part(drawing, explanation) == readable(explanation.text)


@given(explanations() | explanations(alphabet=None), st.integers(20, 50), st.sampled_from(COLOUR_SYSTEMS[:3]))
@settings(deadline=None, max_examples=300)
def test_wrapping_changes_nothing_but_spaces_and_line_breaks(explanation, width, color_system):
    def ink(text):
        return "".join(text.split())

    assert ink(readable(explanation.text)) in ink(unstyled(explanation, width, color_system))


@given(explanations(alphabet="abc de\n退款。שלום"), st.integers(20, 50))
@settings(deadline=None)
def test_without_colour_only_brackets_are_added(explanation, width):
    def ink(text):
        return "".join(text.replace("[", "").replace("]", "").split())

    assert ink(explanation.text) in ink(unstyled(explanation, width, None))


@given(explanations() | explanations(alphabet=None), st.integers(20, 50), st.sampled_from(COLOUR_SYSTEMS))
@settings(deadline=None, max_examples=300)
def test_no_line_is_wider_than_the_screen(explanation, width, color_system):
    screen = console(width, color_system)
    for line in Segment.split_lines(screen.render(Highlight(explanation))):
        assert cell_len("".join(part.text for part in line)) <= width


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_line_that_just_fits_is_not_broken(width):
    text = ("a" * (width // 2 - 1) + " ") * 2 + "b"
    lines = draw(explain(text, [1, 1, 1]), width=width).splitlines()
    assert " ".join(["a" * (width // 2 - 1)] * 2) in lines


def test_words_are_not_broken_where_a_space_is_near():
    drawing = draw(explain("a little refund would certainly be appreciated", [1] * 7), width=20)
    assert body(drawing).splitlines() == ["a little refund", "would certainly be", "appreciated"]


def test_line_breaks_of_the_text_are_kept():
    assert body(draw(explain("one\r\ntwo\n\n  three", [1, 1, 1]), color_system=None)) == "one\ntwo\n\n  three"


def test_markup_in_a_text_or_label_stays_text():
    hostile = explain("[bold]x[/bold] :smile:", [1, 1, 1, 1], labels=(("[red]r[/red]", 0.9),), chosen=("[red]r[/red]",))
    drawing = draw(hostile)
    assert "[bold]x[/bold] :smile:" in drawing
    assert drawing.startswith("[red]r[/red] ")


# Nothing but our own styles reaches the terminal


@given(explanations() | explanations(alphabet=None), st.sampled_from(COLOUR_SYSTEMS))
@settings(deadline=None, max_examples=300)
def test_no_control_character_or_bidi_override_reaches_the_terminal(explanation, color_system):
    sent = draw(explanation, color_system=color_system)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", re.sub("\x1b\\[[0-9;]*m", "", sent))
    sent.encode()  # a lone surrogate would fail


def test_an_escape_sequence_in_a_text_is_shown():
    sent = draw(explain("a\x1b[2Jb\x07", [1, 1]), color_system="truecolor")
    assert "a␛[2Jb␇" in sent


def test_an_escape_sequence_in_a_label_or_a_word_is_shown():
    hostile = explain("a\x1bb c", [9, 1], labels=(("\x1b]0;x\x07", 0.9),), chosen=("\x1b]0;x\x07",), pattern=r"\S+")
    sent = draw(hostile)
    assert sent.startswith("␛]0;x␇ ")
    assert sent.endswith("top words: a␛b 90 %, c 10 %\n")


def test_visible_leaves_ordinary_text_of_any_language_alone():
    text = "héllo שלום नमस्ते 退款 👩‍👧 می‌خواهم"
    assert visible(text) == text


# Wide, joined and right-to-left characters


@pytest.mark.parametrize(
    "cluster", ["👨‍👩‍👧", "🇩🇪", "👍🏽", "❤️", "e\u0301\u0323", "\r\n", "🏴\U000e0067\U000e0062\U000e007f", "한"]
)
def test_what_a_reader_sees_as_one_character_is_one_cluster(cluster):
    text = f"x{cluster}y"
    assert [text[a:b] for a, b in clusters(text, 0, len(text))] == ["x", cluster, "y"]


def test_two_flags_side_by_side_are_two_clusters():
    assert [b - a for a, b in clusters("🇩🇪🇫🇷", 0, 4)] == [2, 2]


@pytest.mark.parametrize("width", range(6, 13))
def test_a_joined_emoji_is_never_cut_by_wrapping(width):
    family = "👨‍👩‍👧"
    lines = body(draw(explain(f"x{family * 12}", [1]), width=width)).splitlines()
    assert len(lines) > 1
    assert all(line.replace(family, "") in ("", "x") for line in lines if family in line)
    assert sum(line.count(family) for line in lines) == 12


def test_a_joined_emoji_shared_by_two_words_is_shaded_whole_as_the_heavier():
    text = "a 👨‍👩 b"
    words = tuple(
        Word(text=text[a:b], start=a, end=b, weight=weight)
        for a, b, weight in [(0, 1, 0.1), (2, 4, 0.1), (4, 5, 0.7), (6, 7, 0.1)]
    )
    joined = Explanation(
        text=text, label="x", score=1.0, labels=(("x", 1.0),), chosen=("x",), method="attention", words=words
    )
    assert shaded(joined) == [("👨‍👩", STEPS)]


def test_hebrew_keeps_its_logical_order_and_gets_no_marks_but_brackets():
    hebrew = explain("אני רוצה החזר כספי", [1, 1, 9, 1])
    assert body(draw(hebrew)) == "אני רוצה [[החזר]] כספי"


def test_chinese_wraps_between_characters_but_not_before_a_full_stop():
    chinese = explain("退" * 10 + "。" + "款", [1] * 11, pattern=r"\w")
    assert body(draw(chinese, width=20)).splitlines() == ["退" * 9, "退。款"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("refund", "refund"), ("x" * 24, "x" * 24), ("x" * 25, "x" * 23 + "…"), ("退" * 13, "退" * 11 + "…")],
)
def test_a_long_word_in_the_legend_ends_in_an_ellipsis(text, shown):
    assert short(text) == shown


# Long and truncated texts


def long_text(heavy, count=20_000):
    """Return a text of `count` numbered words, of which those at the places in `heavy` weigh a thousand times more."""
    text = " ".join(f"word{n:06}" for n in range(count))
    weights = [1000 if n in heavy else 1 for n in range(count)]
    return explain(text, weights, pattern=r"\S+")


def test_a_long_text_shows_the_passages_around_its_heaviest_words():
    drawing = body(draw(long_text({9000, 15000}), top=2, limit=1000))
    assert "[[word009000]]" in drawing
    assert "[[word015000]]" in drawing
    assert len(drawing) < 2000
    assert re.match(r"… [\d,]+ characters …\nword00", drawing)


def test_the_counts_of_characters_left_out_and_drawn_add_up():
    explanation = long_text({9000, 15000})
    drawn = sum(end - start for start, end in passages(explanation, 2, 1000))
    left_out = re.findall(r"… ([\d,]+) (?:more )?characters", draw(explanation, top=2, limit=1000))
    assert len(left_out) == 3
    assert drawn + sum(int(count.replace(",", "")) for count in left_out) == len(explanation.text)


def test_a_long_text_without_words_shows_its_beginning():
    text = "?! " * 5000
    explanation = Explanation(
        text=text, label="x", score=1.0, labels=(("x", 1.0),), chosen=("x",), method="attention", words=()
    )
    drawing = draw(explanation)
    assert "more characters" in drawing
    assert body(drawing).startswith("?! ?! ")
    assert "attention: no word to weigh" in drawing


@pytest.mark.parametrize("score", [0.0, 0.04, 0.5, 1.0])
def test_the_bar_always_has_ten_cells(score):
    header = draw(explain("a b", [1, 1], labels=(("x", score),), chosen=("x",))).splitlines()[0]
    assert header.count("━") + header.count("─") == 10
    assert header.count("━") == round(10 * score)


@given(explanations(), st.integers(1, 40), st.integers(1, 5))
@settings(deadline=None)
def test_passages_are_ordered_apart_and_inside_the_text(explanation, limit, top):
    parts = passages(explanation, top, limit)
    edges = [edge for part in parts for edge in part]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(explanation.text)


def test_text_the_model_did_not_read_is_dim_and_said_so():
    cut = explain("one two three four", [3, 1, 1, 1], truncated_at=8)
    dim = "".join(part.text for part in segments(cut) if part.style and part.style.dim)
    assert "three four" in dim
    assert "two" not in dim.split("top words")[0]
    assert "the model read the first 8 of 18 characters" in draw(cut)


def test_a_text_read_to_its_end_has_no_such_note():
    assert "the model read" not in draw(CHARGED)


# Signed weights, and what they are worth


def contrasted(text="not good at all", weights=(-2.0, 1.5, 0.1, 0.02), **changes):
    found = list(re.finditer(r"\S+", text))
    words = tuple(
        Word(text=match.group(), start=match.start(), end=match.end(), weight=weight)
        for match, weight in zip(found, weights, strict=True)
    )
    fields = {"text": text, "label": "refund", "score": 0.71, "labels": LABELS, "chosen": ("refund",), "words": words}
    return Explanation(**{**fields, "method": "leave-one-out", "signed": True, **changes})


def faithfulness(gain=0.6, words=9):
    figures = Figures(0.41, -0.004, 0.1, 0.32)
    return Faithfulness(figures={"delete": figures, "mask": figures}, gain=gain, deviation=0.1, words=words)


def test_words_against_the_label_stand_in_braces_or_in_a_colour_of_their_own():
    drawing = draw(contrasted())
    assert body(drawing) == "{{not}} [good] at all"
    assert "leave-one-out: [for refund], {against it}; doubled: about ±2.00" in drawing
    assert "top words: not −2.00, good +1.50, at +0.10, all +0.02" in drawing
    against = Style.parse(AGAINST["truecolor"][-1])
    assert [part.text for part in segments(contrasted()) if part.style == against and part.text.strip()] == ["not"]


def test_a_contrast_names_the_other_label():
    drawing = draw(contrasted(against="billing"))
    assert "[for refund], {for billing}" in drawing
    added = (Word(text="not", start=0, end=3, weight=-2.0, contribution=-1.0),)
    assert "n-grams for refund rather than billing: not −1.00" in draw(contrasted(against="billing", words=added))


def test_a_sampled_weight_is_said_with_its_error_and_a_sum_with_its_gap():
    words = (Word(text="not", start=0, end=3, weight=-2.0, error=0.043),)
    assert "top words: not −2.00 ± 0.04" in draw(contrasted(words=words))
    assert "convergence gap: −0.002" in draw(contrasted(gap=-0.002))


@pytest.mark.parametrize(("gain", "verdict"), [(0.6, "faithful"), (0.15, "weak"), (-0.1, "no better than chance")])
def test_the_verdict_stands_before_the_figures(gain, verdict):
    drawing = " ".join(draw(contrasted(faithfulness=faithfulness(gain))).split())
    assert (
        f"{verdict}: removing the top words lowers P(refund) by 0.41 (random words: 0.10), "
        "keeping only them by 0.00 (0.32)" in (drawing)
    )


def test_weights_without_any_size_say_that_no_word_stands_out():
    assert "leave-one-out: no word stands out\n" in draw(contrasted(weights=(0.0, 0.0, 0.0, 0.0)))


def test_methods_stand_side_by_side_in_blocks_no_wider_than_the_screen():
    text = " ".join(f"word{place}" for place in range(60))
    weights = [place / 100 for place in range(60)]
    several = [contrasted(text, weights, method=f"method-{place}", faithfulness=faithfulness()) for place in range(5)]
    for width in (40, 80):
        screen = console(width, None)
        screen.print(SideBySide(several))
        drawing = screen.file.getvalue()
        assert all(cell_len(line) <= width for line in drawing.splitlines())
        assert all(f"method-{place}" in drawing for place in range(5))
    assert "the 40 of 60 words with the most weight" in drawing
    assert "word19" not in drawing
    assert "word20" in drawing
    assert re.search(r"verdict +faithful", drawing)


def test_an_explanation_prints_itself():
    one = contrasted(faithfulness=faithfulness())
    assert str(one).splitlines()[0].startswith("refund ━")
    assert "{{not}} [good] at all" in str(one)
    assert "method-1" in str(Comparison([one, contrasted(method="method-1")]))


def test_a_word_alone_is_even_and_gets_no_tone():
    scale = Scale.over([1.0])
    assert (scale.even, scale.full, scale.step(1.0)) == (1.0, 1.0, 0)
