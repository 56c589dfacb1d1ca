"""The command `shakedown`: its entry, and how every error becomes one paragraph and an exit code.

`run` is started twice: first as the guardian (harness/guardian.py), which starts the harness as its child with the same
arguments and outlives it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from harness.guardian import guard
from harness.ledger import LEDGER

_GUARDED = ("run",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code of the contract (design: 0 1 2 3 4 64 130 143)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] and words[0] in _GUARDED and LEDGER not in os.environ and not {"--help", "-h"} & set(words):
        return guard(words)
    return _dispatch(words)


def _dispatch(words: list[str]) -> int:
    # Only here: the guardian stays small and quick without what the verbs need.
    import click

    from harness.cli.verbs import cli
    from harness.errors import HarnessError

    as_json = "--json" in words
    try:
        result = cli.main(args=words, prog_name="shakedown", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        return _tell("usage", _usage(error), 64, as_json)
    except click.Abort:
        return 130
    except HarnessError as error:
        return _tell(error.kind, str(error), error.exit_code, as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 3
    return result if isinstance(result, int) else 0


def _usage(error: object) -> str:
    import click

    assert isinstance(error, click.UsageError)
    where = error.ctx.command_path if error.ctx else "shakedown"
    return f"{error.format_message()} Try: {where} --help"


def _tell(kind: str, message: str, code: int, as_json: bool) -> int:
    if as_json:
        body = {"schema_version": 1, "error": {"kind": kind, "message": message}}
        print(json.dumps(body), flush=True)
    print(f"shakedown: {message}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
