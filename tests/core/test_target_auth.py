"""[auth], {token} and {secret.NAME} of a target file."""

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.request import RequestLine
from harness.model.target import Target
from harness.target import app_env, load_target
from harness.target_auth import fill_secrets, make_secrets

FILE = """
[target]
app = "a:b"
[target.env]
KEYS = "k1:{secret.k1},k0:{secret.k0}"
PASSWORD = "{secret.load}"
[auth]
path = "/tokens"
form = { username = "a b&c", password = "{secret.load}" }
token = "data.token"
[[load.requests]]
path = "/mine"
headers = { Authorization = "Bearer {token}" }
"""


def read(folder: Path, text: str) -> Target:
    file = folder / "shakedown.toml"
    file.write_text(text)
    return load_target(file, {})


def test_a_login_and_the_secrets_it_shares_with_the_app(tmp_path: Path) -> None:
    target = read(tmp_path, FILE)
    assert target.auth is not None
    assert target.auth.token == ("data", "token")
    assert target.auth.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    values = make_secrets(target)
    assert set(values) == {"k0", "k1", "load"}
    assert len(set(values.values())) == 3
    env = app_env(target, {"secret": values})
    assert env["KEYS"] == f"k1:{values['k1']},k0:{values['k0']}"
    assert fill_secrets(target.auth.body, values) == f"username=a+b%26c&password={env['PASSWORD']}"
    assert make_secrets(target) != values


def test_only_the_lines_that_send_a_token_get_it(tmp_path: Path) -> None:
    (line,) = read(tmp_path, FILE).load.requests
    assert line.uses_token
    assert line.with_token("t-1").headers == (("Authorization", "Bearer t-1"),)
    assert not RequestLine("x", body="{token}").uses_token


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ('path = "/tokens"|', "auth.path is missing"),
        ('path = "/tokens"|path = "tokens"', "auth.path is 'tokens'"),
        ('token = "data.token"|token = "data..token"', "auth.token is 'data..token'"),
        ("form = {|json = 1\nform = {", "auth.form stands beside json or body"),
        ("[auth]|[author]", "load.requests[0].headers hold {token}"),
        ("{secret.k1}|{secret}", "has a secret without a name"),
        ("{secret.k1}|{secret.a b}", "has a secret without a name"),
    ],
)
def test_mistakes_are_told_by_key(tmp_path: Path, change: str, says: str) -> None:
    before, after = change.split("|")
    assert before in FILE
    with pytest.raises(UsageError, match=r".") as told:
        read(tmp_path, FILE.replace(before, after, 1))
    assert says in str(told.value)
    assert "username" not in str(told.value)


def test_no_part_is_called_secret(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"parts\.secret is taken already"):
        read(tmp_path, FILE + '[parts.secret]\nkind = "http"\n')
