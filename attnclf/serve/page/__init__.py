"""The page at `/`: a form, a script and a style that travel with the package, and nothing from anywhere else.

The page asks the same server that a program would: `GET /labels`, then `POST /explain` for each text. Every address in
it is relative, so that it also works behind a proxy that serves it under a path of its own.
"""

from html import escape
from importlib.resources import files

from fastapi import APIRouter, Response

from attnclf.explain.methods import METHODS
from attnclf.explain.render.html import css

# Only our own files, no inline script or style, no way to turn a string into markup, no frame around the page.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
}
FLOORS = ("random", "uniform")  # methods that are there to be compared with

router = APIRouter(include_in_schema=False)


def _methods() -> str:
    """Return an option for each method that there is, in groups; the script keeps those that the model has."""
    groups: dict[str, list[str]] = {"which words mattered": [], "for or against the label": [], "to compare with": []}
    weighed, signed, floors = groups.values()
    for name, row in METHODS.items():
        kind = " data-signed" if row.signed else ""
        option = f'<option value="{escape(name)}" title="{escape(row.meaning)}"{kind}>{escape(name)}</option>'
        (floors if name in FLOORS else signed if row.signed else weighed).append(option)
    return "\n".join(f'<optgroup label="{name}">{"".join(options)}</optgroup>' for name, options in groups.items())


def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


# Read once: what a running server shows does not change under it.
FILES = {
    "/": (_read("index.html").replace("<!-- methods -->", _methods()), "text/html"),
    "/page/page.css": (css.THEME + css.WORDS + _read("page.css"), "text/css"),
    "/page/page.js": (_read("page.js"), "text/javascript"),
    "/page/icon.svg": (_read("icon.svg"), "image/svg+xml"),
}


def _serve(path: str, content: str, kind: str) -> None:
    @router.get(path)
    async def file() -> Response:
        return Response(content, headers=HEADERS, media_type=kind)


for path, (content, kind) in FILES.items():
    _serve(path, content, kind)
