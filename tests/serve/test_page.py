"""The page at /, in a real browser with a real server behind it."""

import re

import pytest

from attnclf.explain.render.palette import DARK, LIGHT, Scale
from attnclf.explain.types.explanation import Explanation, Word
from attnclf.serve.page import FILES, POLICY

pytest.importorskip("playwright.sync_api", reason="needs Playwright")

TEXT = "The invoice for May lists a plan we never ordered, please correct it and refund the 38 euros."
ATTACK = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(server):
    return f"http://127.0.0.1:{server.port}/"


class Desk:
    """The page and a person before it. `heard` is what the console said, `asked` the addresses that were fetched."""

    def __init__(self, page, address):
        self.page, self.heard, self.asked = page, [], []
        page.on("console", lambda message: self.heard.append(message.text))
        page.on("pageerror", lambda error: self.heard.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: self.heard.append(dialog.message))
        page.goto(address)
        page.wait_for_selector("#about:not(:empty), #unlock:not([hidden])")

    def explain(self, text, method=None):
        if method:
            self.page.select_option("#method", method)
        self.page.fill("#text", text)
        self.page.press("#text", "Control+Enter")
        return self.result()

    def result(self):
        self.page.wait_for_selector("#result:not([hidden]):not([aria-busy])")
        return self.page.inner_text("#result").replace("\u00a0", " ")

    def problem(self):
        self.page.wait_for_selector("#problem:not(:empty)")
        return self.page.inner_text("#problem")

    def words(self):
        return self.page.eval_on_selector_all(
            "#result .text .word",
            "words => words.map(word => [word.textContent, word.localName, getComputedStyle(word).backgroundColor])",
        )

    def given(self, answer):
        """Let the server answer so."""
        self.page.route("**/explain", lambda route: route.fulfill(json=answer))


@pytest.fixture
def desk(browser, address):
    """Desks to sit down at; when they are left, nothing was fetched from elsewhere and the console said nothing."""
    desks, contexts = [], []

    def sit(to=address, **options):
        contexts.append(browser.new_context(**options))
        contexts[-1].set_default_timeout(20_000)
        desks.append(Desk(contexts[-1].new_page(), to))
        return desks[-1]

    yield sit
    for context in contexts:
        context.close()
    for one in desks:
        assert one.heard == []
        assert {url for url in one.asked if not url.startswith("http://127.0.0.1:")} == set()


def explanation(text=TEXT, label="billing", labels=None, weights=None, method="attention", **changes):
    words = [
        Word(text=match.group(), start=match.start(), end=match.end(), weight=weights[place] if weights else 0.01)
        for place, match in enumerate(re.finditer(r"\S+", text[: changes.get("truncated_at")]))
    ]
    scores = labels or ((label, 0.9), ("other", 0.1))
    plain = {"text": text, "label": label, "score": scores[0][1], "labels": scores, "chosen": (label,)}
    return Explanation(**{**plain, "method": method, "words": tuple(words), **changes}).to_dict()


def assert_tones(drawn, words):
    """The elements of words have the tones that `palette.Scale` gives their weights."""
    scale = Scale.of(words)
    assert [text for text, _, _ in drawn] == [word.text for word in words]
    for (_, name, colour), word in zip(drawn, words, strict=True):
        assert name == ("mark" if scale.step(word.weight) else "span")
        if name == "mark":
            *tone, alpha = (*map(float, re.findall(r"[\d.]+", colour)), 1)[:4]
            assert bytes(map(int, tone)).hex() == (LIGHT.tone if word.weight > 0 else LIGHT.against)[1:]
            assert alpha == pytest.approx(scale.strength(word.weight), abs=0.01)


# What a person does


def test_a_typed_text_gets_its_label_and_its_words_in_the_tones_of_the_palette(desk, classifier):
    one = desk()
    shown = one.explain(TEXT, "attention")
    (expected,) = classifier.explain([TEXT])
    assert shown.startswith(expected.label)
    assert expected.faithfulness.verdict in shown.lower()
    assert one.page.inner_text("#result .text") == TEXT
    assert {name for _, name, _ in one.words()} == {"mark", "span"}
    assert_tones(one.words(), expected.words)


