"""Requests that need a token, as an app's OpenAPI document marks them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from harness.model.audit import RequestSpec

MOST = 5
_ORDER = ("get", "head", "post", "put", "patch", "delete")  # what changes least is asked first
_FAR = 2_147_483_000  # an id that nobody has


def find_protected(document: object) -> tuple[RequestSpec, ...]:
    """At most MOST requests, path parameters filled in. An operation that also works without a token is none."""
    found = sorted(_marked(document), key=lambda each: (_ORDER.index(each.method.lower()), each.path))
    return tuple(found[:MOST])


def _marked(document: object) -> Iterator[RequestSpec]:
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        return
    everywhere = document.get("security")
    for path, item in document["paths"].items():
        if not isinstance(item, dict) or not str(path).startswith("/"):
            continue
        for method, operation in item.items():
            if method not in _ORDER or not isinstance(operation, dict):
                continue
            if _needs_token(operation.get("security", everywhere)):
                parameters = [*_parameters(item), *_parameters(operation)]
                yield RequestSpec(method.upper(), _filled(str(path), parameters, method))


def _needs_token(security: object) -> bool:
    """An empty requirement among the alternatives means that none is needed."""
    return isinstance(security, list) and bool(security) and all(security)


def _parameters(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = holder.get("parameters")
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _filled(path: str, parameters: list[Mapping[str, Any]], method: str) -> str:
    query = []
    for parameter in parameters:
        name, where = str(parameter.get("name")), parameter.get("in")
        value = quote(_plausible(parameter.get("schema"), method), safe="")
        if where == "path":
            path = path.replace(f"{{{name}}}", value)
        elif where == "query" and parameter.get("required") is True:
            query.append(f"{quote(name, safe='')}={value}")
    return path + (f"?{'&'.join(query)}" if query else "")


def _plausible(schema: object, method: str) -> str:
    schema = schema if isinstance(schema, dict) else {}
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return str(choices[0])
    if schema.get("format") == "uuid":
        return "00000000-0000-4000-8000-000000000001"
    if schema.get("type") in ("integer", "number"):
        return "1" if method in ("get", "head") else str(_FAR)
    return "1" if method in ("get", "head") else "shakedown-none"
