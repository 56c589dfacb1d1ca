# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
from pathlib import Path

import pytest

from harness.servers import SERVERS, server_of
from harness.target import load_target

GUNICORN, UVICORN = server_of("gunicorn-uvicorn"), server_of("uvicorn")
ASGI, GRANIAN, HYPERCORN = server_of("gunicorn-asgi"), server_of("granian"), server_of("hypercorn")


@pytest.fixture
def target(tmp_path: Path):
    (tmp_path / "shakedown.toml").write_text('[target]\napp = "a.b:c"\n[target.gunicorn]\ntimeout = 9\nthreads = 2\n')
    return load_target(tmp_path / "shakedown.toml", {})


def test_ids_are_unique_and_only_kinds_of_one_program_share_a_table():
    assert len({server.id for server in SERVERS}) == len(SERVERS)
    assert [server.table for server in SERVERS] == ["gunicorn", "gunicorn", "uvicorn", "granian", "hypercorn"]


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.id)
def test_what_makes_a_server_its_kind_is_not_the_users(server):
    assert set(server.fixed) <= set(server.ours)
    assert "workers" in server.ours


def test_command_lines_hold_address_workers_and_app_behind_the_flags(target):
    python = str(target.python)
    assert GUNICORN.argv(target, "127.0.0.1", 81, 3, ["--timeout=9"]) == [
        *(python, "-m", "gunicorn", "--timeout=9"),
        *("--bind", "127.0.0.1:81", "--workers", "3", "a.b:c"),
    ]
    assert UVICORN.argv(target, "127.0.0.1", 81, 3, ["--no-access-log"]) == [
        *(python, "-m", "uvicorn", "--no-access-log"),
        *("--host", "127.0.0.1", "--port", "81", "--workers", "3", "a.b:c"),
    ]
    assert ASGI.argv(target, "127.0.0.1", 81, 3, ["-x"]) == GUNICORN.argv(target, "127.0.0.1", 81, 3, ["-x"])
    assert GRANIAN.argv(target, "127.0.0.1", 81, 3, ["--interface=asgi"]) == [
        *(python, "-m", "granian", "--interface=asgi"),
        *("--host", "127.0.0.1", "--port", "81", "--workers", "3", "a.b:c"),
    ]
    assert HYPERCORN.argv(target, "127.0.0.1", 81, 3, ["--debug"]) == [
        *(python, "-m", "hypercorn", "--debug"),
        *("--bind", "127.0.0.1:81", "--workers", "3", "a.b:c"),
    ]


def test_options_of_a_trial_hold_against_those_of_the_file(target):
    assert GUNICORN.options(target, {"gunicorn.timeout": 4, "workers": 2}) == {"timeout": 4, "threads": 2}
    assert ASGI.options(target, {"gunicorn.timeout": 4}) == {"timeout": 4, "threads": 2}
    assert UVICORN.options(target, {"gunicorn.timeout": 4}) == {}


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("[2026] [7] [CRITICAL] WORKER TIMEOUT (pid:123)", ("worker-timeout", 123)),
        ('{"level": "CRITICAL", "message": "WORKER TIMEOUT (pid:123)"}', ("worker-timeout", 123)),
        ("[ERROR] Worker (pid:9) was sent SIGKILL! Perhaps out of memory?", ("worker-killed", 9)),
        ("[WARNING] Worker (pid:9) was sent SIGABRT!", ("worker-killed", 9)),
        ("[INFO] Worker (pid:9) was sent SIGTERM!", None),
        ("[ERROR] Worker (pid:9) exited with code 1.", ("worker-exit", 9)),
        ("[INFO] Worker exiting (pid: 9)", ("worker-exit", 9)),
        ("Reason: Worker failed to boot.", ("boot-failed", -1)),
        ("Reason: App failed to load.", ("boot-failed", -1)),
        ("[ERROR] Exception in worker process", ("boot-failed", -1)),
        ("[ERROR] Application startup failed. Exiting.", ("boot-failed", -1)),
        ("[INFO] Booting worker with pid: 9", None),
    ],
)
def test_lines_of_gunicorn_that_mean_something(line, note):
    assert GUNICORN.note(line) == note


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("INFO:     Child process [77] died", ("worker-died", 77)),
        ("ERROR:    Child process [77] failed to start, stopping the parent process.", ("boot-failed", 77)),
        ('ERROR:    Error loading ASGI app. Could not import module "x".', ("boot-failed", -1)),
        ("INFO:     Finished server process [77]", ("worker-exit", 77)),
        ("INFO:     Started server process [77]", None),
    ],
)
def test_lines_of_uvicorn_that_mean_something(line, note):
    assert UVICORN.note(line) == note


