"""Servers, started once for all tests of this folder: one with small limits that most tests share."""

import shutil

import pytest
from running import BODY, PATIENCE, Served

OPTIONS = ("--port", "0", "--patience", PATIENCE, "--max-body", BODY, "--max-texts", 100, "--max-characters", 20_000)


@pytest.fixture(scope="session")
def start(attnclf):
    """Start a server with these options and variables of the environment."""
    started = []

    def begin(*options, **environment):
        started.append(Served(attnclf.start("serve", *options, env=environment)))
        return started[-1]

    yield begin
    for served in started:
        served.close()


@pytest.fixture(scope="session")
def changing(model, tmp_path_factory):
    """A model folder that tests may replace and damage."""
    return shutil.copytree(model, tmp_path_factory.mktemp("changing") / "model")


@pytest.fixture(scope="session")
def server(start, model, multi_model, changing):
    """The server that most tests share."""
    models = [
        option
        for name, folder in (("tickets", model), ("topics", multi_model), ("changing", changing))
        for option in ("--model", f"{name}={folder}")
    ]
    return start(*models, *OPTIONS)