def test_one_may_type_at_once(desk):
    one = desk()
    one.page.wait_for_function("document.activeElement.id === 'text'")
    one.page.keyboard.type(TEXT)
    one.page.keyboard.press("Control+Enter")
    assert TEXT in one.result()


def test_an_example_is_one_click(desk):
    one = desk()
    one.page.click(".examples button[lang=zh]")
    assert one.page.input_value("#text") in one.result()


def test_a_text_is_explained_as_soon_as_it_is_pasted(desk):
    one = desk()
    one.page.fill("#text", TEXT)
    one.page.press("#text", "Control+a")
    one.page.press("#text", "Control+x")
    one.page.press("#text", "Control+v")
    assert "billing" in one.result()


def test_the_method_that_is_best_for_the_model_is_chosen_and_another_is_one_choice_away(desk, classifier):
    from attnclf.explain import choice

    one = desk()
    best = choice.best(classifier.bundle)
    assert one.page.input_value("#method") == best
    assert f"\n{best}, " in one.explain(TEXT)
    one.page.select_option("#method", "leave-one-out")
    one.page.wait_for_selector(".legend:has-text('leave-one-out, ')")
    (expected,) = classifier.explain([TEXT], method="leave-one-out")
    assert_tones(one.words(), expected.words)


def test_words_against_the_label_have_the_other_colour(desk):
    one = desk()
    against = explanation("bad good so so", weights=[-2.0, 1.5, 0.0, -0.1], method="leave-one-out", signed=True)
    one.given(against)
    assert "top words: bad −2.00, good +1.50, so −0.10" in one.explain("x")
    assert_tones(one.words(), [Word(**word) for word in against["tokens"]])
    one.page.hover("#result .word >> nth=0")
    assert one.page.inner_text("#tip") == "−2.00 against billing"


def test_another_model_brings_its_labels_and_all_that_a_text_gets_are_chosen(desk, multi_classifier):
    text = "Бригада долбит пол с утра до ночи, и похоже, пробили трубу: у меня течёт по стене"
    one = desk()
    one.page.select_option("#model", "topics")
    assert "5 labels, a text may have several" in one.page.inner_text("header")
    one.explain(text)
    (expected,) = multi_classifier.predict([text])
    assert len(expected.chosen) > 1
    assert one.page.locator(".labels .chosen bdi").all_inner_texts() == list(expected.chosen)


def test_pointing_at_a_word_says_its_weight_and_so_do_the_keys(desk, classifier):
    one = desk()
    one.explain(TEXT, "attention")
    (expected,) = classifier.explain([TEXT])
    tip = one.page.locator("#tip")
    assert tip.is_hidden()
    one.page.hover("#result .word >> nth=2")
    assert tip.inner_text().startswith(f"{100 * expected.words[2].weight:.0f}\u00a0%")
    one.page.mouse.move(0, 0)
    assert tip.is_hidden()
    one.page.focus("#result .word[tabindex='0']")
    heaviest = max(range(len(expected.words)), key=lambda place: expected.words[place].weight)
    assert tip.is_visible()
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        one.page.keyboard.press(key)
        assert one.page.evaluate("document.activeElement.textContent") == expected.words[place].text
        assert tip.inner_text().startswith(f"{100 * expected.words[place].weight:.0f}\u00a0%")
    one.page.keyboard.press("Escape")
    assert tip.is_hidden()
    one.page.click(f".legend button:has-text('{expected.words[heaviest].text}') >> nth=0")
    assert one.page.evaluate("document.activeElement.textContent") == expected.words[heaviest].text


def test_the_whole_page_can_be_used_by_keys(desk):
    one = desk()
    page = one.page
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("my parcel is late")
    stops = []
    for _ in range(7):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.className"))
        ring = "element => getComputedStyle(element).outlineStyle"
        assert page.eval_on_selector(":focus", ring) == "solid"
    assert stops == ["examples"] * 4 + ["model", "method", "explain"]
    page.keyboard.press("Enter")
    assert "delivery" in one.result()
    assert "delivery" in page.inner_text("[role=status]")


