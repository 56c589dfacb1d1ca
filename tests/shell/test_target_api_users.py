"""Users and tokens of the reference API under Gunicorn: who gets in, who does not, and what the log says of it."""

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from target_api_rig import (
    ROOT,
    TOKEN_KEYS,
    USER_PASSWORD,
    Postgres,
    Service,
    migrate,
    postgres_cluster,
    service,
    wait_until,
)

pytestmark = pytest.mark.real

INVALID = 'Bearer error="invalid_token"'
SECRET = base64.urlsafe_b64decode(TOKEN_KEYS.partition(":")[2])
NOW_S = int(time.time())


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_cluster() as cluster:
        migrate(cluster.url(), "upgrade", "head")
        yield cluster


@pytest.fixture(scope="module")
def api(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("service") / "log"
    with service(postgres.url(), "http://127.0.0.1:9", log) as running:
        running.wait_for("/ready", 200, 20)
        yield running


def test_a_user_is_created_signs_in_and_reads_itself(api: Service, postgres: Postgres) -> None:
    created = api.post("/users", {"name": "ann", "password": USER_PASSWORD})
    assert created.status_code == 201
    assert set(created.json()) == {"id", "name", "created_at"}
    answer = api.sign_in("ann")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("bearer", 900)
    assert USER_PASSWORD not in answer.text
    assert api.get("/users/me", {"Authorization": f"Bearer {told['access_token']}"}).json() == created.json()
    (row,) = postgres.fetch("SELECT password_hash FROM users WHERE name = 'ann'")
    assert row["password_hash"].startswith("$argon2id$")


def test_a_name_is_taken_once_however_many_ask_at_the_same_time(api: Service, postgres: Postgres) -> None:
    def create(_: int) -> int:
        return api.post("/users", {"name": "bob", "password": USER_PASSWORD}).status_code

    with ThreadPoolExecutor(4) as crowd:
        statuses = sorted(crowd.map(create, range(8)))
    assert statuses == [201] + [409] * 7
    assert len(postgres.fetch("SELECT 1 FROM users WHERE name = 'bob'")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": "eve", "password": "x" * 11},
        {"name": "eve", "password": "x" * 129},
        {"name": "eve", "password": 10**12},
        {"name": "Eve", "password": USER_PASSWORD},
        {"name": "eve\n", "password": USER_PASSWORD},
        {"name": "e\x00ve", "password": USER_PASSWORD},
        {"name": "e" * 65, "password": USER_PASSWORD},
        {"name": "eve", "password": USER_PASSWORD, "admin": True},
        {"name": "eve"},
        [],
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_a_wrong_user_is_refused(api: Service, body: object) -> None:
    assert api.post("/users", body).status_code == 422


def test_half_a_character_is_no_text(api: Service) -> None:
    body = rb'{"name": "eve", "password": "' + rb"\ud800" * 12 + rb'"}'
    answer = httpx.post(f"{api.url}/users", content=body, headers={"Content-Type": "application/json"}, trust_env=False)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"] == "body.password"


def test_the_edges_of_a_password_are_taken(api: Service) -> None:
    for name, password in (("shortest", "x" * 12), ("longest", "ö" * 128)):
        assert api.post("/users", {"name": name, "password": password}).status_code == 201
        assert api.sign_in(name, password).status_code == 200


def test_a_wrong_name_and_a_wrong_password_look_alike(api: Service) -> None:
    api.authorization("carl")
    name, password = api.sign_in("nobody"), api.sign_in("carl", "wrong-one-of-carl")
    for answer in (name, password):
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["detail"] == "The name or the password is wrong."
    refusals = [str(line["message"]) for line in api.lines() if line["logger"] == "target_api.sign_in"]
    assert refusals[-2] == "Sign-in refused: no such name."
    assert re.fullmatch(r"Sign-in refused: wrong password of user [0-9]+\.", refusals[-1])
    assert "wrong-one-of-carl" not in api.log.read_text()


@pytest.mark.parametrize("name", ["", "a\x00b", "n" * 65])
def test_a_form_that_no_user_could_send_is_refused(api: Service, name: str) -> None:
    assert api.sign_in(name).status_code == 422
    assert api.sign_in("ann", "x" * 129).status_code == 422


def forged(**changed: object) -> str:
    claims = {"sub": "1", "iss": "target-api", "iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 86400} | changed
    return jwt.encode(claims, SECRET, "HS256", headers={"kid": "rig"})


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (forged(exp=NOW_S - 60), "it has expired"),
        (forged(nbf=NOW_S + 86400), "it is from the future"),
        (forged(iss="elsewhere"), "another issuer made it"),
        (jwt.encode({"sub": "1"}, b"x" * 32, "HS256", headers={"kid": "gone"}), "it names no key of ours"),
        (jwt.encode({"sub": "1"}, b"x" * 32, "HS256", headers={"kid": "rig"}), "its signature does not fit"),
        (jwt.encode({"sub": "1"}, None, "none", headers={"kid": "rig"}), "it is not signed with HS256"),
        (forged(sub="999999999"), "its user is gone"),
        ("not-a-token", "it cannot be read"),
        ("t\xe9.t\xe9.t\xe9", "it cannot be read"),
    ],
    ids=lambda value: value if " " in value else "",
)
def test_a_token_that_proves_nothing_is_refused_and_told_to_the_log(api: Service, token: str, reason: str) -> None:
    answer = api.get("/users/me", {"Authorization": b"Bearer " + token.encode("latin-1")})  # type: ignore[dict-item]
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, INVALID)
    request_id = answer.headers["X-Request-ID"]
    (line,) = [line for line in api.lines() if line.get("request_id") == request_id and "refused" in str(line)]
    assert str(line["message"]).startswith(f"Token refused: {reason}")
    assert not [part for part in token.split(".") if len(part) > 10 and part in api.log.read_text()]


