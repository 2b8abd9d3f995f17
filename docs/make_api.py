"""Write the reference of docs/python.md from the docstrings: `python docs/make_api.py [--check]`.

The reference is between `<!-- api -->` and `<!-- end -->`. With --check nothing is written, and the exit status is 1 if
it differs.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import attnclf
from attnclf.api import TrainingOptions
from attnclf.explain import api as explaining
from attnclf.explain.methods.method import Method
from attnclf.explain.render import Renderer
from attnclf.runtime.classifier import Prediction

PAGE = Path(__file__).with_name("python.md")
REFERENCE = re.compile(r"(<!-- api -->\n).*(<!-- end -->)", re.DOTALL)
CALLS = {
    "attnclf.train": attnclf.train,
    "attnclf.load": attnclf.load,
    "Classifier.predict": attnclf.Classifier.predict,
    "Classifier.predict_proba": attnclf.Classifier.predict_proba,
    "Classifier.explain": explaining.explain,
    "Classifier.save": attnclf.Classifier.save,
    "Prediction": Prediction,
    "attnclf.AttnclfClassifier": attnclf.AttnclfClassifier,
    "AttnclfClassifier.fit": attnclf.AttnclfClassifier.fit,
    "AttnclfClassifier.predict": attnclf.AttnclfClassifier.predict,
    "AttnclfClassifier.predict_proba": attnclf.AttnclfClassifier.predict_proba,
    "attnclf.AttnclfError": attnclf.AttnclfError,
    "attnclf.register_score": attnclf.register_score,
    "attnclf.register_alignment": attnclf.register_alignment,
    "attnclf.register_method": attnclf.register_method,
    "Method": Method,
    "attnclf.register_renderer": attnclf.register_renderer,
    "Renderer": Renderer,
}


def reference() -> Iterator[str]:
    """Yield the lines of the reference: each call with its parameters, and its docstring."""
    for name, call in CALLS.items():
        parameters = [parameter for parameter in inspect.signature(call).parameters.values() if _shown(parameter)]
        shown = ", ".join(_written(parameter) for parameter in parameters)
        yield from (f"### `{name}`", "", "```text", f"{name}({shown})", "```", "")
        for block in (inspect.getdoc(call) or "").split("\n\n"):
            yield from (("```pycon", block, "```") if block.startswith(">>>") else (block,))
            yield ""


def _shown(parameter: inspect.Parameter) -> bool:
    return parameter.name not in ("self", "cls", "classifier")


def _written(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:  # of train
        return ", ".join(f"{name}=…" for name in TrainingOptions.__annotations__)
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}={parameter.default!r}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    written = REFERENCE.sub(lambda found: found[1] + "\n".join(reference()) + found[2], page)
    if "--check" in sys.argv[1:] and written != page:
        sys.exit("docs/python.md differs from the docstrings; run: python docs/make_api.py")
    PAGE.write_text(written, encoding="utf-8")