def test_a_text_that_was_not_measured_can_be(desk):
    one = desk()
    assert "Not measured" in one.explain(" ".join([TEXT] * 3), "attention")
    one.page.click("button:text-is('Measure')")
    one.page.wait_for_selector(".verdict:has-text('Without the top words')")


def test_the_last_question_gets_the_answer(desk):
    one = desk()
    held = []
    one.page.route("**/explain", lambda route: held.append(route), times=1)
    one.page.fill("#text", TEXT)
    one.page.press("#text", "Control+Enter")
    assert "my parcel is late" in one.explain("my parcel is late")
    held[0].fulfill(json=explanation("too late"))
    one.page.wait_for_timeout(100)
    assert one.page.inner_text("#result .text") == "my parcel is late"


# What a server says


def test_a_problem_is_said_in_the_servers_words_and_the_old_answer_goes(desk):
    one = desk()
    one.explain("my parcel is late")
    one.page.fill("#text", "a" * 20_001)
    one.page.press("#text", "Control+Enter")
    assert "at most 20,000 characters" in one.problem()
    assert one.page.is_hidden("#result")
    assert "413" in one.heard.pop()  # the browser's own note of the status
    one.explain("my parcel is late")
    assert one.page.inner_text("#problem") == ""


def test_a_server_that_is_gone_is_said(desk):
    one = desk()
    one.page.context.set_offline(True)
    one.page.click("#explain")
    assert "does not answer" in one.problem()
    assert "INTERNET_DISCONNECTED" in one.heard.pop()


def test_a_server_with_a_key_asks_for_it_and_then_answers(desk, start, model):
    locked = start("--model", f"tickets={model}", "--port", 0, ATTNCLF_API_KEY="Sesam öffne dich")
    one = desk(f"http://127.0.0.1:{locked.port}/")
    one.page.fill("#text", "my parcel is late")
    for key in ("wrong", "Sesam öffne dich"):
        one.page.fill("#key", key)
        one.page.press("#key", "Enter")
        if key == "wrong":
            assert one.problem() == "That is not the key of this server."
    one.page.wait_for_selector("#unlock", state="hidden")
    assert "tickets · 4 labels" in one.page.inner_text("header")
    assert "delivery" in one.explain("my parcel is late")
    assert one.page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert len([line for line in one.heard if "401" in line]) == len(one.heard)
    one.heard.clear()


def test_a_blank_text_is_said(desk):
    assert "the text is blank" in desk().explain(" ")


def test_of_many_labels_the_best_are_in_view_and_the_others_fold(desk):
    one = desk()
    names = [f"label {number}" for number in range(77)]
    one.given(explanation(label=names[0], labels=tuple((name, 1 / (place + 2)) for place, name in enumerate(names))))
    one.explain(TEXT)
    assert one.page.locator(".labels li:visible").count() == 5
    assert one.page.locator(".rest li:visible").count() == 0
    one.page.click("text=72 more labels")
    assert one.page.locator(".rest li:visible bdi").all_inner_texts() == names[5:]


def test_no_label_is_said(desk):
    one = desk()
    one.given(explanation(chosen=()))
    assert "No label is probable enough; the words are those for billing." in one.explain(TEXT)
    assert one.page.locator(".chosen").count() == 0


def test_words_stand_where_they_are_after_wide_and_joined_characters(desk):
    one = desk()
    text = "👩‍👩‍👧 𝒜 refund\tй\u0306"
    one.given(explanation(text, weights=[0.1, 0.1, 0.7, 0.1]))
    one.explain(text)
    assert [word for word, _, _ in one.words()] == text.split()
    assert [word for word, name, _ in one.words() if name == "mark"] == ["refund"]


def test_what_the_model_did_not_read_is_set_apart(desk):
    one = desk()
    one.given(explanation("refund me", truncated_at=6))
    assert "The model read the first 6 of 9 characters." in one.explain("refund me")
    assert one.page.inner_text(".unread") == " me"


