"""No request body is larger than the limit, whether it says its length or comes in chunks.

The proxy refuses it first; this holds where there is none, or another one.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_api.problems import problem

# The rest of the body is not wanted: without this the server would read it to its end.
CLOSE = {"Connection": "close"}


class BodyTooLarge(HTTPException):
    """Raised out of receive(); FastAPI hands an HTTPException on, where any other would become a 400."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413, f"The body of a request may have {max_bytes} bytes.", CLOSE)


class BodyLimit:
    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_bytes:
            too_large = BodyTooLarge(self.max_bytes)
            await problem(413, too_large.detail, CLOSE)(scope, receive, send)
            return
        got_bytes = 0

        async def counted() -> Message:
            nonlocal got_bytes
            message = await receive()
            got_bytes += len(message.get("body", b""))
            if got_bytes > self.max_bytes:
                raise BodyTooLarge(self.max_bytes)
            return message

        # A declared length is held by the server itself.
        await self.app(scope, receive if declared else counted, send)
