"""What the validation rows make of a trained network: the weight of n-grams beside it or a temperature, thresholds."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attnclf.evaluation.thresholds import settle
from attnclf.training.learner import Learned, Learner
from attnclf.training.mixing import Beside, beside_ngrams
from attnclf.training.temperature import temper
from attnclf.training.weighing import loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A network whose probabilities are honest on the validation rows, with n-grams at its side or a temperature.

    `thresholds` (labels,) are those of several labels, `loss` is the mean of the validation rows.
    """

    network: nn.Module
    temperature: float
    thresholds: NDArray[np.float64]
    loss: float
    beside: Beside | None = None


def calibrated(learner: Learner, learned: Learned) -> Calibrated:
    """Return what was learned together with what the validation rows make of it."""
    lesson, said = learned.lesson, learned.said
    temperature, beside, network = 1.0, None, lesson.network
    if lesson.linears:
        rows = len(lesson.examples)
        beside = beside_ngrams(network, said, lesson.linears, lesson.validation, rows, learner.say)
        network, said, temperature = beside.mixture, beside.joint, float(1 / beside.mixture.weights[0])
    elif not learner.sequential:
        network, said, temperature = temper(network, said, lesson.validation.targets)
    thresholds: NDArray[np.float64] = np.full(len(learner.labels), 0.5)
    if learner.labels.multi_label and not learner.sequential:
        thresholds = settle(lesson.validation.targets.astype(np.int64), torch.sigmoid(said).numpy())
    mean = 0.0 if learner.sequential else float(loss(said, lesson.validation.targets)) / len(lesson.validation)
    return Calibrated(network=network, temperature=temperature, thresholds=thresholds, loss=mean, beside=beside)
