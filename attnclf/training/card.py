"""The model card: what a person who finds the folder should know, as Markdown."""

from collections.abc import Mapping
from typing import Any

from attnclf.bundle import learned_from
from attnclf.evaluation.report import Report


def model_card(name: str, description: Mapping[str, Any], report: Report) -> str:
    """Return the text of the bundle's README.md."""
    metrics = report.splits[report.split]
    text, columns = description["text"], description["columns"]
    source = "new.csv" if columns else "new.txt"
    lower = str(text["lowercase"]).lower()
    reads = f"{text['unit']} tokens, lower-cased: {lower}, at most {text['max_length']:,} of a text"
    if columns:
        reads = f"the numeric columns {', '.join(f'`{column}`' for column in columns)}"
    labels = ", ".join(f"`{label}`" for label in description["labels"][:30])
    more = len(description["labels"]) - 30
    return f"""---
library_name: attnclf
pipeline_tag: text-classification
---

# {name}

A {description["task"]} text classifier with {len(description["labels"])} labels, trained by attnclf
{description["attnclf"]} on {learned_from(description)} ({description["created"]}).

- {metrics.score_name} on the {report.split} rows ({metrics.rows:,}): **{100 * metrics.score:.1f}**, macro-F1
  {100 * metrics.macro_f1:.1f}, expected calibration error {metrics.ece:.3f}. {report.verdict}
- labels: {labels}{f" and {more} more" if more > 0 else ""}
- reads {reads}
- details: [report](report/report.md); all settings: `attnclf.json`

```
attnclf predict {source} --model {name}
attnclf explain {source} --model {name}
```

It was trained on its training rows and nothing else: texts of another kind get a label too, often with a high score.
Attention shows where the network looked, which is not proof of why it decided.
"""
