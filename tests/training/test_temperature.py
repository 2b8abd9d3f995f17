"""Probabilities are made to mean what they say, and labels stay what they were."""

import numpy as np
import pytest
import torch
from torch import nn

from attnclf.training.calibration.logit_weights import scale_temperature


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 3)

    def forward(self, vectors):
        return self.dense(vectors)


@pytest.mark.parametrize("factor", [0.3, 4.0])
def test_logits_that_are_a_factor_too_large_are_divided_by_it(factor):
    torch.manual_seed(0)
    honest = 2 * torch.randn(20_000, 3)
    targets = torch.distributions.Categorical(logits=honest).sample().numpy()
    *_, temperature = scale_temperature(Network(), factor * honest, targets)
    assert temperature == pytest.approx(factor, rel=0.05)


def test_the_network_itself_says_the_new_logits_and_the_same_labels():
    torch.manual_seed(0)
    network, vectors = Network(), torch.randn(200, 4)
    before = network(vectors).detach()
    network, said, temperature = scale_temperature(network, before, np.random.default_rng(0).integers(0, 3, 200))
    torch.testing.assert_close(network(vectors).detach(), said)
    torch.testing.assert_close(said * temperature, before)
    assert (said.argmax(dim=1) == before.argmax(dim=1)).all()


def test_rows_with_several_labels_are_calibrated_too():
    torch.manual_seed(0)
    honest = torch.randn(20_000, 3)
    targets = (torch.rand(20_000, 3) < honest.sigmoid()).float().numpy()
    assert scale_temperature(Network(), 2 * honest, targets)[2] == pytest.approx(2, rel=0.05)
