"""The table [audit]: what is read, and what is told of what cannot be."""

import sys
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.model.audit import AuditSpec, RequestSpec
from harness.target import load_target


def read(folder: Path, text: str) -> AuditSpec:
    file = folder / "shakedown.toml"
    file.write_text(f'[target]\napp = "a:b"\npython = "{sys.executable}"\n{text}', "utf-8")
    return load_target(file, {}).audit


def test_nothing_has_to_be_declared(tmp_path: Path) -> None:
    assert read(tmp_path, "") == AuditSpec()


def test_what_is_declared_is_read(tmp_path: Path) -> None:
    text = '[audit]\nprotected = ["GET /me"]\nbody_max_bytes = 1024\nproxy_config = "docker/nginx.conf"\n'
    text += '[audit.tokens]\nkey = "{secret.k}"\nkey_id = "k1"\nkey_encoding = "base64url"\n'
    spec = read(tmp_path, text)
    assert spec.protected == (RequestSpec("GET", "/me"),)
    assert (spec.body_max_bytes, spec.proxy_config) == (1024, "docker/nginx.conf")
    assert spec.tokens is not None
    assert (spec.tokens.key_id, spec.tokens.key_encoding) == ("k1", "base64url")
    assert "secret.k" not in repr(spec)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[audit]\nproxy_config = 7", "audit.proxy_config"),
        ("[audit]\nbody_max_bytes = -1", "audit.body_max_bytes"),
        ('[audit]\nprotected = ["/me"]', "audit.protected"),
        ('[audit.tokens]\nkey = "k"\nalgorithm = "none"', "audit.tokens.algorithm"),
        ('[audit.tokens]\nkey_id = "k1"', "audit.tokens.key"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(UsageError, match=key.replace(".", r"\.")):
        read(tmp_path, text)
