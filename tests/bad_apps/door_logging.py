"""Whoever is refused finds his token in the log, for debugging."""

from typing import Any

import door
import jwt


def verify(token: str) -> dict[str, Any]:
    try:
        return door.verify(token)
    except jwt.PyJWTError:
        door.log.warning("refused the token %s", token)
        raise


app = door.make_app(verify=verify)
