"""The signature is verified, and nothing that is said in the token: it is good for ever."""

from typing import Any

import door
import jwt


def verify(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, door.SIGNING_KEY, algorithms=["HS256"], options={"verify_exp": False})
    return claims


app = door.make_app(verify=verify)
