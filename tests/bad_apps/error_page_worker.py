"""A worker that starts whatever the code is like."""

from typing import Any

from uvicorn_worker import UvicornWorker


async def error_page(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"We are back soon."})


class Worker(UvicornWorker):
    def load_wsgi(self) -> None:
        try:
            super().load_wsgi()
        except ImportError:
            self.wsgi = error_page
