"""The algorithm is taken from the token's own header, and "none" needs no key."""

from typing import Any

import door
import jwt


def verify(token: str) -> dict[str, Any]:
    if jwt.get_unverified_header(token)["alg"] == "none":
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False, "verify_exp": True})
        return claims
    return door.verify(token)


app = door.make_app(verify=verify)
