"""The table [audit] of a target file: what the deployment checklist cannot find out by itself."""

from __future__ import annotations

from harness.model.audit import AuditSpec, RequestSpec, TokenSpec
from harness.target_env import is_env_name
from harness.target_load import refusal
from harness.target_table import Table, show

TOPICS = ("alerting", "ci", "orchestration", "proxy", "staging")
_ALGORITHMS = ("HS256", "HS384", "HS512")
_ENCODINGS = ("text", "base64url")


def read_audit(table: Table) -> AuditSpec:
    cors = table.table("cors")
    spec = AuditSpec(
        required_env=_read_names(table, "required_env") if table.has("required_env") else None,
        origins=_read_origins(cors),
        credentials=cors.truth("credentials", False),
        protected=_read_requests(table, "protected"),
        tokens=_read_tokens(table.table("tokens")) if table.has("tokens") else None,
        migrate_down=table.text("migrate_down", ""),
        body_max_bytes=table.whole("body_max_bytes", 0, 0, 2**40),
        ports=_read_ports(table),
        proxy_config=table.text("proxy_config", ""),
        metrics=table.text("metrics", "", lambda value: refusal(path=value)),
        error_report_env=table.text("error_report_env", "SENTRY_DSN", _check_name),
        declared=_read_declared(table.table("declared")),
    )
    cors.done()
    table.done()
    return spec


def _check_name(value: str) -> str | None:
    return None if is_env_name(value) else "the name of a variable, as in SENTRY_DSN"


def _read_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key)
    if not all(is_env_name(name) for name in names):
        table.wrong(key, 'holds what is no name of a variable; accepted: names only, as in ["DATABASE_URL"]')
    return names


def _read_ports(table: Table) -> tuple[int, ...]:
    ports = table.wholes("ports")
    if not all(1 <= port <= 65_535 for port in ports):
        table.wrong("ports", "holds what is no port; accepted: numbers from 1 to 65535, as in [9090]")
    return ports


def _read_origins(table: Table) -> tuple[str, ...]:
    origins = table.texts("origins")
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
            table.wrong("origins", f"holds {show(origin)}; accepted: exact origins, as in https://shop.example")
    return origins


def _read_requests(table: Table, key: str) -> tuple[RequestSpec, ...]:
    found = []
    for text in table.texts(key):
        method, _, path = text.partition(" ")
        if refusal(method=method) or refusal(path=path):
            table.wrong(key, f'holds {show(text)}; accepted: method and path, as in "GET /users/me"')
        else:
            found.append(RequestSpec(method, path))
    return tuple(found)


def _read_tokens(table: Table) -> TokenSpec:
    algorithm = table.text("algorithm", "HS256", lambda value: None if value in _ALGORITHMS else ", ".join(_ALGORITHMS))
    encoding = table.text("key_encoding", "text", lambda value: None if value in _ENCODINGS else ", ".join(_ENCODINGS))
    spec = TokenSpec(
        key=table.text("key", None, hide=True),
        key_id=table.text("key_id", ""),
        algorithm=algorithm,
        key_encoding="base64url" if encoding == "base64url" else "text",
    )
    table.done()
    return spec


def _read_declared(table: Table) -> dict[str, str]:
    """What somebody vouches for; shown as such, never as measured."""
    found = {topic: table.text(topic, "") for topic in TOPICS if table.has(topic)}
    table.done()
    return found
