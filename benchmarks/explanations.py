"""What the methods of `attnclf explain` cost and are worth on one model.

Run: python benchmarks/explanations.py MODEL FILE.jsonl [ROWS]

Of texts of 16 to 24 units in FILE (a `text` column), one at a time on one core after a first run: milliseconds of an
explanation without and with its faithfulness, median and the middle half, the comprehensiveness and sufficiency of all
texts (deletion), and how often each verdict was given. The methods take turns on each text, so that whatever else the
machine does falls on all of them.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from attnclf.explain.explain import explain
from attnclf.explain.methods import working
from attnclf.runtime.classifier import Classifier

MEASURES = (False, True)


def main(model: str, file: str, rows: int = 100) -> None:
    """Print a table row for each method."""
    classifier = Classifier.load(model, device="cpu", threads=1)
    texts = [json.loads(line)["text"] for line in Path(file).read_text(encoding="utf-8").splitlines()]
    lengths = [len(ids) for ids in classifier.tokenizer.encode(texts)]
    texts = [text for text, length in zip(texts, lengths, strict=True) if 16 <= length <= 24][:rows]
    names = working(classifier.bundle, classifier.session.axes)
    for name in names:
        explain(classifier, texts[:1], method=name)
    taken: dict[tuple[str, bool], list[float]] = {(name, measured): [] for name in names for measured in MEASURES}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    verdicts = {name: Counter[str]() for name in names}
    for text in texts:
        for name, measured in taken:
            start = time.perf_counter()
            (one,) = explain(classifier, [text], method=name, faithfulness=measured)
            taken[name, measured].append(1000 * (time.perf_counter() - start))
            if one.faithfulness is not None:
                figures = one.faithfulness.figures["delete"]
                found[name].append((figures.comprehensiveness, figures.sufficiency))
                verdicts[name][one.faithfulness.verdict] += 1
    print(f"{len(texts)} texts of 16 to 24 units, mean {np.mean(lengths):.0f} in the file")
    for name in names:
        plain, measured = (np.percentile(taken[name, which], (25, 50, 75)) for which in MEASURES)
        comprehensiveness, sufficiency = np.mean(found[name], axis=0)
        print(
            f"{name:22} {plain[1]:6.1f} ({plain[0]:.1f}-{plain[2]:.1f}) ms, measured {measured[1]:6.1f} "
            f"({measured[0]:.1f}-{measured[2]:.1f}) ms  comprehensiveness {comprehensiveness:.3f} sufficiency "
            f"{sufficiency:.3f}  {dict(verdicts[name].most_common())}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
