# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
"""The settings in force, asked of real Gunicorn and Uvicorn in this environment."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import TargetError, UsageError
from harness.resolve import resolve_settings
from harness.servers import server_of
from harness.servers.workers import find_workers
from harness.system.ports import Ports
from harness.system.process import clean_env, kill_session
from harness.target import REFERENCE, load_target

pytestmark = pytest.mark.real

APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
"""


@pytest.fixture
def resolve(tmp_path: Path):
    def ask(options, *, server="gunicorn-uvicorn", config=None, workers=2, python="", timeout_s=60.0, **env):
        if config is not None:
            (tmp_path / "gunicorn.conf.py").write_text(config)
        named = f'python = "{python}"\n' if python else ""
        (tmp_path / "shakedown.toml").write_text(f'[target]\napp = "mine:app"\nserver = "{server}"\n{named}')
        target = load_target(tmp_path / "shakedown.toml", {})
        asked = resolve_settings(
            target, server_of(server), options, workers=workers, env=clean_env(**env), timeout_s=timeout_s
        )
        return asyncio.run(asked)

    return ask


@pytest.fixture
def free_port():
    return Ports().take()


@pytest.fixture
def run(tmp_path: Path):
    started = []

    def start(argv):
        with (tmp_path / "server.log").open("ab") as log:
            started.append(
                subprocess.Popen(argv, cwd=tmp_path, env=clean_env(), stdout=log, stderr=log, start_new_session=True)
            )
        return started[-1]

    yield start
    for process in started:
        kill_session(process.pid)
        process.kill()
        process.wait(5)


def test_gunicorns_defaults_get_a_worker_class_for_asgi(resolve):
    found = resolve({})
    assert (found.settings.stuck_timeout_s, found.settings.graceful_s, found.settings.keepalive_s) == (30, 30, 2)
    assert found.settings.max_requests == 0
    assert found.flags == ("--no-control-socket", "--worker-class=uvicorn_worker.UvicornWorker")
    assert found.settings.version.startswith("gunicorn 2")
    assert set(found.versions) == {"gunicorn", "uvicorn"}


def test_the_configuration_file_holds_and_options_hold_against_it(resolve):
    config = "import os\ntimeout = int(os.environ['T'])\nkeepalive = 75\nmax_requests = 9\nprint('noise')\n"
    found = resolve({"keepalive": 5, "preload_app": True}, config=config, T="7")
    assert (found.settings.stuck_timeout_s, found.settings.keepalive_s, found.settings.max_requests) == (7, 5, 9)
    assert {"--keep-alive=5", "--preload"} <= set(found.flags)


def test_a_worker_class_that_is_set_is_left_alone(resolve):
    own = resolve({}, config="worker_class = 'asgi'\n")
    assert not any("worker-class" in flag for flag in own.flags)
    assert set(own.versions) == {"gunicorn"}
    assert (
        "--worker-class=uvicorn.workers.UvicornWorker"
        in resolve({"worker_class": "uvicorn.workers.UvicornWorker"}).flags
    )


def test_the_reference_api_drains_with_its_own_worker():
    target = load_target(REFERENCE, {})
    server = server_of(target.server)
    found = asyncio.run(
        resolve_settings(target, server, server.options(target, {"gunicorn.timeout": 4}), workers=2, env=clean_env())
    )
    assert found.settings.stuck_timeout_s == 4
    assert "target_api.worker.DrainWorker" in found.settings.version
    assert not any("worker-class" in flag for flag in found.flags)


@pytest.mark.parametrize(
    ("options", "config", "words"),
    [
        ({"gracefull_timeout": 3}, None, ["target.gunicorn.gracefull_timeout", "did you mean graceful_timeout?"]),
        ({"bind": "x"}, None, ["target.gunicorn.bind cannot be set"]),
        ({"post_fork": "x"}, None, ["target.gunicorn.post_fork", "configuration file"]),
        ({"preload_app": 1}, None, ["target.gunicorn.preload_app is true or false"]),
        ({"preload_app": False}, "preload_app = True\n", ["target.gunicorn.preload_app is overruled"]),
        ({"timeout": "soon"}, None, ["[target.gunicorn] is refused by gunicorn", "soon"]),
    ],
)
def test_options_that_gunicorn_does_not_take(resolve, options, config, words):
    with pytest.raises(UsageError) as caught:
        resolve(options, config=config)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_configuration_file_that_fails_is_the_apps(resolve):
    with pytest.raises(TargetError, match="no_such_module"):
        resolve({}, config="import no_such_module\n")


