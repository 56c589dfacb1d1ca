"""The few directives of an nginx configuration that must fit the service behind it. Pure; `include` is not followed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.audit.facts.limits import Proxy

_WORD = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|#[^\n]*|[;{}]|(?:\\.|\$\{[^}]*\}|[^\s;{}\'"#])+')
_TIME = re.compile(r"(\d+)(ms|[smhd]?)")
_SECONDS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZE = re.compile(r"(\d+)([kmg]?)", re.IGNORECASE)
_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_READ, _BODY = "proxy_read_timeout", "client_max_body_size"
_INHERITED: Mapping[str, str] = {_READ: "60s", _BODY: "1m"}


@dataclass(frozen=True, slots=True)
class _Directive:
    words: tuple[str, ...]
    block: tuple[_Directive, ...] | None = None


def read_nginx(file: str, text: str) -> Proxy:
    """The least read timeout and the largest body of the places that pass requests on; nginx's own defaults else."""
    try:
        top = tuple(_read(iter([word for word in _WORD.findall(text) if not word.startswith("#")])))
        passing = list(_passing(top, _INHERITED))
        upstreams = list(_upstreams(top))
        if not passing:
            return Proxy(file, wrong="it passes no request on (proxy_pass)")
        bodies = [_number(each[_BODY], _SIZE, _BYTES) for each in passing]
        keepalives = [_number(_value(each, "keepalive_timeout", "60s"), _TIME, _SECONDS) for each in upstreams]
        return Proxy(
            file,
            read_timeout_s=min(_number(each[_READ], _TIME, _SECONDS) for each in passing),
            keepalive_s=max(keepalives, default=60.0),
            keeps=any(_value(each, "keepalive", "0") != "0" for each in upstreams),
            body_max_bytes=0 if 0 in bodies else int(max(bodies)),
        )
    except (ValueError, RecursionError) as error:
        return Proxy(file, wrong=str(error) or "its blocks are too deep")


def _read(words: Iterator[str], *, inner: bool = False) -> Iterator[_Directive]:
    line: list[str] = []
    for word in words:
        if word == ";":
            yield _Directive(tuple(line))
            line = []
        elif word == "{":
            yield _Directive(tuple(line), tuple(_read(words, inner=True)))
            line = []
        elif word == "}":
            if line or not inner:
                raise ValueError("a block of it ends where none may")
            return
        else:
            line.append(word.strip("\"'"))
    if line or inner:
        raise ValueError("a block or a directive of it has no end")


def _passing(block: tuple[_Directive, ...], around: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """What is in force wherever `proxy_pass` stands."""
    here = dict(around)
    for each in block:
        if each.words and each.words[0] in _INHERITED and len(each.words) > 1:
            here[each.words[0]] = each.words[1]
    if any(each.words and each.words[0] == "proxy_pass" for each in block):
        yield here
    for each in block:
        if each.block is not None:
            yield from _passing(each.block, here)


def _upstreams(block: tuple[_Directive, ...]) -> Iterator[tuple[_Directive, ...]]:
    for each in block:
        if each.block is not None:
            if each.words and each.words[0] == "upstream":
                yield each.block
            else:
                yield from _upstreams(each.block)


def _value(block: tuple[_Directive, ...], name: str, default: str) -> str:
    return next((each.words[1] for each in block if len(each.words) > 1 and each.words[0] == name), default)


def _number(text: str, form: re.Pattern[str], units: Mapping[str, float]) -> float:
    found = form.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time or size")
    return int(found.group(1)) * units[found.group(2).lower()]
