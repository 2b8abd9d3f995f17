"""Networks are built for the data, or refused before they learn."""

import pytest

from attnclf.config import Config
from attnclf.errors import ConfigError
from attnclf.training import building, pipeline
from attnclf.training.pipeline import train


def test_a_network_that_no_file_can_hold_is_refused_before_it_learns(small, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "LARGEST", 20_000)
    monkeypatch.setattr(pipeline, "fit", lambda *arguments, **options: pytest.fail("it learned"))
    with pytest.raises(ConfigError, match=r"GB of weights, and an ONNX file holds .* at most; lower text\.vocabulary"):
        train(str(examples / "tickets" / "tickets.csv"), tmp_path / "m", config=Config.from_dict(small), device="cpu")
    assert list(tmp_path.iterdir()) == []
