"""Small tasks that attention solves and a plain mean cannot, and the tokens it looks at while it does.

A text is a row of random tokens of eight kinds with one marker in it; the kind of the token after the marker is the
label. A bag of words knows next to nothing of it.
"""

import pytest
import torch
from torch import nn

from attnclf.attention import alignments
from attnclf.attention.pooling import Pooling
from attnclf.config import AttentionConfig

KINDS, MARKER, DIM, TIME = 8, 9, 12, 16


def texts(count, seed):
    """Ids (count, time), labels (count,) and the place of the token that decides (count,)."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, KINDS + 1, (count, TIME), generator=generator)
    marked = torch.randint(0, TIME - 1, (count, 1), generator=generator)
    ids.scatter_(1, marked, MARKER)
    return ids, ids.gather(1, marked + 1).squeeze(1) - 1, marked + 1


class Mean(nn.Module):
    """The control: every token weighs the same."""

    out_dim = 2 * DIM

    def forward(self, hidden, keep):
        weights = keep / keep.sum(dim=1, keepdim=True)
        return (weights.unsqueeze(1) @ hidden).squeeze(1), weights


class Tiny(nn.Module):
    """Each token beside the one before it → pooling → labels."""

    def __init__(self, pooling):
        super().__init__()
        self.embedding = nn.Embedding(MARKER + 1, DIM)
        self.pooling = pooling
        self.dense = nn.Linear(pooling.out_dim, KINDS)

    def forward(self, ids):
        vectors = self.embedding(ids)
        hidden = torch.cat([vectors, nn.functional.pad(vectors, (0, 0, 1, 0))[:, :-1]], dim=-1)
        pooled, weights, *_ = self.pooling(hidden, torch.ones_like(ids, dtype=torch.bool))
        return self.dense(pooled), weights


def learned(pooling, steps=300):
    """Train on fresh texts; return the share of unseen texts labelled rightly and the weight on the deciding token."""
    network = Tiny(pooling)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for step in range(steps):
        ids, labels, _ = texts(64, seed=step)
        loss = nn.functional.cross_entropy(network(ids)[0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    ids, labels, place = texts(1000, seed=10_000)
    with torch.no_grad():
        logits, weights = network(ids)
    right = (logits.argmax(dim=1) == labels).float().mean().item()
    return right, weights.gather(1, place).mean().item()


@pytest.mark.parametrize(
    ("score", "alignment"),
    [
        *[(score, "global") for score in ("additive", "dot", "general")],
        *[pytest.param(score, "global", marks=pytest.mark.long) for score in ("scaled_dot", "biased_general")],
        ("additive", "entmax15"),
        ("dot", "hard"),
    ],
)
def test_attention_finds_the_token_that_decides(one_thread, score, alignment):
    torch.manual_seed(0)
    right, weight = learned(Pooling(AttentionConfig(score=score, alignment=alignment), 2 * DIM, TIME))
    assert right > 0.97
    assert weight > 0.8


def test_the_mean_of_the_tokens_cannot_tell(one_thread):
    torch.manual_seed(0)
    right, weight = learned(Mean())
    assert right < 0.35  # the kinds that occur more often are likelier to be the label
    assert weight == pytest.approx(1 / TIME)


@pytest.mark.parametrize("target", [5, 10])
def test_the_predicted_place_moves_to_where_weight_pays_as_far_as_the_window_reaches(one_thread, target):
    torch.manual_seed(0)
    query, w_p, v_p = (nn.Parameter(torch.randn(shape) / 4) for shape in ((1, DIM), (DIM, DIM), (DIM,)))
    flat, keep = torch.zeros(1, 1, TIME), torch.ones(1, 1, TIME, dtype=torch.bool)
    optimizer = torch.optim.Adam([query, w_p, v_p], lr=0.02)
    for _ in range(200):
        weights = alignments.local_p(flat, keep, query, window=4, w_p=w_p, v_p=v_p)
        optimizer.zero_grad()
        (-weights[..., target]).sum().backward()
        optimizer.step()
    assert weights.argmax().item() == target
