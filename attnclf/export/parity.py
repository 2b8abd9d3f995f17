"""The parity gate: an exported graph must compute what the network computes, also at shapes never traced."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from attnclf.errors import ExportError
from attnclf.runtime.session import open_session

TOLERANCE = 1e-4
SHAPES = ((1, 1), (1, 40), (2, 7), (3, 5), (5, 130), (33, 12))  # (batch, time); traced at (2, 7)


def check_parity(network: nn.Module, path: Path, *, vocabulary: int, max_length: int, multi_label: bool) -> float:
    """Return the largest difference in any output but the logits between torch and the file, over `SHAPES`.

    Times above `max_length`, which no text reaches, are cut to it. Each batch mixes lengths, from 1 to its full time.
    Raises ExportError above `TOLERANCE`, or when any value of either side is not finite.
    """
    session = open_session(path, device="cpu")
    generator = torch.Generator().manual_seed(0)
    network.eval()
    worst = 0.0
    for batch, longest in SHAPES:
        time = min(longest, max_length)
        lengths = torch.randint(1, time + 1, (batch,), generator=generator)
        lengths[0] = time
        ids = torch.randint(1, vocabulary, (batch, time), generator=generator)
        spellings = None
        if session.spelled:  # every third word is unknown
            # Slots that are read, for the others all lead to the same empty row.
            read = network.get_buffer("embedding.gram_rows").nonzero().flatten()
            spellings = read[torch.randint(len(read), (1 + batch // 2, time), generator=generator)]
            strange = torch.rand(batch, time, generator=generator) < 1 / 3
            ids = torch.where(strange, vocabulary + ids % len(spellings), ids)
        ids = ids * (torch.arange(time) < lengths.unsqueeze(1))
        with torch.no_grad():
            logits, weights, named = network(ids, lengths, spellings)
        probabilities = torch.sigmoid(logits) if multi_label else torch.softmax(logits, dim=-1)
        result = session.run(
            ids.numpy(), lengths.numpy(), None if spellings is None else spellings.numpy(), named=session.axes
        )
        pairs = [(probabilities, result.probabilities), (weights, result.attention)]
        pairs += [(named[name], value) for name, value in result.named.items()]
        for ours, theirs in pairs:
            difference = float(np.abs(ours.numpy() - theirs).max())
            if not difference <= TOLERANCE:  # also catches NaN
                raise ExportError(
                    f"the exported model differs from the trained one by {difference:.1e} at batch {batch}, "
                    f"length {time} (allowed {TOLERANCE:.0e})",
                    fix="report this, with the command that trained the model",
                )
            worst = max(worst, difference)
    return worst
