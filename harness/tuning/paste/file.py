"""A file to paste, and what all writers say alike: the reason above a line, its effect, what nobody tested."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.model.secrecy import may_be_secret
from harness.model.target import Scalar
from harness.tuning.recommendation import Setting

WIDTH = 110


@dataclass(frozen=True, slots=True)
class File:
    """`left_out`: keys whose value is not written, for it may be a secret."""

    name: str
    text: str
    left_out: tuple[str, ...] = ()


def is_hidden(setting: Setting) -> bool:
    """A number is none: only a text can be a secret where one may stand."""
    return isinstance(setting.value, str) and may_be_secret(setting.key)


def comments(setting: Setting, mark: str = "#") -> Iterator[str]:
    """All that is known of a setting, a comment each line, whatever stands in its texts."""
    before = "not set" if setting.before is None else shown(setting.before)
    if isinstance(setting.before, str) and may_be_secret(setting.key):
        before = "set"
    yield from comment(setting.reason, mark)
    if setting.changed:
        yield from comment(f"Before: {before}.", mark)
    if setting.effect is not None:
        effect = setting.effect
        low, middle, high = (100 * (each - 1) for each in (effect.low, effect.ratio, effect.high))
        yield from comment(
            f"Measured: {effect.metric} {middle:+.1f} % (95 % interval {low:+.1f} to {high:+.1f} %,"
            f" {effect.pairs} pairs).",
            mark,
        )
    if setting.untested:
        yield from comment(f"Not tested: {setting.untested}", mark)


def comment(text: str, mark: str = "#") -> Iterator[str]:
    """Any break of a line would end a comment: each line gets its mark, and what is no text is left out."""
    plain = "".join(each if each.isprintable() else " " for each in text)
    for line in textwrap.wrap(plain, WIDTH) or [""]:
        yield f"{mark} {line}".rstrip()


def left_out(setting: Setting, mark: str = "#") -> Iterator[str]:
    yield from comment(f"{setting.name} is left out: its value may be a secret.", mark)


def shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def make(name: str, head: str, blocks: Iterable[Iterable[str]], hidden: Iterable[str] = (), mark: str = "#") -> File:
    """A heading, and blocks of lines with an empty line between them."""
    texts = ["\n".join(comment(head, mark)), *("\n".join(block) for block in blocks)]
    return File(name, "\n\n".join(texts) + "\n", tuple(hidden))
