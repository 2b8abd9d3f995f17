"""The parity gate: an exported graph must compute what the network computes, also at shapes never traced."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attnclf.errors import ExportError
from attnclf.model.feature_gate import FeatureGate
from attnclf.runtime.onnxruntime_backend import open_backend

TOLERANCE = 1e-4
TIES = 0.05  # share of texts in which a hard alignment may choose otherwise in a tie
SHAPES = ((1, 1), (1, 40), (2, 7), (3, 5), (5, 130), (33, 12))  # (batch, time); traced at (2, 7)


def check_parity(
    network: nn.Module, path: Path, *, vocabulary: int, multi_label: bool, max_length: int | None = None
) -> float:
    """Return the largest difference in any output but the logits between torch and the file, over `SHAPES`.

    Of an output with values above 1 that is a share of the largest one: so precise are float32 sums.

    Each batch mixes lengths, from 1 to its full time; no text is longer than `max_length`. Raises ExportError above
    `TOLERANCE`, when any value of either side is not finite, or when a hard alignment chooses another position, or a
    decoder another label, in more than `TIES` of the texts.
    """
    session = open_backend(path, device="cpu")
    generator = torch.Generator().manual_seed(0)
    network.eval()
    worst, texts, ties = 0.0, 0, 0
    for batch, longest in SHAPES:
        time = min(longest, max_length or longest)
        lengths = torch.randint(1, time + 1, (batch,), generator=generator)
        lengths[0] = time
        ids, char_ngrams = made_inputs(network, batch, time, vocabulary, generator), None
        if session.reads_ngrams:  # every third word is unknown
            # Slots that are read, for the others all lead to the same empty row; where there is none, that row.
            rows = network.get_buffer("linear.gram_rows")
            read = rows.nonzero().flatten() if rows.any() else torch.zeros(1, dtype=torch.int64)
            char_ngrams = read[torch.randint(len(read), (1 + batch // 2, time), generator=generator)]
            strange = torch.rand(batch, time, generator=generator) < 1 / 3
            ids = torch.where(strange, vocabulary + ids % len(char_ngrams), ids)
        if reads_numbers(network):
            lengths = torch.full_like(lengths, ids.shape[1])
        else:
            ids = ids * (torch.arange(time) < lengths.unsqueeze(1))
        with torch.no_grad():
            logits, weights, named = network(ids, lengths, *([] if char_ngrams is None else [char_ngrams]))
        probabilities = torch.sigmoid(logits) if multi_label else torch.softmax(logits, dim=-1)
        result = session.run(
            ids.numpy(), lengths.numpy(), None if char_ngrams is None else char_ngrams.numpy(), named=session.axes
        )
        pairs = [(probabilities.numpy(), result.probabilities), (weights.numpy(), result.attention)]
        pairs += [(named[name].numpy(), value) for name, value in result.named.items()]
        same = ~np.any([chose_otherwise(ours, theirs) for ours, theirs in pairs[1:]], axis=0)
        texts, ties = texts + batch, ties + batch - int(same.sum())
        for ours, theirs in pairs:
            largest = max(1.0, float(np.abs(ours[same]).max(initial=0.0)))  # NaN is caught below
            difference = float(np.abs(ours - theirs)[same].max(initial=0.0)) / largest
            if not difference <= TOLERANCE:  # also catches NaN
                raise ExportError(
                    f"the exported model differs from the trained one by {difference:.1e} at batch {batch}, "
                    f"length {time} (allowed {TOLERANCE:.0e})",
                    fix="report this, with the command that trained the model",
                )
            worst = max(worst, difference)
    if ties > TIES * texts:
        raise ExportError(
            f"the exported model makes other choices than the trained one in {ties} of {texts} texts",
            fix="report this, with the command that trained the model",
        )
    return worst


def reads_numbers(network: nn.Module) -> bool:
    """Whether a network reads numeric columns in place of ids."""
    return isinstance(network, FeatureGate) and network.columns > 0


def made_inputs(network: nn.Module, batch: int, time: int, vocabulary: int, generator: torch.Generator) -> torch.Tensor:
    """Return random ids (batch, time) of known tokens, or numbers (batch, columns) like those of the training rows."""
    if not reads_numbers(network):
        return torch.randint(1, vocabulary, (batch, time), generator=generator)
    scale, middle = network.get_buffer("embedding.deviation"), network.get_buffer("embedding.mean")
    return middle + scale * torch.randn(batch, len(middle), generator=generator)


def chose_otherwise(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each text, the first axis, whether both sides made a choice, but not the same one: bool (texts,).

    A choice is a whole number, or all weight on one index of the last axis. Of two equal scores either may be chosen,
    by rounding.
    """
    if ours.dtype.kind == "i":
        differ = ours != theirs
    else:
        chosen = (ours.max(axis=-1) == 1) & (theirs.max(axis=-1) == 1)
        differ = chosen & (ours.argmax(axis=-1) != theirs.argmax(axis=-1))
    apart: NDArray[np.bool_] = differ.reshape(len(ours), -1).any(axis=1)
    return apart
