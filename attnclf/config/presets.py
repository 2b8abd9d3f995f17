"""Named sets of settings: what `--preset` means. The defaults of `attnclf.config.schema` are the rest."""

from collections.abc import Mapping
from typing import Any

from attnclf.catalog import ARCHITECTURES
from attnclf.config.decode import merged
from attnclf.config.schema import Config
from attnclf.errors import ConfigError

DEFAULT = "balanced"

LONG = 1024  # tokens read of a text, where time and memory grow with the length

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


def settings(preset: str, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a preset, of the architecture that the layers name, and the layers; later ones win.

    Raises ConfigError for a layer with a value in place of a section, which would take all its settings away.
    """
    for layer in layers:
        _refuse_values(layer, Config().to_dict())
    chosen = merged(PRESETS[preset], *layers)
    model = chosen.get("model", {})
    architecture = model.get("architecture") if isinstance(model, Mapping) else None
    changes = ARCHITECTURES[architecture].changes if architecture in ARCHITECTURES else {}
    return merged(PRESETS[preset], changes, *layers)


def _refuse_values(layer: Mapping[str, Any], known: Mapping[str, Any], path: str = "") -> None:
    for name, value in layer.items():
        section = known.get(name)
        if not isinstance(section, Mapping):
            continue
        if not isinstance(value, Mapping):
            raise ConfigError(
                f"{path}{name} is {value!r}", fix=f"set what is in it: {path}{name}.{next(iter(section))}"
            )
        _refuse_values(value, section, f"{path}{name}.")