# What nobody can do


def test_a_script_in_the_text_stays_text(desk):
    one = desk()
    one.explain(f"{ATTACK} refund")
    assert one.page.inner_text("#result .text") == f"{ATTACK} refund"
    assert one.page.title() == "tickets · attnclf"
    assert one.page.locator("#result script, #result img").count() == 0


def test_a_script_in_a_label_a_word_a_method_or_an_error_stays_text(desk):
    one = desk()
    one.given(explanation(ATTACK, label=ATTACK, method=ATTACK, signed=True))
    assert one.explain("x").startswith(ATTACK)
    one.page.unroute("**/explain")
    one.given({"error": ATTACK, **explanation(ATTACK, label=None, labels=((ATTACK, 0.1),))})
    one.explain("x")
    one.page.unroute("**/explain")
    one.page.route("**/explain", lambda route: route.fulfill(status=400, json={"error": ATTACK}))
    one.page.click("#explain")
    assert one.problem() == ATTACK
    assert one.page.title() == "tickets · attnclf"
    assert one.page.locator("img").count() == 0
    assert "400" in one.heard.pop()


def test_an_override_of_the_direction_is_shown_and_has_no_effect(desk):
    one = desk()
    one.given(explanation("a \u202eb"))
    one.explain("x")
    assert one.page.inner_text("#result .text") == "a ‹202E›b"


def test_the_browser_refuses_markup_from_a_string_and_inline_scripts_and_styles(desk):
    one = desk()
    assert "unsafe-inline" not in POLICY
    assert "unsafe-eval" not in POLICY
    markup = "() => { try { document.body.innerHTML = '<b>x' } catch (error) { return error.name } }"
    assert one.page.evaluate(markup) == "TypeError"
    one.page.evaluate("() => document.body.setAttribute('style', 'color: red')")
    assert one.page.evaluate("() => getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert len(one.heard) >= 2
    assert all("Content Security Policy" in line or "TrustedHTML" in line for line in one.heard)
    one.heard.clear()


# What it looks like


def test_the_page_weighs_less_than_fifty_kilobytes():
    assert sum(len(content.encode()) for content, _ in FILES.values()) < 50_000


def test_nothing_is_fetched_but_its_own_files_and_answers(desk, address):
    one = desk()
    one.explain(TEXT)
    own = {"", "page/page.css", "page/page.js", "page/icon.svg", "labels", "explain"}
    assert {url.removeprefix(address) for url in one.asked} <= own


def test_a_phone_has_no_sideways_scrolling(desk):
    one = desk(**PHONE)
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk" * 3
    one.given(explanation(f"{TEXT} {long} {'长' * 100}", label=long, method="leave-one-out", signed=True))
    one.explain(TEXT)
    one.page.tap("#result .word >> nth=0")
    assert one.page.is_visible("#tip")
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == 320
    one.page.select_option("#model", "topics")
    assert one.page.evaluate("() => document.documentElement.scrollWidth") == 320


# The contrast of every piece of text with what lies under it, by WCAG 2.2.
CONTRASTS = """() => {
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a]; };
  const under = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parts(getComputedStyle(at).backgroundColor));
    const over = (base, [r, g, b, a]) => [r, g, b].map((c, i) => a * c + (1 - a) * base[i]);
    return layers.reverse().reduce(over, [255, 255, 255]);
  };
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    const [one, other] = [light(parts(getComputedStyle(element).color)), light(under(element))].sort((a, b) => b - a);
    found.push([node.data.trim(), (one + 0.05) / (other + 0.05)]);
  }
  return found;
}"""


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_the_page_follows_the_readers_choice_of_dark_or_light_and_all_text_is_readable(desk, scheme, colours):
    one = desk(color_scheme=scheme)
    one.explain(TEXT, "leave-one-out")
    one.page.focus("#result .word[tabindex='0']")
    background = one.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == f"rgb({', '.join(map(str, bytes.fromhex(colours.background[1:])))})"
    contrasts = one.page.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    assert [(text, contrast) for text, contrast in contrasts if contrast < 4.5] == []
