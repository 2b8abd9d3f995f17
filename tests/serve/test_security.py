"""Who is let in."""

import pytest

from attnclf.serve.refusals import Refusal
from attnclf.serve.security import Guard


def status(guard, path="/predict", **headers):
    try:
        guard.check(path, {name.encode(): value.encode() for name, value in headers.items()})
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"])
def test_a_server_on_this_machine_goes_by_its_own_names(host):
    assert status(Guard(host="127.0.0.1"), host=host) == 200


@pytest.mark.parametrize("host", ["", "[", "evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example"])
def test_a_name_that_somebody_lets_point_here_is_refused(host):
    assert status(Guard(host="127.0.0.1"), host=host) == 403
    assert status(Guard(host="0.0.0.0"), host=host) == 200
    assert status(Guard(host="127.0.0.1", hosts=["evil.example"]), host="evil.example") == 200


def test_a_page_is_let_in_from_its_own_site_or_one_that_is_allowed():
    guard = Guard(host="127.0.0.1", origins=["https://good.example"])
    assert status(guard, host="localhost:8000", origin="http://localhost:8000") == 200
    assert status(guard, host="localhost:8000", origin="http://localhost:8001") == 403
    assert status(guard, host="localhost:8000", origin="https://good.example") == 200
    assert status(guard, host="localhost:8000", origin="null") == 403
    assert status(guard, host="localhost:8000", origin="http://[") == 403


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer KEY", "Basic key", "key", "Bearer keyy"])
def test_a_wrong_key_is_refused(given):
    assert status(Guard(host="127.0.0.1", key="key"), authorization=given) == 401


def test_the_right_key_opens_everything_and_some_addresses_need_none():
    guard = Guard(host="127.0.0.1", key="ключ", unguarded=["/"])
    assert status(guard, authorization="Bearer ключ", host="any.example") == 200
    assert [status(guard, path) for path in ("/healthz", "/readyz", "/", "/labels", "/metrics")] == [
        200, 200, 200, 401, 401,
    ]  # fmt: skip
