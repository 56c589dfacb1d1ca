"""What a browser may do with an answer: nothing but read it, from the origins that were named.

The pages below /docs are the exception: they bring a script from a CDN, and are there only when DOCS is set.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCS = "/docs"
CDN = "https://cdn.jsdelivr.net"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
DOCS_PAGE = (
    f"{NOTHING}; script-src 'unsafe-inline' {CDN}; style-src 'unsafe-inline' {CDN};"
    " img-src data: https://fastapi.tiangolo.com; connect-src 'self'"
)
CORS_METHODS = ("GET", "POST", "DELETE")
CORS_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID")
CORS_EXPOSED = ("Retry-After", "X-Request-ID")


def raw(policy: str) -> list[tuple[bytes, bytes]]:
    headers = HEADERS | {"Content-Security-Policy": policy}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.api, self.docs = raw(NOTHING), raw(DOCS_PAGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added = self.docs if scope["path"] == DOCS else self.api

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)
