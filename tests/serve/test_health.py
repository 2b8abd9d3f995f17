"""What load balancers and probes ask: HEAD, HTTP/1.0 without a host, and real ones."""

import json
import shutil
import socket
import subprocess

import pytest
from running import wait_for

from attnclf.serve import page
from attnclf.serve.security import HEALTH

REQUEST = b"%s %s HTTP/1.0\r\n\r\n"


def asked(server, request):
    """Everything that the server sends back to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        read = b""
        while piece := connection.recv(2**16):
            read += piece
    return read


def program(name):
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    return found or pytest.skip(f"needs {name}: apt-get install {name}")


def routes(server):
    """Every address that answers GET."""
    paths = server.get("/openapi.json")[1]["paths"]
    (version,) = server.get("/v2/models/tickets")[1]["versions"]
    named = [path.format(name="tickets", version=version) for path in paths if "get" in paths[path]]
    return [*named, *page.FILES, "/docs", "/openapi.json"]


def test_head_is_answered_as_get_is_without_the_body(server):
    def kept(headers):
        return {name: value for name, value in headers.items() if name not in ("date", "content-length")}

    found = routes(server)
    assert len(found) > 15
    for path in found:
        got, head = server.request("GET", path), server.request("HEAD", path)
        assert (head[0], kept(head[1]), head[2]) == (200, kept(got[1]), b""), path
        assert head[1]["content-length"]
        if path != "/metrics":
            assert head[1]["content-length"] == got[1]["content-length"]
    assert server.metric('attnclf_requests_total{path="/healthz",status="200"}') >= 2


def test_the_body_of_head_is_not_sent_before_the_next_answer(server):
    read = asked(
        server,
        b"HEAD /labels HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: close\r\n\r\n",
    )
    first, _, rest = read.partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200")
    assert rest.startswith(b"HTTP/1.1 200")
    assert rest.endswith(b'{"status":"alive"}')


def test_a_wrong_method_says_which_are_right(server):
    for method, path, allowed in (
        ("HEAD", "/predict", "POST"),
        ("PUT", "/healthz", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("GET", "/v2/models/tickets/infer", "POST"),
    ):
        status, headers, _ = server.request(method, path)
        assert (status, headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("path", HEALTH)
def test_health_is_answered_to_http_1_0_without_a_host(server, path, method):
    assert asked(server, REQUEST % (method, path.encode())).startswith(b"HTTP/1.1 200 OK\r\n")


def test_all_else_still_wants_the_name_of_this_machine(server):
    for path in (b"/labels", b"/", b"/metrics", b"/v2/models/tickets/ready"):
        assert asked(server, REQUEST % (b"GET", path)).startswith(b"HTTP/1.1 403")
    assert server.get("/healthz", Host="evil.example")[0] == 200
    assert server.get("/labels", Host="evil.example")[0] == 403


def test_wget_finds_the_server_well(server):
    for path in ("/healthz", "/readyz", "/v2/health/ready"):
        done = subprocess.run(
            [program("wget"), "-q", "--no-proxy", "--spider", "--tries=1", f"http://127.0.0.1:{server.port}{path}"],
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, path


def test_haproxy_finds_the_server_well(server, tmp_path):
    """By its plain check, which is HTTP/1.0 without a host."""
    (tmp_path / "haproxy.cfg").write_text(
        f"""
global
  stats socket {tmp_path}/stats level user
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
backend plain
  option httpchk GET /readyz
  server one 127.0.0.1:{server.port} check inter 100
backend head
  option httpchk HEAD /healthz
  server one 127.0.0.1:{server.port} check inter 100
backend else
  option httpchk GET /labels
  server one 127.0.0.1:{server.port} check inter 100 fall 1
"""
    )
    process = subprocess.Popen(
        [program("haproxy"), "-f", tmp_path / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def states():
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(str(tmp_path / "stats"))
                connection.sendall(b"show stat json\n")
                read = b""
                while piece := connection.recv(2**16):
                    read += piece
        except OSError:
            return {}
        found = {}
        for fields in json.loads(read):
            said = {field["field"]["name"]: field["value"]["value"] for field in fields}
            if said["svname"] == "one":
                found[said["pxname"]] = (said["status"], said.get("check_status"))
        return found

    try:
        right = {"plain": ("UP", "L7OK"), "head": ("UP", "L7OK"), "else": ("DOWN", "L7STS")}
        wait_for(lambda: states() == right)
        assert states() == right
    finally:
        process.terminate()
        process.wait()
