"""Each request ends: in time, whatever it waits for, and a mistake of ours with the id to report.

Gunicorn's timeout does not do the first: with an asynchronous worker it only watches the heartbeat of the process.
A mistake becomes a 500 here, inside the layers that log, count and add headers, so that they see it as any other
answer; one line has the traceback.
"""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_api.problems import RETRY_AFTER, problem

log = logging.getLogger(__name__)


class RequestEnd:
    def __init__(self, app: ASGIApp, deadline_s: float) -> None:
        self.app = app
        self.deadline_s = deadline_s

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
            async with asyncio.timeout(self.deadline_s) as limit:
                await self.app(scope, receive, send_and_note)
        except Exception as error:
            late = isinstance(error, TimeoutError) and limit.expired()
            if late:
                answer = problem(504, "The request took too long.", RETRY_AFTER)
            else:
                log.exception("Unhandled %s in %s %s.", type(error).__name__, scope["method"], scope["path"])
                answer = problem(500, "Internal error.")
            if begun:
                raise  # the server cuts the connection: an answer that ends early must not look whole
            await answer(scope, receive, send)