@pytest.mark.parametrize(
    ("server", "line", "note"),
    [
        (ASGI, "[CRITICAL] WORKER TIMEOUT (pid:123)", ("worker-timeout", 123)),
        (ASGI, "[ERROR] ASGI lifespan startup failed: no database", ("boot-failed", -1)),
        (GUNICORN, "[ERROR] ASGI lifespan startup failed: no database", None),
        (GRANIAN, "[ERROR] Unexpected exit from worker-2", ("worker-died", -1)),
        (GRANIAN, "[WARNING] Killing worker-1 after it refused to gracefully stop", ("worker-killed", -1)),
        (GRANIAN, "[WARNING] Killing old worker-1 after it refused to gracefully stop", ("worker-killed", -1)),
        (GRANIAN, "[INFO] Stopped old worker-1", ("worker-exit", -1)),
        (GRANIAN, "[ERROR] ASGI lifespan startup failed", ("boot-failed", -1)),
        (GRANIAN, "[INFO] Spawning worker-1 with PID: 7", None),
        (HYPERCORN, "hypercorn.utils.LifespanFailureError: Lifespan failure in startup. 'no'", ("boot-failed", -1)),
        (HYPERCORN, "[7] [INFO] Running on http://127.0.0.1:81 (CTRL + C to quit)", None),
    ],
)
def test_lines_of_the_others_that_mean_something(server, line, note):
    assert server.note(line) == note


@pytest.mark.parametrize(
    ("server", "command", "is_worker"),
    [
        (GUNICORN, "python -m gunicorn a:b", True),
        (GUNICORN, "gunicorn: worker [a]", True),
        (GUNICORN, "gunicorn: dirty-arbiter", False),
        (GUNICORN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
        (UVICORN, "python -c from multiprocessing.spawn import spawn_main; spawn_main(fd=7)", True),
        (UVICORN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
        (UVICORN, "sh -c something", False),
        (ASGI, "python -m gunicorn a:b", True),
        (GRANIAN, "python -m granian --interface=asgi a:b", True),
        (GRANIAN, "python -c from multiprocessing.spawn import spawn_main; spawn_main(fd=7)", True),
        (GRANIAN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
        (HYPERCORN, "python -c from multiprocessing.spawn import spawn_main; spawn_main(fd=7)", True),
        (HYPERCORN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
    ],
)
def test_children_are_not_workers(server, command, is_worker):
    assert server.is_worker(command) is is_worker


def test_one_uvicorn_has_no_supervisor_and_none_that_watches_it():
    answer = {
        "timeout_worker_healthcheck": 5,
        "timeout_graceful_shutdown": None,
        "timeout_keep_alive": 5,
        "limit_max_requests": None,
        "versions": {"uvicorn": "1"},
    }
    assert not UVICORN.supervised(1)
    assert UVICORN.supervised(2)
    assert UVICORN.settings(answer, 1).stuck_timeout_s is None
    assert UVICORN.settings(answer, 2).stuck_timeout_s == 5
    assert UVICORN.settings(answer, 2).graceful_s is None


def test_a_gunicorn_without_timeout_never_finds_a_worker_stuck():
    answer = {"timeout": 0, "graceful_timeout": 30, "keepalive": 2, "max_requests": 0}
    words = {"versions": {"gunicorn": "27"}, "worker_class": "w"}
    settings = GUNICORN.settings({**answer, **words}, 2)
    assert settings.stuck_timeout_s is None
    assert settings.version == "gunicorn 27 (w)"


def test_gunicorns_version_names_uvicorn_where_it_serves():
    answer = {"timeout": 30, "graceful_timeout": 30, "keepalive": 2, "max_requests": 0, "worker_class": "w"}
    both = GUNICORN.settings({**answer, "versions": {"gunicorn": "27.0.1", "uvicorn": "0.54.0"}}, 2)
    assert both.version == "gunicorn 27.0.1 (w), uvicorn 0.54.0"
    assert ASGI.settings({**answer, "versions": {"gunicorn": "27.0.1"}}, 2).version == "gunicorn 27.0.1 (w)"


@pytest.mark.parametrize(("asked_s", "grace_s"), [(None, None), (9, 9.0)])
def test_a_granian_without_a_kill_timeout_ends_when_its_workers_do(asked_s, grace_s):
    answer = {
        "workers_kill_timeout": asked_s,
        "http1_keep_alive": True,
        "versions": {"granian": "2.8.9"},
        "interface": "asgi",
    }
    settings = GRANIAN.settings(answer, 2)
    assert (settings.stuck_timeout_s, settings.graceful_s, settings.keepalive_s) == (None, grace_s, None)
    assert GRANIAN.settings({**answer, "http1_keep_alive": False}, 2).keepalive_s == 0


def test_hypercorns_settings_are_read():
    answer = {"graceful_timeout": 3.0, "keep_alive_timeout": 5, "max_requests": None, "worker_class": "asyncio"}
    settings = HYPERCORN.settings({**answer, "versions": {"hypercorn": "0.18.0"}}, 2)
    assert (settings.stuck_timeout_s, settings.graceful_s, settings.keepalive_s) == (None, 3, 5)
    assert (settings.max_requests, settings.version) == (0, "hypercorn 0.18.0 (asyncio)")


@pytest.mark.parametrize("server", [GRANIAN, HYPERCORN], ids=lambda server: server.id)
def test_servers_without_a_signal_for_it_are_not_asked_to_scale(server):
    assert server.why_not("sighup", 1) == ""
    assert server.why_not("scale-up", 2) == f"{server.id} knows no signal for it"
