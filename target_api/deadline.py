"""No request is open for longer than the deadline, whatever it waits for.

Gunicorn's timeout does not do this: with an asynchronous worker it only watches the heartbeat of the process.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from target_api.problems import RETRY_AFTER, problem


class RequestDeadline:
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
        except TimeoutError:
            if begun or not limit.expired():
                raise
            await problem(504, "The request took too long.", RETRY_AFTER)(scope, receive, send)
