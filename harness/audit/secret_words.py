"""What must not be told: secrets of the run and canaries of ours, each by a name.

An experiment looks for them in logs, answers and reports; whatever is kept has the name in place of the text.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

_SHORTEST = 6  # a shorter "secret" is a word that stands everywhere


@dataclass(slots=True)
class SecretWords:
    """Text to name. New canaries are added while the audit goes on."""

    names: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, text: str) -> None:
        if len(text) >= _SHORTEST:
            self.names[text] = name
            self.names[quote(text, safe="")] = name

    def add_all(self, named: Mapping[str, str]) -> None:
        for name, text in named.items():
            self.add(name, text)

    def canary(self, name: str) -> str:
        """A random text that looks like a secret and is none."""
        text = f"sdc{secrets.token_hex(12)}"
        self.add(name, text)
        return text

    def found_in(self, text: str) -> tuple[str, ...]:
        """Names of the secrets that stand in a text, sorted."""
        return tuple(sorted({name for word, name in self.names.items() if word in text}))

    def redact(self, text: str) -> str:
        for word in sorted(self.names, key=len, reverse=True):
            text = text.replace(word, f"‹{self.names[word]}›")
        return text
