# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-calls=False
"""What a target file may say, and what is said when it is wrong."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.target import HttpPart, PostgresPart, ProbeSpec, Slo
from harness.target import REFERENCE, find_target, load_target, read_override

LEAST = '[target]\napp = "app.main:app"\n'
WHOLE = """
[target]
app = "shop.web:app"
server = "uvicorn"
workers = 3
live = "/alive"
ready = "/able"
setup = ["alembic upgrade head"]
pass_env = ["HTTPS_PROXY"]
[target.env]
DSN = "postgresql://{store.user}:{store.password}@{store.host}:{store.port}/{store.database}"
RATES = "{rates.url}/v1"
LOG = '{{"level": "info"}}'
[target.uvicorn]
timeout_keep_alive = 75
[parts.store]
kind = "postgres"
settings = { max_connections = 50, jit = "off" }
[parts.rates]
kind = "http"
[[parts.rates.routes]]
path = "/v1/*"
json = { rate = 1.5 }
latency_ms = 5
[load]
rate_rps = 20
connections = 64
pre_connect = true
[[load.requests]]
path = "/carts"
weight = 3
needs = ["store"]
[[load.requests]]
method = "post"
path = "/carts"
json = { id = "{key}" }
expect = [201, 200]
expect_json = { ok = true }
[[load.requests]]
name = "deletion"
method = "DELETE"
path = "/carts/{key}"
headers = { X-Why = "test" }
[ledger]
keys = "SELECT id FROM carts"
settle_s = 1
[probes.ready]
period_s = 0.5
failure_threshold = 2
[slo]
deadline_s = 5
[limits]
recover_s = 8
"""


@pytest.fixture
def load(tmp_path: Path):
    def read(text: str, /, **overrides):
        (tmp_path / "shakedown.toml").write_text(text)
        return load_target(tmp_path / "shakedown.toml", {key.replace("__", "."): v for key, v in overrides.items()})

    return read


@pytest.fixture
def refusal(load):
    def read(text: str, /, **overrides) -> str:
        with pytest.raises(UsageError) as caught:
            load(text, **overrides)
        return str(caught.value)

    return read


def test_the_least_file_has_every_default(load, tmp_path):
    target = load(LEAST)
    assert (target.server, target.workers, target.live, target.ready) == ("gunicorn-uvicorn", 2, "/health", "/ready")
    assert (target.python, target.root, target.parts) == (Path(sys.executable), tmp_path, ())
    assert (target.ready_needs, target.ledger, target.load.rate_rps, target.load.timeout_s) == ((), None, None, 12)
    (line,) = target.load.requests
    assert (line.method, line.path, line.needs, line.expect, line.stores) == ("GET", "/health", (), (200,), False)


def test_the_whole_file_is_read(load):
    target = load(WHOLE)
    assert target.parts[0] == PostgresPart("store", settings={"max_connections": 50, "jit": "off"})
    assert isinstance(target.parts[1], HttpPart)
    assert target.parts[1].routes[0].json == {"rate": 1.5}
    assert target.ready_needs == ("store",)
    assert target.options["uvicorn"] == {"timeout_keep_alive": 75}
    read, write, remove = target.load.requests
    assert (read.name, read.needs, read.weight, read.stores) == ("GET /carts", ("store",), 3, False)
    assert (write.needs, write.stores, write.expect) == (("store", "rates"), True, (201, 200))
    assert json.loads(write.body) == {"id": "{key}"}
    assert json.loads(write.expect_json) == {"ok": True}
    assert ("Content-Type", "application/json") in write.headers
    assert (remove.name, remove.stores) == ("deletion", False)
    assert (target.load.timeout_s, target.load.connections, target.load.pre_connect) == (7, 64, True)
    assert (target.ready_probe.period_s, target.ready_probe.failure_threshold, target.live_probe.period_s) == (
        0.5,
        2,
        1,
    )
    assert target.limits.recover_s == 8


def test_what_stands_around_the_service_is_known_only_where_it_is_declared(load, refusal):
    least, whole = load(LEAST), load(LEAST + "termination_grace_s = 60\nproxy_timeout_s = 15\n[load]\ntimeout_s = 30\n")
    assert (least.termination_s, least.proxy_s, least.load.timeout_declared) == (None, None, False)
    assert (whole.termination_s, whole.proxy_s, whole.load.timeout_declared) == (60.0, 15.0, True)
    assert load(LEAST, target__proxy_timeout_s=0.5).proxy_s == 0.5
    assert "target.proxy_timeout_s is 0; accepted: a number, 0.1 to 3600" in refusal(LEAST + "proxy_timeout_s = 0\n")


def test_the_reference_and_the_example_of_the_docs_are_read(load):
    assert load_target(REFERENCE, {}).app == "target_api.main:app"
    page = (REFERENCE.parent / "docs" / "target-file.md").read_text()
    example = page.split("```toml\n", 1)[1].split("```", 1)[0]
    assert load(example.replace('python = ".venv/bin/python"', "")).ledger is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('app = "app.main:app"', "", ["target.app is missing"]),
        ('app = "app.main:app"', "app = 3", ["target.app is 3", "text"]),
        ('app = "app.main:app"', 'app = "app.main"', ["target.app is 'app.main'", "MODULE:APP"]),
        ("[target]", "[tarjet]", ["tarjet is no key", "did you mean target?", "target is missing"]),
        ("[target]", "[target]\nwrokers = 2", ["target.wrokers is no key", "did you mean workers?"]),
        ("[target]", "[target]\nworkers = 0", ["target.workers is 0", "1 to 256"]),
        ("[target]", "[target]\nworkers = true", ["target.workers is true"]),
        (
            "[target]",
            "[target]\nserver = 'x'",
            ["target.server is 'x'", "accepted: gunicorn-uvicorn, gunicorn-asgi, uvicorn, granian, hypercorn"],
        ),
        ("[target]", "[target]\nlive = 'health'", ["target.live is 'health'", "starts with /"]),
        ("[target]", "[target]\nready_needs = ['db']", ["target.ready_needs names 'db'"]),
        ("[target]", "[target]\nsetup = 'x'", ["target.setup is 'x'", "a list of texts"]),
        ("[target]", "[target]\npass_env = ['A=1']", ["target.pass_env", "names only"]),
        ("[target]", "[target]\npython = 'nowhere/python'", ["target.python", "nowhere/python does not exist"]),
        ("[target]", "[target]\npython = '/bin/true'", ["target.python", "is no Python interpreter"]),
        ("[target]", "[target]\npython = '/etc/passwd'", ["target.python", "cannot be run"]),
        ("[target]", "[target]\nurl = 'http://x'", ["target.url is not supported yet"]),
        ("[target]", "[target]\ngunicorn = { bind = 'x' }", ["target.gunicorn.bind cannot be set", "address"]),
        ("[target]", "[target]\ngunicorn = { raw_env = ['A=1'] }", ["target.gunicorn.raw_env is a list"]),
    ],
)
def test_each_mistake_in_target_is_told_with_its_key(refusal, old, new, words):
    said = refusal(LEAST.replace(old, new))
    assert "shakedown.toml: " in said
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[parts.Db]\n", ["parts.NAME is 'Db'"]),
        ("[parts.worker]\nkind = 'http'\n", ["parts.worker is taken already"]),
        ("[parts.cache]\n", ["parts.cache.kind is missing", "postgres, http"]),
        ("[parts.cache]\nkind = 'redis'\n", ["parts.cache.kind is 'redis'", "postgres, http"]),
        ("[parts.postgres]\nkind = 'http'\n", ["parts.postgres.kind is 'http'"]),
        ("[parts.postgres]\nuse_existing = true\n", ["parts.postgres.use_existing needs parts.postgres.url"]),
        ("[parts.x]\nkind = 'http'\n[[parts.x.routes]]\n", ["parts.x.routes[0].path is missing"]),
        ("[parts.x]\nkind = 'http'\nroutes = [{path = '/*/a'}]\n", ["parts.x.routes[0].path", "* at its end"]),
        ("[parts.x]\nkind = 'http'\nroutes = [{path = '/', json = nan}]\n", ["parts.x.routes[0].json", "JSON"]),
        ("[load]\nrate_rps = 0\n", ["load.rate_rps is 0", "more than 0"]),
        ("[load]\nrate_rps = inf\n", ["load.rate_rps is inf"]),
        ("[load]\ntimeout_s = 10\n", ["load.timeout_s is 10", "slo.deadline_s (10)"]),
        ("[load]\nrequests = 3\n", ["load.requests is 3", "[[load.requests]]"]),
        ("[[load.requests]]\n[[load.requests]]\npaht = '/'\n", ["load.requests[1].paht", "did you mean path?"]),
        ("[[load.requests]]\npath = 'x'\n", ["load.requests[0].path is 'x'", "starts with /"]),
        ("[[load.requests]]\nmethod = 'GE T'\n", ["load.requests[0].method is 'GE T'"]),
        ("[[load.requests]]\nweight = 0\n", ["load.requests[0].weight is 0"]),
        ("[[load.requests]]\nexpect = []\n", ["load.requests[0].expect"]),
        ("[[load.requests]]\nexpect = [99]\n", ["load.requests[0].expect is [99]", "200 to 599"]),
        ("[[load.requests]]\nstores = true\n", ["load.requests[0].stores needs {key}"]),
        ("[[load.requests]]\nneeds = ['db']\n", ["load.requests[0].needs names 'db'"]),
        ("[[load.requests]]\nname = ''\n", ["load.requests[0].name"]),
        ("[[load.requests]]\nbody = 'a'\njson = 1\n", ["load.requests[0].body stands beside json"]),
        ("[[load.requests]]\nheaders = { Host = 'a' }\n", ["load.requests[0].headers is refused", "Host"]),
        ("[ledger]\nkeys = 'SELECT 1'\n", ["ledger asks a database"]),
        ("[parts.postgres]\n[ledger]\n", ["ledger.keys is missing"]),
        ("[probes.live]\nperiod_s = 0\n", ["probes.live.period_s is 0"]),
        ("[probes.startup]\n", ["probes.startup is no key"]),
        ("[slo]\nerror_rate = 2\n", ["slo.error_rate is 2", "0 to 1"]),
        ("[limits]\nrecover = 5\n", ["limits.recover is no key", "did you mean recover_s?"]),
        ("[limits]\nsteal_share = 2\n", ["limits.steal_share is 2", "0 to 1"]),
        ("slo = 1979-05-27\n", ["slo is a date or time", "a table"]),
    ],
)
def test_each_mistake_in_another_table_is_told_with_its_key(refusal, text, words):
    said = refusal(f"{text}{LEAST}" if text.startswith("slo =") else f"{LEAST}{text}")
    assert all(word in said for word in words), said


def test_all_mistakes_are_told_at_once_five_at_most(refusal):
    said = refusal(LEAST + "a = 1\nb = 1\n[slo]\nc = 1\n[limits]\nd = 1\ne = 1\nf = 1\n")
    assert "6 problems:" in said
    assert said.count("\n- ") == 6
    assert said.endswith("and 1 more")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X = 'hunter2 {db.host}'", ["target.env.X", "names no part", "postgres"]),
        ("X = 'hunter2 {postgres.hots}'", ["target.env.X", "unknown field", "{postgres.host}"]),
        ("X = 'hunter2 {'", ["target.env.X", "single brace"]),
        ("X = { hunter2 = 1 }", ["target.env.X is something else"]),
        ("X = 42424242", ["target.env.X is something else", "text"]),
        ("'A-B' = 'hunter2'", ["no name of a variable"]),
    ],
)
def test_no_value_of_the_environment_is_shown(refusal, text, words):
    said = refusal(f"{LEAST}[target.env]\n{text}\n[parts.postgres]\n")
    assert all(word in said for word in words), said
    assert "hunter2" not in said
    assert "42424242" not in said


def test_no_url_and_no_header_is_shown(refusal):
    said = refusal(f"{LEAST}[parts.postgres]\nurl = 'mysql://u:hunter2@h'\n")
    assert "parts.postgres.url is something else" in said
    assert "hunter2" not in said
    assert "hunter2" not in refusal(f"{LEAST}[[load.requests]]\nheaders = {{ Authorization = ['hunter2'] }}\n")


@pytest.mark.parametrize("text", ["[target", "a = 1\na = 2", f"a = {'9' * 5000}", f"a = {'[' * 5000}{']' * 5000}"])
def test_what_is_no_toml_is_told_as_such(refusal, text):
    assert "is no TOML" in refusal(text)


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_target(tmp_path / "x.toml", {})


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        load_target(tmp_path / "x.toml", {})
    with pytest.raises(UsageError, match="is a folder"):
        load_target(tmp_path, {})


def test_the_file_is_found_in_this_order(tmp_path):
    assert find_target(None, tmp_path) == REFERENCE
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[tool.other]\n")
    assert find_target(None, tmp_path) == REFERENCE
    pyproject.write_text('[tool.shakedown.target]\napp = "a:b"\n')
    assert find_target(None, tmp_path) == pyproject
    target = load_target(pyproject, {"workers": 5})
    assert (target.app, target.workers) == ("a:b", 5)
    assert target.source.endswith("[tool.shakedown]")
    (tmp_path / "shakedown.toml").write_text(LEAST)
    assert find_target(None, tmp_path) == tmp_path / "shakedown.toml"
    assert find_target(Path("mine.toml"), tmp_path) == tmp_path / "mine.toml"


def test_a_pyproject_without_our_table_is_refused_when_it_is_named(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n")
    with pytest.raises(UsageError, match=r"\[tool.shakedown\]"):
        load_target(tmp_path / "pyproject.toml", {})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("workers=4", ("workers", 4)),
        ("gunicorn.timeout=2.5", ("gunicorn.timeout", 2.5)),
        ("gunicorn.preload_app=true", ("gunicorn.preload_app", True)),
        ("target.live=/up", ("target.live", "/up")),
        ('target.live="/up"', ("target.live", "/up")),
        ("target.setup=[1]", ("target.setup", "[1]")),
        ("target.env.N=05", ("target.env.N", "05")),
        ("target.env.N=5=6", ("target.env.N", "5=6")),
        ("x=1\ny=2", ("x", "1\ny=2")),
    ],
)
def test_overrides_are_toml_values_or_text(text, read):
    assert read_override(text) == read


@pytest.mark.parametrize("text", ["workers", "=4", ""])
def test_an_override_without_key_or_value_is_refused(text):
    with pytest.raises(UsageError, match="KEY=VALUE"):
        read_override(text)


def test_overrides_change_the_file(load, tmp_path):
    target = load(
        WHOLE, workers=5, uvicorn__timeout_keep_alive=9, slo__p99_ms=50, target__env__NEW="x", probes__live__timeout_s=2
    )
    assert (target.workers, target.options["uvicorn"]["timeout_keep_alive"], target.slo.p99_ms) == (5, 9, 50)
    assert (target.env["NEW"], target.live_probe.timeout_s) == ("x", 2)
    changed = load_target(tmp_path / "shakedown.toml", {"load.requests.0.weight": 7, "load.requests[1].weight": 8})
    assert [line.weight for line in changed.load.requests] == [7, 8, 1]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("workers", 0, "--set workers is 0"),
        ("slo.p99", 5, "--set slo.p99 is no key"),
        ("load.requests.9.weight", 5, "--set load.requests.9.weight names no place"),
        ("target.app.x", 5, "--set target.app.x names no place"),
        ("", 5, "names no place"),
        ("uvicorn.port", 5, "--set uvicorn.port cannot be set"),
    ],
)
def test_a_wrong_override_is_named_as_it_was_typed(refusal, tmp_path, key, value, words):
    (tmp_path / "shakedown.toml").write_text(LEAST + "[[load.requests]]\n")
    with pytest.raises(UsageError) as caught:
        load_target(tmp_path / "shakedown.toml", {key: value})
    assert words in str(caught.value)


def test_the_page_names_every_key_of_probes_and_slo():
    page = (REFERENCE.parent / "docs" / "target-file.md").read_text()
    fields = [item.name for values in (ProbeSpec, Slo) for item in dataclasses.fields(values)]
    assert [name for name in fields if f"`{name}`" not in page] == []
