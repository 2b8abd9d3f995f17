"""`attnclf explain`: which words decided."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attnclf.explain.render import RENDERERS, format_of, write
from attnclf_cli import options

if TYPE_CHECKING:
    from attnclf.explain.types.explanation import Comparison, Explanation
    from attnclf.explain.types.influence import Influences
    from attnclf.runtime.classifier import Classifier


def known(format: str) -> str:
    """Return the name of a format; wrong usage if there is none."""
    if format not in ("auto", *RENDERERS):
        raise typer.BadParameter(f"{format!r} is not one of auto, {', '.join(RENDERERS)}")
    return format


FEW = 16  # texts at a time where each takes many runs of the network, or has a map, which may be large
PANEL = "Maps and faithfulness"  # a panel of its own: with these long names in one, 80 columns cut them
UNASKED = 100  # texts of one run whose faithfulness is measured unasked


def explain(
    model: options.ModelFolder,
    source: Annotated[str, typer.Argument(metavar="[FILE|-]", help="Texts; - is stdin, one text a line.")] = "-",
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Explanation method: attention (default), leave-one-out …, or auto. Several are compared.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show several methods side by side.")] = False,
    against: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Compare the best label with this one.", show_default=False)
    ] = None,
    over_all: Annotated[
        bool, typer.Option("--global", help="Summarise all texts: the words with the largest effect on each label.")
    ] = False,
    format: Annotated[
        str,
        typer.Option(
            "--format", "-f", metavar="NAME", parser=known, help=f"auto, {', '.join(RENDERERS)}; auto goes by --out."
        ),
    ] = "auto",
    top: Annotated[
        int | None, typer.Option(min=1, help="Number of top words to name: 5; with --global 10.", show_default=False)
    ] = None,
    faithfulness: Annotated[
        bool | None,
        typer.Option(
            "--faithfulness/--no-faithfulness",
            help="Measure how faithful each explanation is; default: the first 100 short texts.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    maps: Annotated[
        bool | None,
        typer.Option(
            "--map/--no-map",
            help="Draw the map of attention; default: for short texts.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    layer: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Layer of the map, from 1; default: the last.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="N|mean",
            help="Head of the map; default: the mean.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    text_column: options.TextColumns = None,
    input_format: options.DataFormat = None,
    device: options.Device = options.DeviceName.auto,
    precision: options.Precision = options.PrecisionName.fp32,
    out: options.Out = None,
) -> None:
    """Show which words decided: the text, with each word shaded by its weight."""
    from attnclf.data.inputs import open_input, texts
    from attnclf.data.read_options import ReadOptions
    from attnclf.data.streams import Damage
    from attnclf.explain import choice
    from attnclf.explain.api import check_label
    from attnclf.runtime.classifier import Classifier
    from attnclf.runtime.windows import WINDOW, Windows
    from attnclf_cli.output import note_of_slopes, opened, warn_of_damage

    name = _by_name(out) if format == "auto" else format
    pictures = {"maps": maps, "layer": layer, "head": _head(head)}
    asked = [option for option, value in pictures.items() if value not in (None, False)]
    compare = compare or len(method or ()) > 1
    if (compare or over_all) and asked:
        hint = f"'--{asked[0].removesuffix('s')}'"
        raise typer.BadParameter("maps are drawn of one explanation of one text", param_hint=hint)
    if compare and over_all:
        raise typer.BadParameter("one method is added up over all texts", param_hint="'--global'")
    classifier = Classifier.load(model, device=device.value, precision=precision.value)
    if against is not None:
        check_label(classifier, against)
    chosen = _chosen(classifier, method or [], contrast=against is not None or over_all, compare=compare)
    note_of_slopes(chosen, precision.value)
    short = _Unasked(classifier, {"maps": False} if compare else pictures, faithfulness)
    damage = Damage()

    def explained(window: list[str]) -> Iterator["list[Explanation] | list[Comparison]"]:
        from attnclf.explain.api import compare as side_by_side
        from attnclf.explain.api import explain as run

        for some, measure in short.parts(window):
            if compare:
                several = side_by_side(classifier, some, chosen, against=against, faithfulness=measure)
                short.count([one.explanations[0] for one in several])
                yield several
            else:
                one = run(classifier, some, method=chosen[0], against=against, faithfulness=measure, **pictures)  # type: ignore[arg-type]
                short.count(one)
                yield one

    def all_explained(lines: Iterable[str]) -> Iterator["list[Explanation] | list[Comparison]"]:
        for window in Windows(lines, size=FEW if asked or faithfulness or compare else WINDOW):
            yield from explained(window)

    reading = ReadOptions(format=input_format, text_columns=text_column, feature_columns=classifier.bundle.columns)
    with open_input(source, reading) as read, opened(out, model=model) as output:
        lines = texts(read, reading, damage=damage, say=partial(typer.echo, err=True))
        if over_all:
            found: Iterable[Sequence[Any]] = [[_summed(classifier, Windows(lines), chosen[0], against, top or 10)]]
        else:
            found = all_explained(lines)
        write(name, found, output, top=top or 5)
    warn_of_damage(damage)
    if not over_all:
        short.say()
    better = choice.better(classifier.bundle)
    if not method and chosen == [choice.DEFAULT] and better is not None:
        typer.echo(f"Note: {better} is more faithful than attention on this model; --method auto takes it", err=True)


def _by_name(out: str | None) -> str:
    """Return the format for where explanations go: a file without an ending, as pipes have, gets json."""
    if out in (None, "-"):
        return "terminal" if sys.stdout.isatty() else "json"
    return format_of(out) or "json"


def _chosen(classifier: "Classifier", named: list[str], *, contrast: bool, compare: bool) -> list[str]:
    """Return the methods to use, and say which where the person did not name it."""
    from attnclf.explain import choice
    from attnclf.explain.methods import METHODS, method_for

    if compare and not named:
        return []
    chosen = choice.resolved(classifier, named, contrast=contrast)
    for name in chosen:
        method_for(name, classifier.bundle, classifier.backend.axes)
    found = [name for name in chosen if name not in (named or [choice.DEFAULT])]
    for name in found:
        typer.echo(f"Method: {name}, {METHODS[name].meaning}", err=True)
    return chosen


def _summed(
    classifier: "Classifier", windows: Iterable[list[str]], method: str, against: str | None, top: int
) -> "Influences":
    from attnclf.errors import ConfigError
    from attnclf.explain.api import explain as run
    from attnclf.explain.methods import METHODS, signed
    from attnclf.explain.types.influence import Influences

    if not METHODS[method].signed:
        usable = signed(classifier.bundle, classifier.backend.axes)
        raise ConfigError(
            f"{method} gives words no sign for or against a label, so it cannot be added up",
            fix=f"use one of: {', '.join(usable)}" if usable else "leave --global out",
        )
    influences = Influences(method, top, against)
    for window in windows:
        for one in run(classifier, window, method=method, against=against, faithfulness=False, maps=False):
            influences.add(one)
    return influences


class _Unasked:
    """Which texts get more than a highlight although nobody asked, and how many did not."""

    def __init__(self, classifier: "Classifier", pictures: dict[str, Any], faithfulness: bool | None) -> None:
        from attnclf.explain.maps import MAPS
        from attnclf.explain.metrics.faithfulness import SHORT

        mapped = all(value is None for value in pictures.values())
        self.maps = MAPS.get(classifier.bundle.pictures) if mapped else None
        self.faithfulness, self.shortest = faithfulness, SHORT
        self.columns = bool(classifier.bundle.columns)
        self.read = self.unmapped = self.unmeasured = 0

    def parts(self, window: list[str]) -> Iterator[tuple[list[str], bool | None]]:
        """Yield the texts with whether to measure them: the first `UNASKED` of a run few at a time, then none."""
        first = max(UNASKED - self.read, 0) if self.faithfulness is None else 0
        for start in range(0, min(first, len(window)), FEW):
            yield window[start : min(start + FEW, first)], None
        if window[first:]:
            yield window[first:], self.faithfulness or False
        self.read += len(window)

    def count(self, explained: "list[Explanation]") -> None:
        """Count the texts that were left out."""
        self.unmapped += sum(self.maps is not None and len(one.words) > self.maps.short for one in explained)
        self.unmeasured += sum(one.faithfulness is None and bool(one.words) for one in explained)

    def say(self) -> None:
        """Say on stderr how many were left out, and the option that takes them in."""
        if self.maps and self.unmapped:
            typer.echo(
                f"Note: {self.unmapped:,} of {self.read:,} texts have more than {self.maps.short} words; "
                "--map maps them",
                err=True,
            )
        if self.faithfulness is None and not self.columns and self.unmeasured:
            typer.echo(
                f"Note: faithfulness was not measured for {self.unmeasured:,} of {self.read:,} texts (of more than "
                f"{self.shortest} words, or after the first {UNASKED}); --faithfulness measures them",
                err=True,
            )


def _head(name: str | None) -> int | Literal["mean"] | None:
    if name is None:
        return None
    if name == "mean":
        return "mean"
    if not name.isdecimal():
        raise typer.BadParameter(f"{name!r} is neither a number nor mean", param_hint="'--head'")
    return int(name)
