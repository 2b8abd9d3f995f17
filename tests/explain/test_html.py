import re
import subprocess
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnclf.explain.render.html.document import render
from attnclf.explain.render.palette import DARK, LIGHT
from attnclf.explain.types.explanation import Comparison, Explanation, Word
from attnclf.explain.types.influence import Influences

VOID = {"meta"}
OUR_TAGS = {"html", "head", "meta", "title", "style", "body", "main", "h1", "article", "ol", "li", "p"}
OUR_TAGS |= {"strong", "bdi", "span", "mark"}
HOSTILE = ["<script>alert(1)</script>", '" onmouseover="x', "</p></mark><b>", "&lt;", "<!--", "]]>", "{articles}"]


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in order; keeps tags, text, and the text of each element by class."""

    def __init__(self, document):
        super().__init__()
        self.open, self.tags, self.text, self.by_class = [], [], [], {}
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("class")))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.text.append(data)
        for name in {name for _, name in self.open if name}:
            self.by_class.setdefault(name, []).append(data)

    def shown(self, name):
        return "".join(self.by_class.get(name, []))

    def attributes(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def explanation(text="please refund me", weights=(0.1, 0.8, 0.1), label="refund", **changes):
    words = tuple(
        Word(text=match.group(), start=match.start(), end=match.end(), weight=weight)
        for match, weight in zip(re.finditer(r"\S+", text), weights, strict=False)
    )
    fields = {
        "text": text,
        "label": label,
        "score": 0.71,
        "labels": ((label, 0.71), ("other", 0.2), ("spam", 0.09)),
        "chosen": (label,),
        "method": "attention",
        "words": words,
    }
    return Explanation(**{**fields, **changes})


def test_a_heavy_word_is_marked_with_its_weight():
    page = Page(render([explanation()]))
    assert {"style": "--weight:0.8", "title": "80 %"} in page.attributes("mark")


def test_the_scale_of_the_text_is_given_to_its_style():
    (text,) = [attrs for attrs in Page(render([explanation()])).attributes("p") if attrs.get("class") == "text"]
    assert text["style"] == "--even:0.333333;--full:0.8"
    assert text["dir"] == "auto"


def test_the_text_is_kept_exactly():
    text = "please  refund\n\tme, <now> & here"
    assert Page(render([explanation(text, (0.1, 0.5, 0.1, 0.1, 0.1, 0.1))])).shown("text") == text


def test_labels_runners_up_method_and_top_words_are_shown():
    page = Page(render([explanation()]))
    assert page.shown("chosen") == "refund  71 %"
    assert "other  20 %" in "".join(page.text)
    assert "attention: unshaded: 33 % or less (an even share)" in page.shown("legend")
    assert "top words: refund 80 %, please 10 %, me 10 %" in page.shown("legend")


def test_uniform_weights_have_no_mark():
    page = Page(render([explanation(weights=(1 / 3, 1 / 3, 1 / 3))]))
    assert page.attributes("mark") == []
    assert "no word stands out" in page.shown("legend")


def test_no_chosen_label_is_said():
    page = Page(render([explanation(chosen=())]))
    assert "no label; most probable: refund 71 %" in page.shown("note")
    assert page.shown("chosen") == ""


def test_a_blank_text_is_said():
    blank = Explanation(text=" ", label=None, score=None, labels=(), chosen=(), method="attention", words=())
    assert Page(render([blank])).shown("note") == "nothing to classify: the text is blank"


def test_unread_text_is_set_apart():
    page = Page(render([explanation(weights=(0.5, 0.5), truncated_at=13)]))
    assert page.shown("unread") == " me"
    assert "the model read the first 13 of 16 characters" in page.shown("note")


def test_a_long_text_is_cut_with_a_note():
    text = "word " * 100_000
    document = render([explanation(text, [1.0])])
    assert len(document) < 20_000
    assert re.search(r"… [\d,]+ more characters", Page(document).shown("note"))


def test_a_joined_emoji_is_not_torn_by_a_mark():
    text = "👨‍👩 b"
    words = (Word(text="👨", start=0, end=1, weight=0.1), Word(text="👩", start=2, end=3, weight=0.9))
    assert ">👨‍👩</mark>" in render([explanation(text, words=words)])


def test_escapes_and_bidi_overrides_are_shown_as_symbols():
    assert Page(render([explanation("a\x1b[0m \u202eb", (0.5, 0.5))])).shown("text") == "a␛[0m ‹202E›b"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_label_and_method_stay_text(hostile):
    document = render([explanation(f"{hostile} refund", (0.8, 0.2), label=hostile, method=hostile)])
    page = Page(document)
    assert page.shown("text") == f"{hostile} refund"
    assert page.shown("chosen").startswith(hostile)
    assert {tag for tag, _ in page.tags} <= OUR_TAGS
    assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs)


@given(st.text(st.characters() | st.sampled_from("<>&\"'{}\x00 "), min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_text_gives_a_page_whose_tags_are_all_closed_in_order(text):
    document = render([explanation(text, [0.6, 0.4], label=text)])
    document.encode()
    Page(document)


def test_the_page_runs_no_script_and_fetches_nothing():
    document = render([explanation()])
    assert not re.search(r"<script|<link|<img|https?:|url\(|@import|src=", document)


def test_the_page_follows_the_readers_choice_of_dark_or_light():
    assert "@media (prefers-color-scheme: dark)" in render([explanation()])


def test_every_explanation_has_its_article():
    assert len(Page(render([explanation(), explanation(), explanation()])).attributes("article")) == 3


# Signed weights, several methods, notebooks


def signed(**changes):
    return explanation("not good", (-2.0, 1.0), method="leave-one-out", signed=True, **changes)


def test_a_word_against_the_label_is_marked_as_such_with_its_weight_on_pointing():
    marks = [attrs for attrs in Page(render([signed()])).attributes("mark") if "title" in attrs]
    assert marks == [{"class": "against", "style": "--weight:2", "title": "−2.00"}]
    assert "for refund" in " ".join("".join(Page(render([signed()])).text).split())


def test_methods_are_compared_in_a_table_with_their_words_and_weights():
    page = Page(render([Comparison([explanation(), explanation(method="ngrams", signed=True)])]))
    shown = " ".join("".join(page.text).split())
    assert "attention" in shown
    assert "ngrams" in shown
    assert [attrs["style"] for attrs in page.attributes("td") if "style" in attrs][2].startswith("--weight:0.8")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_stay_text_in_every_kind_of_table(hostile):
    one = explanation(hostile, (1.0,), label=hostile, method=hostile, signed=True)
    summed = Influences(hostile)
    summed.add(one)
    for drawn in (Comparison([one, one]), summed):
        page = Page(render([drawn]))
        assert {tag for tag, _ in page.tags} <= OUR_TAGS | {
            "div",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "strong",
        }
        assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_a_notebook_gets_a_fragment_whose_style_touches_nothing_else():
    drawn = signed()._repr_html_()
    assert drawn.startswith("<style>")
    assert "<body" not in drawn
    style = re.sub(r"@media [^{]*\{(.*?\})\s*\}", r"\1", drawn[7 : drawn.index("</style>")], flags=re.DOTALL)
    selectors = [rule.split("{")[0].strip() for rule in style.split("}") if "{" in rule]
    assert len(selectors) > 10
    for selector in selectors:
        assert all(".attnclf" in part for part in selector.split(",")), selector


def browse(chromium, document, folder, *options):
    page = folder / "page.html"
    page.write_text(document, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    done = subprocess.run([chromium, *flags, *options, page.as_uri()], capture_output=True, check=False, timeout=300)
    return done.stdout.decode()


def test_in_a_real_browser_nothing_of_a_text_runs(chromium, tmp_path):
    attack = "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"
    one = explanation(f"{attack} refund", (0.8, 0.1, 0.1), label=attack, method=attack)
    dom = browse(chromium, render([one, Comparison([one, one])]), tmp_path, "--dump-dom")
    assert "<title>attnclf explain</title>" in dom
    assert "taken" in dom  # the text is there, as text
    assert not re.search(r"<script|<img", dom)


@pytest.mark.parametrize(("scheme", "page"), [(0, DARK), (1, LIGHT)])
def test_in_a_real_browser_the_page_is_dark_or_light_and_words_have_their_tones(chromium, tmp_path, scheme, page):
    from PIL import Image

    picture = tmp_path / "page.png"
    both = explanation("bad good", (-2.0, 2.0), method="leave-one-out", signed=True)
    # At twice the mean size a word has the full tone: the two words and silent ones.
    quiet = explanation("bad good so so so so", (-2.0, 2.0, 0.0, 0.0, 0.0, 0.0), method="leave-one-out", signed=True)
    browse(
        chromium, render([both, quiet]), tmp_path, f"--blink-settings=preferredColorScheme={scheme}",
        f"--screenshot={picture}", "--window-size=900,700",
    )  # fmt: skip
    with Image.open(picture) as image:
        colours = {colour[:3]: count for count, colour in image.convert("RGB").getcolors(2**20)}
    assert max(colours, key=colours.get) == tuple(bytes.fromhex(page.background[1:]))
    for tone in (page.tone, page.against):
        assert colours.get(tuple(bytes.fromhex(tone[1:])), 0) > 100
