"""The request lines of a flow. They are known only as they come, and get their numbers in that order.

A flow that puts an id into each path would name thousands; after the first few hundred, all others share one line.
"""

import re

_MOST = 500
_METHOD = re.compile(r"[A-Z]+")
OTHER = ("ANY", "(other)")

Line = tuple[str, str]


class Lines:
    def __init__(self) -> None:
        self._numbers: dict[Line, int] = {}
        self._told = 0

    def number(self, method: str, name: str) -> int:
        line = (method if _METHOD.fullmatch(method) else "ANY", name)
        if line not in self._numbers:
            if len(self._numbers) >= _MOST:
                line = OTHER
            self._numbers.setdefault(line, len(self._numbers))
        return self._numbers[line]

    def untold(self) -> tuple[int, list[Line]]:
        """Those that nobody was told of yet, and the number of the first of them."""
        first, self._told = self._told, len(self._numbers)
        return first, list(self._numbers)[first:]
