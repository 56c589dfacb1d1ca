"""`shakedown init`: what an app tells of itself, and what becomes of a file or an app that is not as it should be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.target import load_target

pytestmark = pytest.mark.real

APP = """
import asyncpg
from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer

print("hello from the app")
hidden = APIRouter(include_in_schema=False)
login = OAuth2PasswordBearer("token")


@hidden.get("/healthz")
async def alive(): ...


def create():
    app = FastAPI()
    app.include_router(hidden)
    app.get("/things")(lambda limit=3: None)
    app.get("/things/{n}")(lambda n: None)
    app.post("/things")(lambda: None)

    @app.get("/mine")
    async def mine(who: str = Depends(login)): ...

    return app
"""


def init(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-P", "-m", "harness.cli.main", "init", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)


def test_the_app_tells_its_paths_and_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APP)
    written = init(tmp_path, "shop:create()", "--json")
    assert (written.returncode, written.stderr) == (0, "")
    file = tmp_path / "shakedown.toml"
    assert json.loads(written.stdout) == {"schema_version": 1, "target": str(file), "note": ""}
    target = load_target(file, {})
    assert (target.live, target.ready) == ("/healthz", "/healthz")
    assert target.names_of("postgres") == ("postgres",)
    assert [line.path for line in target.load.requests] == ["/things"]
    before = file.read_bytes()
    again = init(tmp_path, "shop:create()")
    assert (again.returncode, again.stdout) == (64, "")
    assert "is there already" in again.stderr
    assert file.read_bytes() == before


def test_an_app_that_needs_its_variables_gets_a_file_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import os\nos.environ['SHOP_URL']\n")
    written = init(tmp_path, "shop:app")
    assert (written.returncode, written.stderr) == (0, "")
    assert "did not tell its paths: KeyError: 'SHOP_URL'" in written.stdout
    assert load_target(tmp_path / "shakedown.toml", {}).app == "shop:app"


def test_a_table_of_pyproject_is_not_put_aside(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.shakedown.target]\napp = "shop:app"\n')
    refused = init(tmp_path, "shop:app")
    assert (refused.returncode, refused.stderr.count("\n")) == (64, 1)
    assert "[tool.shakedown] already" in refused.stderr


@pytest.mark.parametrize(
    ("app", "says"),
    [("shop", "MODULE:APP"), ("shops:app", "no module shops"), ("shop:aap", "shop has no aap")],
)
def test_what_is_no_app_is_told_and_nothing_is_written(app: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("app = 1\n")
    refused = init(tmp_path, app)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (64, "", 1)
    assert says in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["shop.py"]
