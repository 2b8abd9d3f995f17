"""The tables: every contender on every dataset, and how often attnclf is ahead of the best of the others."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.results import machine, mean_and_range, section, table

OURS = "attnclf "
Group = Mapping[str, Sequence[Mapping[str, Any]]]  # contender → its runs


def report(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what was measured as Markdown."""
    groups: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        groups[result["dataset"]][result["contender"]].append(result)
    names = list(dict.fromkeys(result["contender"] for result in results))
    blocks = [
        machine("torch", "scikit-learn", "fasttext-wheel"),
        "Test rows, in percent: accuracy, or micro-F1 for multi-label datasets (marked *). Mean over seeds "
        "(least to greatest). All choices were made on validation rows.",
        table(["dataset", *names], [_row(split, group, names, "accuracy") for split, group in _splits(groups)]),
        "Macro-F1:",
        table(["dataset", *names], [_row(split, group, names, "macro_f1") for split, group in _splits(groups)]),
        "Seconds to train, including the choice among settings:",
        table(
            ["dataset", *names], [[name, *(_seconds(group, one) for one in names)] for name, group in groups.items()]
        ),
        "Megabytes of the model:",
        table(["dataset", *names], [[name, *(_size(group, one) for one in names)] for name, group in groups.items()]),
    ]
    calibrated = [name for name in names if name.startswith(OURS)]
    if calibrated:
        blocks += [
            "Expected calibration error on test rows, before the temperature and after it:",
            table(
                ["dataset", *calibrated],
                [[name, *(_calibration(group, one) for one in calibrated)] for name, group in groups.items()],
            ),
        ]
    peers = [name for name in names if not name.startswith(OURS)]
    if peers:
        blocks += [_verdict(name, groups, peers) for name in names if name.startswith(OURS)]
    return section(*blocks)


def _splits(groups: Mapping[str, Group]) -> list[tuple[tuple[str, str], Group]]:
    """Return every scored split with its group: (name of the dataset, name of the split)."""
    found = []
    for name, group in groups.items():
        first = next(iter(group.values()))[0]
        found += [((name, split), group) for split in first["tests"]]
    return found


def _row(split: tuple[str, str], group: Group, names: Sequence[str], score: str) -> list[str]:
    name, part = split
    first = next(iter(group.values()))[0]
    title = name + ("*" if first["multi_label"] else "") + ("" if part == "test" else f" ({part})")
    cells = {one: [run["tests"][part][score] for run in group[one]] for one in names if one in group}
    best = max((statistics.mean(values) for values in cells.values()), default=0.0)
    row = [title]
    for one in names:
        values = cells.get(one)
        if not values:
            row.append("")
            continue
        mean, space, spread = mean_and_range(values).partition(" ")
        row.append((f"**{mean}**" if statistics.mean(values) == best and len(cells) > 1 else mean) + space + spread)
    return row


def _seconds(group: Group, name: str) -> str:
    return f"{statistics.mean(run['seconds'] for run in group[name]):.0f}" if name in group else ""


def _calibration(group: Group, name: str) -> str:
    if name not in group:
        return ""
    before, after = (statistics.mean(run["tests"]["test"]["ece"][end] for run in group[name]) for end in (0, 1))
    return f"{before:.3f} → {after:.3f}"


def _size(group: Group, name: str) -> str:
    return f"{statistics.mean(run['megabytes'] for run in group[name]):.1f}" if name in group else ""


def _verdict(ours: str, groups: Mapping[str, Group], peers: Sequence[str]) -> str:
    """Return one sentence: on how many datasets it is ahead of the best peer, and where it is behind by how much."""
    margins = {}
    for name, group in groups.items():
        others = [one for one in peers if one in group]
        if ours in group and others:
            means = {one: statistics.mean(run["tests"]["test"]["accuracy"] for run in group[one]) for one in group}
            margins[name] = means[ours] - max(means[one] for one in others)
    ahead = [name for name, margin in margins.items() if margin > 0]
    behind = sorted((margin, name) for name, margin in margins.items() if margin <= 0)
    predicted = ", ".join(f"{name} {margin:+.1f}" for margin, name in behind)
    return (
        f"{ours} against the best other contender on each dataset: ahead on {len(ahead)} of {len(margins)}, by "
        f"{statistics.mean(margins.values()) if margins else 0:+.1f} points on average"
        + (f". Behind on {predicted}." if behind else ".")
    )
