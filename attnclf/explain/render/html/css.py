"""The style of highlighted words, for the HTML output and for the page of the server: one palette, one look."""

from attnclf.explain.render.palette import DARK, LIGHT, Page


def _theme(page: Page) -> str:
    tone, against = (" ".join(map(str, bytes.fromhex(colour[1:]))) for colour in (page.tone, page.against))
    return (
        f"--background: {page.background}; --text: {page.text}; --quiet: {page.quiet}; --tone: {tone};"
        f" --against: {against}; color-scheme: {'light' if page is LIGHT else 'dark'};"
    )


# All of it stays inside .attnclf, for a notebook has a style of its own.
THEME = f"""\
.attnclf {{ {_theme(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ .attnclf {{ {_theme(DARK)} }} }}
"""

# The tone is the palette's scale, written in CSS: (weight - even) / (full - even) of the way from the page to the tone.
WORDS = """\
.attnclf .text {
  margin: .75rem 0; font-size: 1.15rem; line-height: 1.9; white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: plaintext; text-align: start;
}
.attnclf mark {
  color: inherit; padding: .15em 0; border-radius: .2em;
  background: rgb(var(--tone) / calc((var(--weight) - var(--even)) / (var(--full) - var(--even))));
}
.attnclf .against { --tone: var(--against); }
.attnclf .unread { color: var(--quiet); }
.attnclf .scale { margin: 0 .3em; }
.attnclf .scale mark { padding: .15em .6em; border-radius: 0; }
@media (forced-colors: active) {
  .attnclf mark { text-decoration: underline; }
  .attnclf mark.against { text-decoration: underline dotted; }
}
"""
