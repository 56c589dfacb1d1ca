"""The first target file of an app can be read as it is, whatever is known of the app."""

import sys
from pathlib import Path

import pytest

from harness.app_routes import AppRoutes
from harness.model.target import Target
from harness.target import load_target
from harness.target_draft import Draft, draft


def read(folder: Path, known: Draft) -> Target:
    file = folder / "shakedown.toml"
    file.write_text(draft(known), "utf-8")
    return load_target(file, {"target.python": sys.executable})


def paths(target: Target) -> list[str]:
    return [line.path for line in target.load.requests]


def test_what_is_known_stands_there(tmp_path: Path) -> None:
    routes = AppRoutes(("/items", "/version"), ("/healthz", "/ready"), postgres=True)
    target = read(tmp_path, Draft("app.main:app", ".venv/bin/python", ("alembic upgrade head",), routes))
    assert (target.app, target.live, target.ready) == ("app.main:app", "/healthz", "/ready")
    assert target.setup == ("alembic upgrade head",)
    assert target.names_of("postgres") == ("postgres",)
    assert target.env["DATABASE_URL"].startswith("postgresql://{postgres.user}")
    assert paths(target) == ["/items", "/version"]
    assert 'python = ".venv/bin/python"' in draft(Draft("a:b", ".venv/bin/python"))


def test_without_any_word_of_the_app_it_can_still_be_read(tmp_path: Path) -> None:
    target = read(tmp_path, Draft("app.main:create()"))
    assert (target.app, target.live, target.ready) == ("app.main:create()", "/health", "/ready")
    assert target.parts == ()
    assert target.setup == ()
    assert paths(target) == ["/health"]


@pytest.mark.parametrize(
    ("known", "live", "ready"),
    [((), "/health", "/ready"), (("/ping",), "/ping", "/ping"), (("/readyz",), "/readyz", "/readyz")],
)
def test_one_path_of_a_probe_is_named_for_both(tmp_path: Path, known: tuple[str, ...], live: str, ready: str) -> None:
    target = read(tmp_path, Draft("a:b", routes=AppRoutes(known=known)))
    assert (target.live, target.ready) == (live, ready)


def test_only_what_anybody_can_get_is_asked(tmp_path: Path) -> None:
    free = ("/healthz", "/items/{n}", "/docs", "/metrics", "/a b", '/say/"hi"', *(f"/p{n}" for n in range(9)))
    assert paths(read(tmp_path, Draft("a:b", routes=AppRoutes(free)))) == ['/say/"hi"', "/p0", "/p1", "/p2", "/p3"]


def test_each_comment_can_be_made_a_line(tmp_path: Path) -> None:
    """But for headings of tables that are there, and for what only an example knows."""
    text = draft(Draft("a:b", routes=AppRoutes(("/items",))))
    keys = ("server", "workers", "rate_rps", "needs", "p99_ms", "error_rate", "deadline_s", "[slo]", "DATABASE_URL")
    starts = tuple(f"# {key}" for key in (*keys, "[parts.postgres]", "[parts.pricing]", "kind"))
    lines = [line[2:] if line.startswith(starts) else line for line in text.splitlines()]
    file = tmp_path / "shakedown.toml"
    file.write_text("\n".join(lines), "utf-8")
    target = load_target(file, {"target.python": sys.executable})
    assert [part.kind for part in target.parts] == ["postgres", "http"]
    assert target.load.rate_rps == 50
