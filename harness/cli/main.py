"""The command `shakedown`: its entry, and how every error becomes one paragraph and an exit code.

What boots a service is started twice: first as the guardian (harness/guardian.py), which starts the harness as its
child with the same arguments and outlives it. What is slow to load is loaded inside functions, for a Ctrl-C meanwhile
must end quietly.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Sequence

_GUARDED = ("run", "sweep", "compare", "capacity", "tune", "audit", "join")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_NO_WAY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code of the contract (design: 0 1 2 3 4 64 130 143)."""
    _open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        from harness.ledger import LEDGER

        if LEDGER in os.environ:
            _be_the_harness()
        elif words[:1] and words[0] in _GUARDED and not {"--help", "-h"} & set(words):
            return _guard(words, as_json)
        return _dispatch(words, as_json)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _nobody_listens()
    except OSError as error:
        return _tell_of_the_system(error, as_json)


def _open_standard_streams() -> None:
    """A closed standard stream is /dev/null, or the next file that is opened would take its place."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _be_the_harness() -> None:
    """Until the run has handlers of its own a signal just ends us; the guardian held them back while we started."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _guard(words: list[str], as_json: bool) -> int:
    from harness.errors import HarnessError
    from harness.guardian import guard

    try:
        return guard(words)
    except HarnessError as error:
        return _tell(error.kind, str(error), error.exit_code, as_json)


def _dispatch(words: list[str], as_json: bool) -> int:
    # Only here: the guardian stays small and quick without what the verbs need.
    import click

    from harness.cli.verbs import cli
    from harness.errors import HarnessError

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
    except SystemExit as ended:  # click ends so with 1 when a pipe is broken, and with 0 after a shell's completion
        return _nobody_listens() if ended.code else 0
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
    try:
        print(f"shakedown: {message}", file=sys.stderr, flush=True)
    except OSError:
        _drop((2,))  # there is nowhere left to say it; the code still does
    return code


def _tell_of_the_system(error: OSError, as_json: bool) -> int:
    """What nobody has told before: a path that the user may not go, or what has no name, as the standard streams."""
    if error.errno in _NO_ROOM and error.filename is None:
        _drop((1,))
        return _tell("machine", f"What was to be printed cannot be written: {error.strerror}.", 3, as_json=False)
    if error.errno == errno.ENOENT and error.filename is None:
        return _tell("usage", "The folder that this was started in is gone; go to one that is there.", 64, as_json)
    if error.errno in _NO_WAY and error.filename is not None:
        return _tell("usage", f"{error.filename} cannot be used: {error.strerror}.", 64, as_json)
    raise error


def _nobody_listens() -> int:
    """Whoever read our output has gone: what we were asked for could not be handed over, which is no verdict."""
    _drop((1, 2))
    return 3


def _drop(fds: Sequence[int]) -> None:
    """What these streams still hold goes nowhere, or Python would fail at its end because of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for fd in fds:
        os.dup2(nowhere, fd)


if __name__ == "__main__":
    sys.exit(main())
