"""Methods evaluated on one model over many texts: faithfulness, agreement, plausibility and time."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.data.batches import in_order
from attnclf.data.corpus import Corpus
from attnclf.data.rationales import Spans, touched
from attnclf.errors import ConfigError, DataError
from attnclf.evaluation.intervals import SEED, Mean, bootstrapped
from attnclf.explain import choice
from attnclf.explain.methods import METHODS, method_for, outputs_of, working
from attnclf.explain.metrics.agreement import kendall
from attnclf.explain.metrics.faithfulness import BINS, Curves, Probe, curves, ranking
from attnclf.explain.metrics.permutation import permuted
from attnclf.explain.metrics.plausibility import Marks, mean_share, plausibility
from attnclf.explain.perturbation import REMOVALS, PerturbationScorer, Removal
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.timing import PAIRS, TOGETHER, Tick, timed, timed_read, weighed
from attnclf.explain.types.evaluation import FLOOR, SHARES, Evaluation, Permutation, Plausible, Worth
from attnclf.explain.types.weights import Weights
from attnclf.runtime.classifier import Classifier
from attnclf.text.tokenizer import words

REFERENCE = "leave-one-out"  # what the others are compared with
ROWS = 100  # of a file, unless more are asked for
VALUES = "value_logits"  # the output of a network that says what each state would add with all the attention

Watch = Callable[[str, int, int], None]


def chosen(classifier: Classifier, names: Sequence[str] = ()) -> list[str]:
    """Return the methods to evaluate: those named, `auto` among them, else the cheap ones; and `FLOOR`.

    Raises ConfigError for an unknown method, one that makes no sense for the model, and a model of numeric columns.
    """
    bundle, axes = classifier.bundle, classifier.backend.axes
    if bundle.columns:
        raise ConfigError("numbers cannot be taken out of a row of columns", fix="leave --explanations out")
    named = [choice.best(bundle) if name == "auto" else name for name in names]
    for name in named:
        method_for(name, bundle, axes)
    cheap = [name for name in working(bundle, axes) if METHODS[name].scored]
    return list(dict.fromkeys([*(named or cheap), FLOOR]))


def sampled(corpus: Corpus, rows: int = ROWS) -> Corpus:
    """Return at most `rows` random rows in the order of the file; the same for the same file."""
    if len(corpus) <= rows:
        return corpus
    return corpus.subset(np.sort(np.random.default_rng(SEED).choice(len(corpus), rows, replace=False)))


def evaluate(
    classifier: Classifier,
    texts: Sequence[str],
    methods: Sequence[str],
    *,
    rationales: Sequence[Spans | None] | None = None,
    watch: Watch = lambda stage, done, of: None,
) -> Evaluation:
    """Score methods on all texts that are not blank, each for the label that the model gives the text.

    `rationales` has for each text the spans that a person marked, None for a text that nobody annotated. `watch` is
    called with the stage, the number of steps done, and the number of all. Raises DataError if every text is blank.
    """
    axes = classifier.backend.axes
    outputs = {*outputs_of([REFERENCE, *methods], axes), *({VALUES} & axes.keys())}
    read, predicting = timed_read(classifier, texts, sorted(outputs))
    filled = [index for index, target in enumerate(read.targets) if target is not None]
    if not filled:
        raise DataError("no row has a text to explain", fix="pass rows with texts that are not blank")
    texts = [texts[index] for index in filled]
    targets, scorer = read.filled, read.scorer
    done, of = 0, len(texts) * (len({REFERENCE, *methods}) + len(REMOVALS))

    def within(stage: str) -> Tick:
        def tick(count: int) -> None:
            nonlocal done
            done += count
            watch(stage, done, of)

        tick(0)
        return tick

    by_token, taken = {}, {}
    for name in methods:
        by_token[name], weighing = timed(read, METHODS[name], within(name))
        taken[name] = predicting + weighing
    parts = [_parts(classifier, text, target) for text, target in zip(texts, targets, strict=True)]
    by_word = {
        name: [np.add.reduceat(one.values, part.firsts) for one, part in zip(weights, parts, strict=True)]
        for name, weights in by_token.items()
    }
    probes = _probes(targets, parts, [by_word[name] for name in methods])
    deletion = _curves(scorer, probes, "delete", SHARES, within("words deleted"))
    drawn: dict[Removal, list[Curves]] = {
        "delete": [_at(one, BINS) for one in deletion],
        "mask": _curves(scorer, probes, "mask", BINS, within("words masked")),
    }
    left_out = by_token.get(REFERENCE) or weighed(targets, scorer, METHODS[REFERENCE], within(REFERENCE))
    marks = [
        np.array(touched(part.places, spans), dtype=bool)
        for part, spans in zip(parts, _marked(rationales, filled), strict=True)
    ]
    places = [place for place, one in enumerate(marks) if one.any()]
    share = mean_share(marks[place] for place in places) if places else None

    def worth(row: int, name: str) -> Worth:
        return Worth(
            comprehensiveness={
                removal: bootstrapped([one.comprehensiveness[row] for one in found]) for removal, found in drawn.items()
            },
            sufficiency={
                removal: bootstrapped([one.sufficiency[row] for one in found]) for removal, found in drawn.items()
            },
            left=np.mean([[one.full, *one.without[row]] for one in deletion], axis=0),
            tau=None if name == REFERENCE else _tau(by_token[name], left_out),
            plausible=None
            if share is None
            else _plausible([by_word[name][place] for place in places], [marks[place] for place in places], share),
            milliseconds=taken[name],
            each=np.array([one.comprehensiveness[row] for one in drawn["delete"]]),
        )

    return Evaluation(
        texts=len(texts),
        marked=len(places),
        share=share,
        methods={name: worth(row, name) for row, name in enumerate(methods)},
        permutation=_permutation(classifier, scorer, targets),
    )


class _Parts(NamedTuple):
    """The words of a text: the first token of each (words,), the word of each token (tokens,), ranges of characters."""

    firsts: NDArray[np.int64]
    owner: NDArray[np.int64]
    places: list[tuple[int, int]]


def _parts(classifier: Classifier, text: str, target: ExplanationTarget) -> _Parts:
    read = classifier.tokenizer.pieces(text)[: len(target.ids)]
    spans = words(text, read)
    firsts = np.array([first for first, _ in spans], dtype=np.int64)
    owner = np.repeat(np.arange(len(spans)), [last - first for first, last in spans])
    return _Parts(firsts, owner, [(read[first].start, read[last - 1].end) for first, last in spans])


def _probes(
    targets: Sequence[ExplanationTarget], parts: Sequence[_Parts], weights: Sequence[Sequence[NDArray[np.floating]]]
) -> list[Probe]:
    """Return a probe for each text with the rankings of all methods; `weights` [method][text] are (words,)."""
    return [
        Probe(target, part.owner, np.stack([ranking(one) for one in of_text]))
        for target, part, of_text in zip(targets, parts, zip(*weights, strict=True), strict=True)
    ]


def _curves(
    scorer: PerturbationScorer, probes: Sequence[Probe], removal: Removal, bins: Sequence[float], tick: Tick
) -> list[Curves]:
    drawn: list[Curves] = []
    for run in in_order([len(probe.owner) for probe in probes], PAIRS, TOGETHER):
        drawn += curves(scorer, probes[run], removal, bins)
        tick(len(probes[run]))
    return drawn


def _at(one: Curves, bins: Sequence[float]) -> Curves:
    """Return curves drawn at `SHARES` at these of them."""
    places = [SHARES.index(share) for share in bins]
    return Curves(one.full, one.without[:, places], one.only[:, places])


def _tau(weights: Sequence[Weights], reference: Sequence[Weights]) -> Mean | None:
    """Return the mean agreement of the sizes of weights, sign aside, for attention has none."""
    found = [kendall(np.abs(one.values), np.abs(other.values)) for one, other in zip(weights, reference, strict=True)]
    known = [tau for tau in found if tau is not None]
    return bootstrapped(known) if known else None


def _marked(rationales: Sequence[Spans | None] | None, places: Sequence[int]) -> list[Spans]:
    """Return the spans of these texts, none where nobody looked."""
    return [(rationales and rationales[place]) or () for place in places]


def _plausible(weights: Sequence[NDArray[np.floating]], marks: Sequence[Marks], share: float) -> Plausible:
    found = plausibility(weights, marks, share)
    return Plausible(bootstrapped(found.auprc), bootstrapped(found.token_f1), found.iou_f1)


def _permutation(
    classifier: Classifier, scorer: PerturbationScorer, targets: Sequence[ExplanationTarget]
) -> Permutation | str:
    if VALUES not in classifier.backend.axes:
        return f"a {classifier.bundle.architecture} model does not give the output {VALUES}"
    logits = scorer.logits([target.ids for target in targets])
    found = [permuted(target, row) for target, row in zip(targets, logits, strict=True)]
    shifts = [shift for shift in found if shift is not None]
    if not shifts:
        return "every text has only one token"
    return Permutation(
        len(shifts),
        bootstrapped([shift.distance for shift in shifts]),
        float(np.mean([shift.changed for shift in shifts])),
    )
