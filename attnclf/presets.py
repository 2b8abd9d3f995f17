"""Named sets of choices: what `--preset` means. Everything not named here is the default of `attnclf.config`."""

from collections.abc import Mapping
from typing import Any

from attnclf.config import Config, TextConfig, merged
from attnclf.errors import ConfigError

DEFAULT = "balanced"

LONG = 1024  # units of a text, where time and memory grow with the length
SHORT = TextConfig().max_length  # and where they grow with its square, or a text may not be read at all

PRESETS: dict[str, dict[str, Any]] = {
    # The network of the sources and nothing else.
    "plain": {},
    # Half the width and five epochs: a third of the time of balanced.
    "fast": {
        "text": {"max_length": LONG},
        "model": {
            "embedding": {"dim": 64, "token_dropout": 0.2, "start": "cooccurrence"},
            "encoder": {"hidden": 32, "output": "states+vectors"},
            "attention": {"alignment": "entmax15"},
            "ngrams": {"features": 50_000},
        },
        "training": {"epochs": 5, "adversarial": 0.7},
    },
    "balanced": {
        "text": {"max_length": LONG},
        "model": {
            "embedding": {"token_dropout": 0.2, "start": "cooccurrence"},
            "encoder": {"output": "states+vectors"},
            "attention": {"alignment": "entmax15"},
            "ngrams": {"features": 100_000},
        },
        "training": {"adversarial": 0.7},
    },
    "accurate": {
        "text": {"max_length": LONG},
        "model": {
            "embedding": {"token_dropout": 0.2, "start": "cooccurrence"},
            "encoder": {"hidden": 128, "output": "states+vectors"},
            "attention": {"alignment": "entmax15", "context": "soft+max"},
            "ngrams": {"features": 200_000},
        },
        "training": {"epochs": 12, "adversarial": 0.7},
    },
}

# What an architecture changes in any preset.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    # A number for each position: those that few texts reach would hardly be learned.
    "feed-forward": {
        "text": {"max_length": SHORT},
        "model": {"encoder": {"output": "states"}, "attention": {"score": "feed_forward", "alignment": "global"}},
    },
    # No recurrent encoder: its settings are put back to the defaults, so that one that was asked for is refused.
    "self-attention": {
        "text": {"max_length": SHORT},
        "model": {"encoder": {"hidden": 64, "output": "states"}, "attention": {"alignment": "global"}},
        "training": {"learning_rate": 2e-3},
    },
    # The recurrent states know their places.
    "recurrent-self-attention": {
        "text": {"max_length": SHORT},
        "model": {
            "encoder": {"output": "states"},
            "transformer": {"layers": 1, "positions": "none"},
            "attention": {"alignment": "global"},
        },
        "training": {"learning_rate": 2e-3},
    },
    # A score that asks, for each step has its own query; n-grams have no say in what is emitted.
    "label-decoder": {
        "model": {
            "encoder": {"output": "states"},
            "attention": {"score": "additive", "alignment": "global"},
            "ngrams": {"features": 0},
        },
    },
    # It counts units, or reads columns: no vectors, no states, no pooling of them.
    "feature-gate": {
        "text": {"max_length": SHORT},
        "model": {
            "embedding": {"dim": 128, "token_dropout": 0.0, "start": "random"},
            "encoder": {"hidden": 64, "output": "states"},
            "attention": {"alignment": "global", "context": "soft"},
            "ngrams": {"features": 0},
        },
        "training": {"adversarial": 0.0},
    },
}


def settings(preset: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset, of the architecture that the layers name, and the layers; later ones win.

    Raises ConfigError for a layer with a value in place of a section, which would take all its settings away.
    """
    for layer in layers:
        _refuse_values(layer, Config().to_dict())
    chosen = merged(PRESETS[preset], *layers)
    model = chosen.get("model", {})
    architecture = model.get("architecture") if isinstance(model, Mapping) else None
    return merged(PRESETS[preset], ARCHITECTURES.get(str(architecture), {}), *layers)


def _refuse_values(layer: Mapping[str, Any], known: Mapping[str, Any], place: str = "") -> None:
    for name, value in layer.items():
        section = known.get(name)
        if not isinstance(section, Mapping):
            continue
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{place}{name} is {value!r}", fix=f"set what is in it: {place}{name}.{next(iter(section))}"
            )
        _refuse_values(value, section, f"{place}{name}.")
