"""What self-attention is for: whether two words go together, wherever they stand, which no word tells by itself."""

import pytest
import torch
from torch import nn

from attnclf.catalog import ARCHITECTURES
from attnclf.config import EmbeddingConfig, ModelConfig, TransformerConfig
from attnclf.model.output import Encoded

PAIRS, FILLERS, LENGTH = 6, 4, 6
KEYS, LOCKS, OTHERS = 2, 2 + PAIRS, 2 + 2 * PAIRS  # the first id of each kind


def texts(rows, generator):
    """Rows of six units in any order: a key, a lock and fillers; the label says whether the key fits the lock."""
    key = torch.randint(PAIRS, (rows,), generator=generator)
    fits = torch.rand(rows, generator=generator) < 0.5
    wrong = (key + torch.randint(1, PAIRS, (rows,), generator=generator)) % PAIRS
    ids = torch.randint(OTHERS, OTHERS + FILLERS, (rows, LENGTH), generator=generator)
    places = torch.rand(rows, LENGTH, generator=generator).argsort(dim=1)[:, :2]
    ids.scatter_(1, places, torch.stack([KEYS + key, LOCKS + torch.where(fits, key, wrong)], dim=1))
    return ids, fits.long()


class Nothing(nn.Module):
    """In the place of an encoder: every unit is left to itself."""

    out_dim = 16

    def forward(self, vectors, lengths):
        return Encoded(vectors)


@pytest.fixture(scope="module")
def solved():
    def solved(encoder=None):
        """Return the share of unseen texts that a network gets right after learning from many."""
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        config = ModelConfig(
            architecture="self-attention",
            embedding=EmbeddingConfig(dim=16, dropout=0.0),
            transformer=TransformerConfig(layers=1, heads=2, inner=16, positions="none", dropout=0.0),
            dropout=0.0,
        )
        network = ARCHITECTURES["self-attention"].build(config, OTHERS + FILLERS, 2, LENGTH)
        network.encoder = encoder or network.encoder
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(250):
            ids, labels = texts(64, generator)
            loss = nn.functional.cross_entropy(network(ids, torch.full((64,), LENGTH)).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        ids, labels = texts(1000, generator)
        with torch.no_grad():
            said = network.eval()(ids, torch.full((1000,), LENGTH)).logits.argmax(dim=1)
        return (said == labels).float().mean().item()

    return solved


def test_self_attention_tells_which_words_go_together(solved):
    assert solved() > 0.98


def test_without_it_no_weighing_of_single_words_can(solved):
    assert solved(Nothing()) < 0.7
