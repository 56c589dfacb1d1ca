"""What an error report is stripped of before it leaves."""

from typing import Any

from target_api.logs import request_id
from target_api.reporting import before_send

SECRET = "hunter2"


def test_an_event_is_scrubbed_at_every_depth() -> None:
    request_id.set("trip-3")
    event: Any = {
        "message": f"cannot use postgresql://app:{SECRET}@db/app",
        "request": {
            "url": f"http://a/items?token={SECRET}",
            "headers": {"X-Anything": SECRET},
            "cookies": SECRET,
            "data": {"name": SECRET},
            "query_string": f"q={SECRET}",
            "method": "GET",
        },
        "user": {"name": SECRET},
        "exception": {"values": [{"value": f"password={SECRET}", "stacktrace": {"frames": [{"vars": {"a": SECRET}}]}}]},
        "logentry": {"message": "%s", "params": (f"Bearer {SECRET}",)},
        "level": "error",
    }
    clean = before_send(event, {})
    assert SECRET not in repr(clean)
    assert (clean["level"], clean["request"]["method"]) == ("error", "GET")
    assert clean["tags"]["request_id"] == "trip-3"
