"""The row configuration: facts to verdicts, and what counts as a secret in a file."""

from pathlib import Path

import pytest

from harness.audit.checks.configuration import CHECKS
from harness.audit.experiments.configuration import shown_secrets
from harness.audit.facts.configuration import Configuration, ErrorAnswer, Hit, Start, Tree
from harness.audit.source_tree import scan, secrets_in

ENDED = Start("DATABASE_URL", "missing", "exited", 1.2, 3, named=True, line="DATABASE_URL: Field required")
TOLD = Start("DATABASE_URL", "missing", "exited", 1.2, 3, named=True, told=("password of postgres",))
SILENT = Start("DATABASE_URL", "missing", "exited", 1.2, 3)
STORM = Start("DATABASE_URL", "missing", "running", 10.0, named=True)
UP = Start("DATABASE_URL", "missing", "up", 2.0)
UP_AND_BAD = Start("DATABASE_URL", "missing", "up", 2.0, failing=("GET /items",))
NO_URL = Start("DATABASE_URL", "malformed", "up", 2.0)
LEAKED = Start("DATABASE_URL", "malformed", "exited", 2.0, 3, told=("the value of DATABASE_URL",))
FILES = Tree(files=10, kilobytes=3, tracked=True)
ASIDE = Hit("tests/keys.py", 3, "a private key", aside=True)

CASES = (
    ("required-refused", Configuration(starts=(ENDED,)), "pass"),
    ("required-refused", Configuration(starts=(ENDED, UP)), "pass"),
    ("required-refused", Configuration(declared=True, starts=(ENDED, UP)), "fail"),
    ("required-refused", Configuration(starts=(ENDED, UP_AND_BAD)), "fail"),
    ("required-refused", Configuration(starts=(STORM,)), "fail"),
    ("required-refused", Configuration(starts=(SILENT,)), "fail"),
    ("required-refused", Configuration(starts=(UP,)), "not_applicable"),
    ("required-refused", Configuration(starts=(NO_URL,)), "not_applicable"),
    ("required-refused", Configuration(), "not_applicable"),
    ("values-not-told", Configuration(starts=(ENDED, NO_URL)), "pass"),
    ("values-not-told", Configuration(starts=(ENDED, LEAKED)), "fail"),
    ("values-not-told", Configuration(starts=(TOLD,)), "fail"),
    ("values-not-told", Configuration(), "not_applicable"),
    ("no-secrets-in-tree", Configuration(tree=FILES), "pass"),
    ("no-secrets-in-tree", Configuration(tree=Tree(10, 3, hits=(ASIDE,))), "pass"),
    ("no-secrets-in-tree", Configuration(tree=Tree(10, 3, hits=(ASIDE, Hit("key.pem", 1, "a private key")))), "fail"),
    ("no-secrets-in-tree", Configuration(tree=Tree(5000, 3, cut=True)), "inconclusive"),
    ("no-secrets-in-tree", Configuration(), "inconclusive"),
    ("debug-off", Configuration(answers=(ErrorAnswer("an unknown path", 404),)), "pass"),
    ("debug-off", Configuration(answers=(ErrorAnswer("a", 404), ErrorAnswer("b", 500, ("a traceback",)))), "fail"),
    ("debug-off", Configuration(answers=(ErrorAnswer("an unknown path", -1),)), "inconclusive"),
    ("debug-off", Configuration(), "inconclusive"),
)


@pytest.mark.parametrize(("check", "facts", "verdict"), CASES)
def test_facts_give_the_verdict(check: str, facts: Configuration, verdict: str) -> None:
    told = next(each for each in CHECKS if each.name == check).judge(facts)
    assert told.verdict == verdict, told.why
    assert bool(told.advice) == (verdict in ("fail", "not_applicable")), told.why


def test_a_variable_that_was_not_needed_is_told() -> None:
    told = CHECKS[0].judge(Configuration(starts=(ENDED, Start("LOAD_PASSWORD", "missing", "up", 2.0))))
    assert told.evidence["not_needed"] == ["LOAD_PASSWORD"]


PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"
RANDOM = "k9Zq2Lx8Vw" + "4Tn7Rb"
LINES = (
    (PEM, "a private key"),
    (f'password = "{RANDOM}"', "a password or key that is written out"),
    (f"API_KEY={RANDOM}", "a password or key that is written out"),
    (f'    "secret_key": "{RANDOM}",', "a password or key that is written out"),
    (f"url = postgresql://app:{RANDOM}@db/app", "a password in a URL"),
    ("aws = AKIA" + "IOSFODNN7ABCDEFG", "an access key of a service"),
    ("aws = AKIAIOSFODNN7EXAMPLE", ""),
    ('password = "{postgres.password}"', ""),
    ('password = os.environ["DATABASE_PASSWORD_1"]', ""),
    ('password = "change-me-please-1"', ""),
    ("token_lifetime_s = settings.token_lifetime_900", ""),
    ("url = postgresql://user:pass@localhost/db", ""),
    ("DATABASE_URL = postgresql://{postgres.user}:{postgres.password}@{postgres.host}/x", ""),
    ("pass_env secret: hunter2-from-the-vault", "the value of VAULT_TOKEN"),
    ("nothing at all", ""),
)


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_a_secret_is_known_by_its_line(line: str, kind: str) -> None:
    found = secrets_in(f"first\n{line}\n", {"VAULT_TOKEN": "hunter2-from-the-vault"})
    assert found == ([(2, kind)] if kind else [])


def test_a_folder_is_read_within_bounds_and_without_what_is_installed(tmp_path: Path) -> None:
    for name in ("app.py", "tests/test_app.py", ".venv/lib/x.py", "node_modules/y.js", ".env", ".env.example"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f'SECRET = "{RANDOM}"\n')
    (tmp_path / "image.png").write_bytes(b"\0" + RANDOM.encode())
    tree = scan(tmp_path, None, {})
    assert {(hit.path, hit.line, hit.aside) for hit in tree.hits} == {
        ("app.py", 1, False),
        ("tests/test_app.py", 1, True),
        (".env", 0, True),  # nobody can say whether it is delivered
        (".env", 1, False),
        (".env.example", 1, False),
    }
    assert RANDOM not in repr(tree)
    tracked = scan(tmp_path, [".env"], {})
    assert [(hit.path, hit.line, hit.aside) for hit in tracked.hits] == [(".env", 0, False), (".env", 1, False)]


def test_a_part_of_a_secret_is_shown_too() -> None:
    words = {"abcdefghijklmnopqrstuvwx": "password", "short1": "word"}
    assert shown_secrets(words, "input_value='postgres...mnopqrstuvwx@db'") == ("password",)
    assert shown_secrets(words, "short1") == ("word",)
    assert shown_secrets(words, "abcdefghijk") == ()
