"""The example of Ray Serve: two real replicas, asked over HTTP."""

import json
import os
import runpy
import signal
import socket
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# Ray Serve uses what pydantic calls deprecated.
pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_serve" / "deployment.py"


@pytest.fixture(scope="module")
def address(ray_here, model):
    from ray import serve

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(runpy.run_path(str(EXAMPLE))["app"]({"model": str(model), "replicas": "2"}))
    yield f"http://127.0.0.1:{port}/predict"
    serve.shutdown()


def ask(address, body):
    """Status, replica and answer."""
    request = urllib.request.Request(address, data=json.dumps(body).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers["x-replica"], json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None, json.load(error)


def test_two_replicas_answer_each_text_as_the_classifier_does(address, classifier, tickets):
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda text: ask(address, {"text": text}), tickets[:100]))
    for (status, _, answer), one in zip(replies, classifier.predict(tickets[:100]), strict=True):
        assert (status, answer["label"]) == (200, one.label)
        assert answer["score"] == pytest.approx(one.score, abs=1e-5)
    assert len({replica for _, replica, _ in replies}) == 2


def test_a_list_is_answered_in_order_and_nonsense_is_refused(address, classifier):
    texts = ["where is my parcel", "", "I was charged twice"]
    status, _, answer = ask(address, {"texts": texts})
    assert status == 200
    assert [one["label"] for one in answer["predictions"]] == [one.label for one in classifier.predict(texts)]
    assert ask(address, {"texts": []})[2] == {"predictions": []}
    for nonsense in ({}, {"text": 5}, {"texts": "a"}, [], {"texts": [None]}):
        status, _, answer = ask(address, nonsense)
        assert status == 422
        assert "send" in answer["error"]


def test_the_address_goes_on_answering_when_a_replica_is_killed(address, classifier):
    (expected,) = classifier.predict(["my parcel"])
    _, replica, _ = ask(address, {"text": "my parcel"})
    os.kill(int(replica), signal.SIGKILL)
    others, deadline = set(), time.monotonic() + 60
    while len(others - {replica}) < 2 and time.monotonic() < deadline:
        status, one, answer = ask(address, {"text": "my parcel"})
        if status == 200:
            others.add(one)
            assert answer["label"] == expected.label
        time.sleep(0.1)
    assert len(others - {replica}) == 2, "a new replica has taken the place of the one that died"
