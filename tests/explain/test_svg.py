import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from attnclf.explain.render.palette import TONES
from attnclf.explain.render.svg.highlight import render
from attnclf.explain.types.explanation import Explanation, Word

SVG = "{http://www.w3.org/2000/svg}"
CELL = 12.2


def explanation(text="please refund me", weights=(0.1, 0.8, 0.1), label="refund"):
    words = tuple(
        Word(text=match.group(), start=match.start(), end=match.end(), weight=weight)
        for match, weight in zip(re.finditer(r"\S+", text), weights, strict=False)
    )
    return Explanation(
        text=text, label=label, score=0.9, labels=((label, 0.9),), chosen=(label,), method="attention", words=words
    )


def pieces(svg):
    """Return the text of the terminal with its place: (text, x, y, length)."""
    root = ElementTree.fromstring(svg)
    return [
        (node.text or "", float(node.get("x")), float(node.get("y")), float(node.get("textLength")))
        for node in root.iter(f"{SVG}text")
        if node.get("textLength")
    ]


def test_the_picture_shows_label_text_legend_and_title():
    svg = render([explanation()])
    shown = "".join(text for text, *_ in pieces(svg)).replace("\xa0", " ")
    assert "refund" in shown
    assert "attention: unshaded: " in shown
    assert ElementTree.fromstring(svg).find(f"{SVG}title").text == "attnclf explain"


def test_the_heavy_word_lies_on_the_full_tone():
    full = TONES["truecolor"][-1].split()[-1]
    root = ElementTree.fromstring(render([explanation()]))
    boxes = [node for node in root.iter(f"{SVG}rect") if node.get("fill") == full]
    word = next(piece for piece in pieces(render([explanation()])) if piece[0] == "refund" and piece[1] > 0)
    assert any(
        float(box.get("x")) == pytest.approx(word[1]) and float(box.get("width")) == pytest.approx(word[3])
        for box in boxes
    )


def test_the_same_explanations_give_the_same_picture(monkeypatch):
    first = render([explanation(), explanation("thanks", (1.0,))])
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "dumb")
    assert render([explanation(), explanation("thanks", (1.0,))]) == first


def test_nothing_is_fetched_from_elsewhere():
    svg = render([explanation("see http://example.com/a", (0.2, 0.8))])
    markup = re.sub(r">[^<]*</text>", "></text>", svg)
    assert re.findall(r"https?://[^\"' <]+", markup) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in svg
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", svg))


def test_wide_characters_have_two_cells_each():
    placed = {text: length for text, _, _, length in pieces(render([explanation("请给我 退款 吧", (0.1, 0.8, 0.1))]))}
    assert placed["退款"] == pytest.approx(4 * CELL)


def test_every_piece_is_as_long_as_its_cells_and_has_no_outer_space():
    for text, _, _, length in pieces(render([explanation("a  退 b\tc 👩‍👧 d", (0.1, 0.5, 0.1, 0.1, 0.1, 0.1))])):
        assert text == text.strip()
        assert length == pytest.approx(CELL * cell_len(text), rel=1e-4)


def test_the_width_is_that_of_the_terminal():
    text = "word " * 60
    lines = {}
    for piece, x, y, _ in pieces(render([explanation(text, [1 / 60] * 60)], width=40)):
        lines[y] = max(lines.get(y, 0), x / CELL + cell_len(piece))
    assert max(lines.values()) <= 40.01
    assert len(lines) > 8


def test_several_explanations_stand_under_each_other():
    placed = pieces(render([explanation(), explanation("many thanks", (0.1, 0.9), "praise")]))
    rows = {text.split("\xa0")[0]: y for text, _, y, _ in placed}
    assert rows["praise"] > rows["refund"]


@given(st.text(st.characters() | st.sampled_from("<>&\"'\x00\x1b\ufffe\ud800]]> "), min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_text_gives_well_formed_xml(text):
    ElementTree.fromstring(render([explanation(text, [1.0], label=text)]).encode())