def test_a_configuration_file_that_hangs_is_cut(resolve):
    with pytest.raises(TargetError, match="within 2 s"):
        resolve({}, config="import time\ntime.sleep(600)\n", timeout_s=2.0)


def test_an_interpreter_without_the_server_is_told(resolve, tmp_path):
    bare = tmp_path / "bare" / "bin" / "python"
    bare.parent.mkdir(parents=True)
    bare.symlink_to(Path(sys.executable).resolve())
    (tmp_path / "bare" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    with pytest.raises(UsageError, match="has no gunicorn: install gunicorn and uvicorn-worker"):
        resolve({}, python=str(bare))
    with pytest.raises(UsageError, match="has no uvicorn: install uvicorn"):
        resolve({}, server="uvicorn", python=str(bare))
    with pytest.raises(UsageError, match="has no granian: install granian"):
        resolve({}, server="granian", python=str(bare))
    with pytest.raises(UsageError, match="has no hypercorn: install hypercorn"):
        resolve({}, server="hypercorn", python=str(bare))


def test_uvicorns_defaults_and_options(resolve):
    found = resolve({}, server="uvicorn")
    assert (found.settings.stuck_timeout_s, found.settings.graceful_s, found.settings.keepalive_s) == (5, None, 5)
    assert resolve({}, server="uvicorn", workers=1).settings.stuck_timeout_s is None
    options = {"timeout_graceful_shutdown": 8, "timeout_keep_alive": 75, "limit_max_requests": 9, "access_log": False}
    found = resolve(options, server="uvicorn")
    assert (found.settings.graceful_s, found.settings.keepalive_s, found.settings.max_requests) == (8, 75, 9)
    assert "--no-access-log" in found.flags


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout_keepalive": 3}, ["target.uvicorn.timeout_keepalive", "did you mean timeout_keep_alive?"]),
        ({"timeout_keep_alive": "soon"}, ["target.uvicorn.timeout_keep_alive", "soon"]),
        ({"access_log": "no"}, ["target.uvicorn.access_log is true or false"]),
        ({"port": 3}, ["target.uvicorn.port cannot be set"]),
    ],
)
def test_options_that_uvicorn_does_not_take(resolve, options, words):
    with pytest.raises(UsageError) as caught:
        resolve(options, server="uvicorn")
    assert all(word in str(caught.value) for word in words), caught.value


def test_gunicorns_own_asgi_worker_holds_against_the_configuration_file(resolve):
    found = resolve({"timeout": 7}, server="gunicorn-asgi", config="worker_class = 'sync'\nkeepalive = 9\n")
    assert "--worker-class=asgi" in found.flags
    assert (found.settings.stuck_timeout_s, found.settings.keepalive_s) == (7, 9)
    assert found.settings.version.endswith("(asgi)")
    with pytest.raises(UsageError, match="worker_class cannot be set: it is"):
        resolve({"worker_class": "sync"}, server="gunicorn-asgi")


def test_granians_defaults_options_and_environment(resolve):
    found = resolve({}, server="granian")
    assert (found.settings.stuck_timeout_s, found.settings.graceful_s, found.settings.keepalive_s) == (None, None, None)
    assert found.flags == ("--interface=asgi",)
    assert set(found.versions) == {"granian"}
    options = {"workers_kill_timeout": "1m", "respawn_failed_workers": True, "http1_keep_alive": False}
    found = resolve(options, server="granian", GRANIAN_INTERFACE="asginl")
    assert (found.settings.graceful_s, found.settings.keepalive_s) == (60, 0)
    assert found.flags == ("--workers-kill-timeout=1m", "--respawn-failed-workers", "--no-http1-keep-alive")
    assert "(asginl)" in found.settings.version


