"""docker/nginx.conf in a real nginx before the reference API: what it lets through, and what it says of the client."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from target_api_rig import ROOT, Service, free_port, service, wait_until

from harness.target import REFERENCE, load_target
from target_api.settings import Settings

pytestmark = pytest.mark.real

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
CONF = (ROOT / "docker/nginx.conf").read_text()


def seconds(directive: str) -> float:
    found = re.search(rf"^\s*{directive} (\d+)s;", CONF, re.MULTILINE)
    assert found, directive
    return float(found.group(1))


def here(conf: str, port: int, upstream: int, folder: Path) -> str:
    """The same configuration on free ports, with its files in a folder of the test."""
    replaced = {"listen 8080;": f"listen 127.0.0.1:{port};", "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};"}
    replaced |= {"pid /run/nginx.pid;": f"pid {folder}/nginx.pid;", "/dev/stdout": f"{folder}/access.log"}
    replaced |= {"error_log /dev/stderr": f"error_log {folder}/error.log"}
    for before, after in replaced.items():
        assert conf.count(before) == 1, before
        conf = conf.replace(before, after)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"    {kind}_temp_path {folder}/{kind};" for kind in kinds)
    return conf.replace("http {", "http {\n" + temporary, 1)


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    assert NGINX is not None, "nginx is not installed: tests/system-parts does it"
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(here(CONF, port, upstream, folder))
    command = [NGINX, "-c", str(conf), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([*command, "-g", "daemon off;"], start_new_session=True)
    try:
        wait_until(lambda: accepts(port), 20, "nginx accepts")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def request_ids(access: Path) -> set[str]:
    """Of the lines that are whole: the last may still be written."""
    whole = access.read_text().rpartition("\n")[0]
    return {json.loads(line)["request_id"] for line in whole.splitlines()}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service, Path]]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    nowhere = f"127.0.0.1:{free_port()}"
    with (
        service(f"postgresql://app:x@{nowhere}/app", f"http://{nowhere}", folder / "log") as api,
        nginx(folder, api.port) as port,
    ):
        api.wait_for("/health", 200, 20)
        yield f"http://127.0.0.1:{port}", api, folder


def test_its_limits_are_in_order_with_those_of_the_service() -> None:
    deadline_s = Settings.model_fields["request_deadline_s"].default
    assert deadline_s < seconds("proxy_read_timeout") == load_target(REFERENCE, {}).proxy_s
    assert seconds("proxy_connect_timeout") < deadline_s
    upstream = re.search(r"upstream service \{.*?keepalive_timeout (\d+)s;", CONF, re.DOTALL)
    assert upstream
    assert int(upstream.group(1)) < 75
    assert "client_max_body_size 1m;" in CONF
    assert Settings.model_fields["body_max_bytes"].default == 2**20


def test_requests_pass_and_bring_one_request_id(front: tuple[str, Service, Path]) -> None:
    url, api, folder = front
    answer = httpx.get(f"{url}/version?token=hidden-one", headers={"X-Request-ID": "trip-5"}, trust_env=False)
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (200, "trip-5")
    made = httpx.get(f"{url}/version", headers={"X-Request-ID": "not an id!"}, trust_env=False).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    access = folder / "access.log"
    # both write their line after the answer has left: who reads at once may be earlier
    wait_until(lambda: {"trip-5", made} <= request_ids(access), 20, "nginx's own lines")
    wait_until(lambda: {"trip-5", made} <= {str(line.get("request_id")) for line in api.lines()}, 20, "the app's lines")
    assert "hidden-one" not in access.read_text()


def test_metrics_stay_inside_and_large_bodies_outside(front: tuple[str, Service, Path]) -> None:
    url, api, folder = front
    assert api.get("/metrics").status_code == 200
    assert httpx.get(f"{url}/metrics", trust_env=False).status_code == 404
    large = httpx.post(f"{url}/items", content=b"x" * (2**20 + 1), trust_env=False)
    assert large.status_code == 413
    httpx.get(f"{url}/version", headers={"X-Request-ID": "after-it"}, trust_env=False)
    wait_until(lambda: "after-it" in request_ids(folder / "access.log"), 20, "nginx's line of what came later")
    api.wait_for_line(request_id="after-it")
    assert "/items" not in [line.get("path") for line in api.lines()], "nginx itself refused it"


def test_what_a_client_claims_about_itself_is_replaced(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener, nginx(tmp_path, listener.getsockname()[1]) as port:
        listener.settimeout(10)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            claims = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n"
            client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\n{claims}\r\n".encode())
            upstream, _ = listener.accept()
            with upstream:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += upstream.recv(65536)
    headers = head.decode().lower().split("\r\n")
    assert "x-forwarded-for: 127.0.0.1" in headers
    assert "x-forwarded-proto: http" in headers
    assert "6.6.6.6" not in head.decode()
