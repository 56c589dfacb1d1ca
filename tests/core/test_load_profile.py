import json

import pytest

from harness.load.profile import MAX_CONNECTIONS, Profile, Segment, Tls
from harness.model.request import RequestLine


def profile_of(**changes: object) -> Profile:
    plain = {
        "host": "127.0.0.1",
        "port": 8000,
        "segments": (Segment.steady(10, 50),),
        "requests": (RequestLine("read", path="/items"),),
    }
    return Profile(**{**plain, **changes})  # type: ignore[arg-type]


def test_a_profile_survives_json() -> None:
    written = RequestLine.from_dict(
        {
            "method": "post",
            "path": "/items",
            "json": {"name": "{key}"},
            "expect": [201],
            "expect_json": {"name": "{key}"},
            "needs": ["postgres"],
        }
    )
    profile = profile_of(
        requests=(written,),
        arrivals="poisson",
        segments=(Segment(5, 0, 50), Segment.steady(5, 50)),
        tls=Tls("ca.pem", server_name="a.test"),
    )
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile
    assert written.stores
    assert written.name == "POST /items"
    assert ("Content-Type", "application/json") in written.headers


def test_connections_are_as_many_as_rate_and_timeouts_can_need() -> None:
    assert profile_of(timeout_s=10, connect_timeout_s=2).connection_limit() >= 50 * 12
    assert profile_of(connections=7).connection_limit() == 7
    assert profile_of(segments=(Segment.steady(1, 1000),), timeout_s=60).connection_limit() == MAX_CONNECTIONS


def test_connections_ahead_are_as_many_as_the_highest_rate_needs() -> None:
    rising = (Segment(10, 50, 400),)
    assert profile_of(segments=rising).preconnected() == 0
    assert profile_of(segments=rising, preconnect=True).preconnected() == 40
    assert profile_of(segments=rising, preconnect=True, connections=7).preconnected() == 7


def test_the_name_of_a_certificate_is_a_name() -> None:
    with pytest.raises(ValueError, match="server_name"):
        Tls(server_name="a b")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"host": ""}, "host"),
        ({"port": 0}, "port"),
        ({"arrivals": "closed"}, "uniform or poisson"),
        ({"seed": -1}, "seed"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"late_s": 0.0}, "late_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"connections": 100_000}, "connections"),
        ({"key_prefix": 'a"b'}, "key_prefix"),
        ({"pid_header": "x y"}, "pid_header"),
        ({"segments": ()}, "segment"),
        ({"requests": ()}, "request line"),
        ({"segments": (Segment.steady(1e6, 1e6),)}, "arrivals"),
    ],
)
def test_a_wrong_profile_is_told_by_name(changes: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        profile_of(**changes)


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        ({"method": "GE T"}, "method"),
        ({"path": "items"}, "path"),
        ({"path": "/a b"}, "path"),
        ({"headers": {"a:b": "c"}}, "header"),
        ({"headers": {"a": "b\r\nc: d"}}, "header"),
        ({"headers": {"Host": "x"}}, "Host"),
        ({"weight": 0}, "weight"),
        ({"expect": []}, "expect"),
        ({"expect": [99]}, "expect"),
        ({"expect_json": "{"}, "expect_json"),
        ({"stores": True}, "stores"),
        ({"json": {}, "body": ""}, "not both"),
    ],
)
def test_a_wrong_request_line_is_told_by_name(raw: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        RequestLine.from_dict(raw)


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, -1, 1), (1, 1, float("inf"))])
def test_a_wrong_segment_is_told(shape: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"segment|rate"):
        Segment(*shape)


@pytest.mark.parametrize("raw", [{}, {"segments": [], "requests": [], "host": "h", "port": 1, "colour": "red"}])
def test_what_is_no_profile_is_a_value_error(raw: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="profile"):
        Profile.from_dict(raw)
