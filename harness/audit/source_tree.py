"""What looks like a secret in the app's folder: told by file, line and kind, never by its text.

Tests, documentation and examples hold made-up secrets, so what is found there stands aside.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.audit.facts.configuration import Hit, Tree

MAX_FILES = 20_000
MAX_BYTES = 64 * 2**20
_MAX_FILE_BYTES = 2**20
_MOST_HITS = 50
_SKIPPED = frozenset({".git", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", "site-packages"})
_ASIDE = re.compile(r"(?i)(^|/)(tests?|docs?|examples?|fixtures|samples?)(/|$)|(^|/)(test_[^/]*|conftest)\.py$")
_ENV_FILE = re.compile(r"(^|/)\.env(\.(?!example$|sample$|template$|dist$|defaults?$)[\w-]+)?$")

_PEM = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
_TOKENS = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,}|glpat-[\w-]{20}"
    r"|xox[abpr]-[\w-]{20,}|sk_live_[A-Za-z0-9]{20,})\b"
)
_NAMED = re.compile(
    r"(?i)(?:password|passwd|secret|token|api_?key|access_?key|private_?key|credential)\w*[\"']?\s*(?::\s*\w+\s*)?[:=]\s*"
    r"(?:([\"'])(?P<quoted>[^\"'\s]{12,200})\1|(?P<bare>[A-Za-z0-9+/_=.-]{16,200})\s*$)"
)
_IN_URL = re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@\"'{}$<>%]+:(?P<password>[^\s:/@\"'{}$<>%]{8,200})@")
_MADE_UP = re.compile(r"(?i)example|change.?me|your|dummy|placeholder|xxx|\*\*\*|[{}$<>%()\[\]]")


def scan(root: Path, tracked: Iterable[str] | None, values: Mapping[str, str]) -> Tree:
    """`tracked` are the files that git keeps, None for whatever lies there; `values` are secrets, by name."""
    files = read = 0
    cut = False
    hits: list[Hit] = []
    for met, path in enumerate(tracked if tracked is not None else _walk(root)):
        if met >= MAX_FILES or read >= MAX_BYTES or len(hits) >= _MOST_HITS:
            cut = True
            break
        aside = _ASIDE.search(path) is not None
        if _ENV_FILE.search(path):
            # Where there is no repository, nobody can say whether it is delivered.
            hits.append(Hit(path, 0, "a file of environment variables", aside or tracked is None))
        text = _text_of(root / path)
        if text is None:
            continue
        files, read = files + 1, read + len(text)
        hits += [Hit(path, line, kind, aside) for line, kind in secrets_in(text, values)]
    return Tree(files, read // 1024, tracked is not None, cut, tuple(hits[:_MOST_HITS]))


def secrets_in(text: str, values: Mapping[str, str] = {}) -> list[tuple[int, str]]:
    """Line and kind of each."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        kind = _kind_of(line[:2000], values)
        if kind:
            found.append((number, kind))
    return found


def _kind_of(line: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        if len(value) >= 8 and value in line:
            return f"the value of {name}"
    if _PEM.search(line):
        return "a private key"
    found = _TOKENS.search(line)
    if found and "EXAMPLE" not in found.group():
        return "an access key of a service"
    named = _NAMED.search(line)
    if named and _is_random(named["quoted"] or named["bare"]):
        return "a password or key that is written out"
    in_url = _IN_URL.search(line)
    return "a password in a URL" if in_url and _is_random(in_url["password"]) else ""


def _is_random(text: str) -> bool:
    """Letters and digits that no word has: a name, a path or a placeholder is none."""
    if _MADE_UP.search(text) or not re.search(r"\d", text) or not re.search(r"[A-Za-z]", text):
        return False
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits >= 3.0 and re.fullmatch(r"[a-z_]+\d{0,2}|[\w]+(\.[A-Za-z_]\w*)+", text) is None


def _walk(root: Path) -> Iterator[str]:
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in _SKIPPED)
        for name in sorted(names):
            yield str(Path(folder, name).relative_to(root))


def _text_of(path: Path) -> str | None:
    """None for what is big, binary, no file, or unreadable."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return None if b"\0" in data[:1024] else data.decode("utf-8", "replace")
