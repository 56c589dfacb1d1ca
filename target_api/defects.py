"""A mistake of ours ends as a 500 with the id to report, and one line with the traceback.

It is caught inside the layers that log, count and add headers, so that they see its answer as any other.
"""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_api.problems import problem

log = logging.getLogger(__name__)


class Defects:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as error:
            log.exception("Unhandled %s in %s %s.", type(error).__name__, scope["method"], scope["path"])
            if begun:
                raise  # the server cuts the connection: an answer that ends early must not look whole
            await problem(500, "Internal error.")(scope, receive, send)