def test_hypercorns_defaults_options_and_configuration_file(resolve, tmp_path):
    found = resolve({}, server="hypercorn")
    assert (found.settings.stuck_timeout_s, found.settings.graceful_s, found.settings.keepalive_s) == (None, 3, 5)
    (tmp_path / "its.toml").write_text("graceful_timeout = 4.5\nkeep_alive_timeout = 8\nworkers = 7\n")
    found = resolve({"config": "its.toml", "keep_alive": 75, "max_requests": 2000}, server="hypercorn")
    assert (found.settings.graceful_s, found.settings.keepalive_s, found.settings.max_requests) == (4.5, 75, 2000)
    assert found.flags == ("--config=its.toml", "--keep-alive=75", "--max-requests=2000")


@pytest.mark.parametrize(
    ("server", "options", "words"),
    [
        ("granian", {"worker_kill_timeout": 3}, ["target.granian.worker_", "did you mean workers_kill_timeout?"]),
        ("granian", {"workers_kill_timeout": 0}, ["target.granian.workers_kill_timeout", "minimum"]),
        ("granian", {"respawn_failed_workers": "yes"}, ["respawn_failed_workers is true or false"]),
        ("granian", {"uds": "x"}, ["target.granian.uds cannot be set"]),
        ("hypercorn", {"keepalive": 3}, ["target.hypercorn.keepalive", "did you mean keep_alive?"]),
        ("hypercorn", {"graceful_timeout": "soon"}, ["target.hypercorn.graceful_timeout is refused", "soon"]),
        ("hypercorn", {"debug": 1}, ["target.hypercorn.debug is true or false"]),
        ("hypercorn", {"quic_bind": "x"}, ["target.hypercorn.quic_bind cannot be set"]),
    ],
)
def test_options_that_granian_and_hypercorn_do_not_take(resolve, server, options, words):
    with pytest.raises(UsageError) as caught:
        resolve(options, server=server)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("server", "workers"), [("gunicorn-uvicorn", 2), ("gunicorn-uvicorn", 1), ("uvicorn", 2), ("uvicorn", 1)]
)
def test_the_workers_of_a_running_server_are_found(resolve, free_port, run, tmp_path, server, workers):
    (tmp_path / "mine.py").write_text(APP)
    flags = resolve({}, server=server, workers=workers).flags
    target = load_target(tmp_path / "shakedown.toml", {})
    kind = server_of(server)
    process = run(kind.argv(target, "127.0.0.1", free_port, workers, flags))
    end = time.monotonic() + 60
    while len(found := find_workers(kind, process.pid, workers)) != workers:
        assert time.monotonic() < end, found
        assert process.poll() is None
        time.sleep(0.05)
    assert (process.pid in found) is (not kind.supervised(workers))
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert find_workers(kind, process.pid, workers) == []


@pytest.mark.parametrize(
    ("server", "options", "env", "trusted"),
    [
        ("gunicorn-uvicorn", {"forwarded_allow_ips": "10.0.0.1,10.1.0.0/16"}, {}, ("10.0.0.1", "10.1.0.0/16")),
        ("gunicorn-uvicorn", {}, {"FORWARDED_ALLOW_IPS": "*"}, ("*",)),
        ("gunicorn-uvicorn", {"forwarded_allow_ips": ""}, {}, ()),
        ("uvicorn", {"forwarded_allow_ips": "10.0.0.1, 10.0.0.2"}, {}, ("10.0.0.1", "10.0.0.2")),
        ("uvicorn", {}, {"FORWARDED_ALLOW_IPS": "*"}, ("*",)),
        ("uvicorn", {"proxy_headers": False}, {"FORWARDED_ALLOW_IPS": "*"}, ()),
    ],
)
def test_whom_a_server_believes_is_told(resolve, server, options, env, trusted):
    assert resolve(options, server=server, **env).trusted_proxies == trusted
