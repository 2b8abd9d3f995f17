"""The table of renderers, and one that comes from outside."""

import io

import pytest

from attnclf.errors import ConfigError
from attnclf.explain.api import compare, explain
from attnclf.explain.render import RENDERERS, format_of, register_renderer, write


def shout(windows, output, top):
    """Write the top words of each text in capitals: a renderer that is one function and one row."""
    for window in windows:
        for explanation in window:
            ranked = sorted(explanation.words, key=lambda word: -word.weight)
            output.write(" ".join(word.text.upper() for word in ranked[:top]) + "\n")


@pytest.fixture
def own_format():
    register_renderer("shout", shout, endings=[".loud"])
    yield "shout"
    del RENDERERS["shout"]


def test_a_renderer_from_outside_writes_values(classifier, own_format):
    page = io.StringIO()
    write(own_format, [explain(classifier, ["my parcel never came"])], page, top=1)
    assert page.getvalue() == "PARCEL\n"


@pytest.mark.usefixtures("own_format")
def test_a_renderer_from_outside_is_a_format_of_the_command(in_session, model, tmp_path):
    (tmp_path / "new.txt").write_text("my parcel never came\n", encoding="utf-8")
    done = in_session("explain", tmp_path / "new.txt", "-m", model, "--format", "shout", "--top", "1")
    assert done.stdout == "PARCEL\n"
    done = in_session("explain", tmp_path / "new.txt", "-m", model, "--out", tmp_path / "why.loud", "--top", "1")
    assert (tmp_path / "why.loud").read_text(encoding="utf-8") == "PARCEL\n"


@pytest.mark.usefixtures("own_format")
@pytest.mark.parametrize(("name", "endings"), [("shout", ()), ("html", ()), ("auto", ()), ("other", [".svg"])])
def test_a_format_or_an_ending_that_is_taken_is_refused(name, endings):
    with pytest.raises(ConfigError, match="already; register"):
        register_renderer(name, shout, endings=endings)


@pytest.mark.parametrize(
    ("path", "name"), [("why.json", "json"), ("why.HTM", "html"), ("a/b.svg", "svg"), ("pipe", None)]
)
def test_the_ending_of_a_file_decides(path, name):
    assert format_of(path) == name


def test_an_unknown_ending_is_told_the_known_ones():
    with pytest.raises(ConfigError, match=r"explain writes no \.pdf; name a file that ends in \.json, \.jsonl, \.html"):
        format_of("why.pdf")


@pytest.mark.parametrize("name", ["terminal", "json", "html", "svg"])
def test_every_format_writes_explanations_and_comparisons(classifier, name):
    texts = ["my parcel never came", "the invoice is wrong"]
    for windows in (
        [explain(classifier, texts)],
        [[one] for one in compare(classifier, texts, ["attention", "ngrams"])],
    ):
        page = io.StringIO()
        write(name, windows, page)
        assert "parcel" in page.getvalue()
        assert "invoice" in page.getvalue()