def test_no_token_at_all_is_asked_for_one(api: Service) -> None:
    for headers in (None, {"Authorization": "Basic YTpi"}):
        answer = api.get("/users/me", headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_hash_of_old_parameters_is_replaced_at_the_next_sign_in(api: Service, postgres: Postgres) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(USER_PASSWORD)
    postgres.fetch(f"INSERT INTO users (name, password_hash) VALUES ('dora', '{old}')")
    stored = "SELECT password_hash FROM users WHERE name = 'dora'"
    assert api.sign_in("dora", "wrong-one-of-dora").status_code == 401
    assert postgres.fetch(stored)[0][0] == old
    assert api.sign_in("dora").status_code == 200
    assert postgres.fetch(stored)[0][0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert api.sign_in("dora").status_code == 200


def test_a_crowd_that_signs_in_does_not_stop_the_others(api: Service) -> None:
    """Some are told to come again; whoever needs no password is served meanwhile."""
    api.authorization("fred")
    seen: set[int] = set()
    with ThreadPoolExecutor(60) as crowd:

        def some_are_refused() -> bool:
            answers = [crowd.submit(api.sign_in, "fred") for _ in range(60)]
            assert api.get("/items?limit=1").status_code == 200
            for answer in (request.result() for request in answers):
                seen.add(answer.status_code)
                assert answer.status_code == 200 or answer.headers["Retry-After"] == "1"
            return 503 in seen

        wait_until(some_are_refused, 30, "a sign-in is refused because too many are under way")
    assert seen == {200, 503}
    assert api.sign_in("fred").status_code == 200


def command(postgres: Postgres, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": postgres.url()} | env
    program = [sys.executable, "-m", "target_api.users", *arguments]
    return subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90)


def test_an_operator_adds_a_user_and_sets_its_password(api: Service, postgres: Postgres) -> None:
    add = ("add", "load", "--password-env", "LOAD_PASSWORD")
    first, again = (command(postgres, *add, LOAD_PASSWORD=f"operator-secret-{n}") for n in (1, 2))
    assert (first.returncode, first.stdout, first.stderr) == (0, "Created the user load.\n", "")
    assert (again.returncode, again.stdout, again.stderr) == (0, "Set the password of the user load.\n", "")
    assert api.sign_in("load", "operator-secret-1").status_code == 401
    assert api.sign_in("load", "operator-secret-2").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "env", "said"),
    [
        ((), {}, "required"),
        (("add", "load"), {}, "--password-env"),
        (("add", "load", "--password-env", "P"), {}, "The environment variable P is not set."),
        (("add", "load", "--password-env", "P"), {"P": "hidden-one"}, "at least 12"),
        (("add", "Load", "--password-env", "P"), {"P": "hidden-one-of-load"}, "name"),
        (("add", "load", "--password-env", "P"), {"P": "hidden-one-of-load", "DATABASE_URL": "hidden"}, "DATABASE_URL"),
        (
            ("add", "load", "--password-env", "P"),
            {"P": "hidden-one-of-load", "DATABASE_URL": "postgresql://a:hidden-one@127.0.0.1:9/x"},
            "The database cannot be asked (ConnectionRefusedError)",
        ),
    ],
)
def test_an_operator_is_told_what_is_wrong(
    postgres: Postgres, arguments: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    ended = command(postgres, *arguments, **env)
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hidden" not in ended.stdout + ended.stderr


def test_no_secret_was_logged(api: Service) -> None:
    text = api.log.read_text()
    for secret in (USER_PASSWORD, "rig-secret", TOKEN_KEYS.partition(":")[2], "operator-secret", "eyJ"):
        assert secret not in text
