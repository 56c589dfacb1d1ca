"""The session of a driver of flows: that of any Locust driver, with the user's file in its `prepare`."""

from typing import Any

import locust

from harness.load.flows.driver_session import BadFile, Session
from harness.load.flows.locustfile import LocustfileError, load_users
from harness.load.flows.run import FlowRun
from harness.load.flows.self_test import self_test
from harness.load.gevent_wire import Wire
from harness.load.profile import Profile


def serve(output: int) -> int:
    wire = Wire(0, output)

    def make(command: dict[str, Any]) -> FlowRun:
        flow = command["flow"]
        try:
            classes = load_users(str(flow["locustfile"]))
        except LocustfileError as error:
            raise BadFile(str(error)) from error
        return FlowRun(
            Profile.from_dict(command["profile"]),
            str(command["rows_file"]),
            classes,
            lambda first, lines: wire.emit("lines", first=first, lines=lines),
            model="closed" if flow.get("model") == "closed" else "open",
            users=int(flow.get("users", 0)),
            events=locust.events,  # those that the file's listeners were added to
        )

    return Session(wire, make, self_test).run()
