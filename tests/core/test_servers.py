# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
from pathlib import Path

import pytest

from harness.servers import SERVERS, server_of
from harness.target import load_target

GUNICORN, UVICORN = server_of("gunicorn-uvicorn"), server_of("uvicorn")


@pytest.fixture
def target(tmp_path: Path):
    (tmp_path / "shakedown.toml").write_text('[target]\napp = "a.b:c"\n[target.gunicorn]\ntimeout = 9\nthreads = 2\n')
    return load_target(tmp_path / "shakedown.toml", {})


def test_ids_and_tables_are_unique():
    assert len({server.id for server in SERVERS}) == len({server.table for server in SERVERS}) == len(SERVERS)


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


def test_options_of_a_trial_hold_against_those_of_the_file(target):
    assert GUNICORN.options(target, {"gunicorn.timeout": 4, "workers": 2}) == {"timeout": 4, "threads": 2}
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
    ("server", "command", "is_worker"),
    [
        (GUNICORN, "python -m gunicorn a:b", True),
        (GUNICORN, "gunicorn: worker [a]", True),
        (GUNICORN, "gunicorn: dirty-arbiter", False),
        (GUNICORN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
        (UVICORN, "python -c from multiprocessing.spawn import spawn_main; spawn_main(fd=7)", True),
        (UVICORN, "python -c from multiprocessing.resource_tracker import main;main(5)", False),
        (UVICORN, "sh -c something", False),
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
        "uvicorn": "1",
    }
    assert not UVICORN.supervised(1)
    assert UVICORN.supervised(2)
    assert UVICORN.settings(answer, 1).stuck_timeout_s is None
    assert UVICORN.settings(answer, 2).stuck_timeout_s == 5
    assert UVICORN.settings(answer, 2).graceful_s is None


def test_a_gunicorn_without_timeout_never_finds_a_worker_stuck():
    answer = {"timeout": 0, "graceful_timeout": 30, "keepalive": 2, "max_requests": 0}
    words = {"gunicorn": "27", "uvicorn": "", "worker_class": "w"}
    settings = GUNICORN.settings({**answer, **words}, 2)
    assert settings.stuck_timeout_s is None
    assert settings.version == "gunicorn 27 (w)"
