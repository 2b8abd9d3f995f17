"""From a trained network to a model with honest probabilities, by its validation rows."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attnclf.evaluation.thresholds import tune_thresholds
from attnclf.training.calibration.ensemble import Ensemble, fit_ensemble
from attnclf.training.calibration.logit_weights import loss, scale_temperature
from attnclf.training.context import TrainingContext
from attnclf.training.trainer import FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedModel:
    """A trained network with n-grams in addition, or divided by a temperature.

    `thresholds` (labels,) are the probabilities from which a multi-label model gives a label, `loss` is the mean
    over the validation rows.
    """

    fitted: FitResult
    network: nn.Module
    temperature: float
    thresholds: NDArray[np.float64]
    loss: float
    ensemble: Ensemble | None = None


def calibrate(context: TrainingContext, fitted: FitResult) -> CalibratedModel:
    """Return the model that the validation rows make of a trained network: an ensemble or a temperature, thresholds."""
    data, logits, network = fitted.data, fitted.logits, fitted.data.network
    targets, temperature, ensemble = data.validation.targets, 1.0, None
    if data.linears:
        ensemble = fit_ensemble(network, logits, data.linears, data.validation, len(data.examples), context.say)
        network, logits, temperature = ensemble.mixture, ensemble.logits, float(1 / ensemble.mixture.weights[0])
    elif not context.sequential:
        network, logits, temperature = scale_temperature(network, logits, targets)
    thresholds: NDArray[np.float64] = np.full(len(context.labels), 0.5)
    if context.labels.multi_label and not context.sequential:
        thresholds = tune_thresholds(targets.astype(np.int64), torch.sigmoid(logits).numpy())
    return CalibratedModel(
        fitted=fitted,
        network=network,
        temperature=temperature,
        thresholds=thresholds,
        loss=0.0 if context.sequential else float(loss(logits, targets)) / len(data.validation),
        ensemble=ensemble,
    )
