"""Ray on this machine, started once for the tests of a file."""

import os

import pytest

# Ray's own: deprecated settings that it reads itself, and sockets and files that it leaves open when it ends.
RAY_WARNINGS = [
    pytest.mark.filterwarnings("ignore:`use_push_based_shuffle` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess [0-9]+ is still running:ResourceWarning"),
]


def pytest_collection_modifyitems(items):
    for item in items:
        if "ray_here" in getattr(item, "fixturenames", ()):
            for mark in RAY_WARNINGS:
                item.add_marker(mark)


@pytest.fixture(scope="session")
def ray_here():
    """Two cores' worth of Ray, in processes of its own."""
    pytest.importorskip("ray")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from attnclf.engines.ray import cluster

        os.environ.pop("RAY_ADDRESS", None)
        with cluster(2):
            yield
