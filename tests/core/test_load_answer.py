import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.answer import Answer, NotHttp
from harness.load.profile import Profile, Segment
from harness.load.request import WireRequest, contains
from harness.model.request import RequestLine
from harness.model.rows import NO_PID, Flag

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Pid: 77\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
HEAD_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n" + PLAIN


@given(st.sampled_from([PLAIN, CHUNKED, INTERIM]), st.lists(st.integers(1, 120)))
def test_an_answer_is_the_same_however_it_is_cut(wire: bytes, cuts: list[int]) -> None:
    answer = Answer(keep_body=True, pid_header=b"x-pid")
    borders = [0, *sorted(cut for cut in set(cuts) if cut < len(wire)), len(wire)]
    for start, end in itertools.pairwise(borders):
        assert not answer.complete
        answer.feed(wire[start:end])
    assert (answer.status, bytes(answer.body), answer.size) == (200, b"hello", len(wire))
    assert answer.complete
    assert answer.reusable
    assert answer.pid == (NO_PID if wire == CHUNKED else 77)


@given(st.sampled_from([PLAIN, CHUNKED, INTERIM]), st.data())
def test_an_answer_that_breaks_off_is_never_complete(wire: bytes, data: st.DataObject) -> None:
    answer = Answer()
    answer.feed(wire[: data.draw(st.integers(1, len(wire) - 1))])
    assert not answer.end()


@given(st.lists(st.sampled_from([PLAIN, CHUNKED, INTERIM, b"HEAD"]), min_size=2, max_size=6))
def test_the_answers_of_a_connection_are_read_one_after_the_other(wires: list[bytes]) -> None:
    answer = Answer(pid_header=b"x-pid")
    for number, wire in enumerate(wires):
        is_head, keep_body = wire == b"HEAD", number % 2 == 0
        if number:
            answer.begin(is_head=is_head, keep_body=keep_body)
        else:
            answer = Answer(is_head=is_head, keep_body=keep_body, pid_header=b"x-pid")
        told = HEAD_ANSWER if is_head else wire
        answer.feed(told)
        assert (answer.complete, answer.reusable, answer.size) == (True, True, len(told))
        assert bytes(answer.body) == (b"hello" if keep_body and not is_head else b"")
        assert answer.flags == (Flag.INTERIM if wire == INTERIM else 0)
        assert answer.pid == (77 if wire in (PLAIN, INTERIM) else NO_PID)
    answer.begin()
    answer.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert answer.end(), "nothing of the one before is left"


def test_a_body_may_end_with_the_connection() -> None:
    answer = Answer()
    answer.feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not answer.complete
    assert answer.end()
    assert answer.flags == Flag.CLOSE_DELIMITED
    assert not answer.reusable


def test_a_head_answer_has_no_body() -> None:
    answer = Answer(is_head=True)
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    assert answer.complete
    assert answer.reusable


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 OK\r\n", b"noise", PLAIN])
def test_bytes_that_nobody_asked_for_end_the_use_of_a_connection(more: bytes) -> None:
    answer = Answer(keep_body=True)
    answer.feed(PLAIN + more)
    assert answer.complete
    assert bytes(answer.body) == b"hello"
    assert answer.flags == Flag.UNSOLICITED
    assert not answer.reusable


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nConnection: close", b"HTTP/1.0 200 OK"])
def test_a_server_may_end_the_use_of_a_connection(head: bytes) -> None:
    answer = Answer()
    answer.feed(head + b"\r\nContent-Length: 0\r\n\r\n")
    assert answer.complete
    assert not answer.reusable


@pytest.mark.parametrize(
    "wire",
    [
        b"good morning\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_no_answer_is_told(wire: bytes) -> None:
    with pytest.raises(NotHttp):
        Answer().feed(wire)


def request_of(**raw: object) -> WireRequest:
    line = RequestLine.from_dict({"path": "/items", **raw})
    return WireRequest.of(line, Profile("localhost", 8000, (Segment.steady(1, 1),), (line,)))


def test_a_request_carries_its_key_and_the_length_of_its_body() -> None:
    request = request_of(method="POST", path="/items?k={key}", headers={"X-Id": "{key}"}, json={"name": "{key}ä"})
    head, _, body = request.encode("t-123").partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /items?k=t-123 HTTP/1.1",
        b"Host: localhost:8000",
        b"X-Id: t-123",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    ]
    assert b"t-123" in body


def test_a_post_without_a_body_says_that_it_is_empty() -> None:
    assert b"Content-Length: 0\r\n" in request_of(method="POST").encode("k")
    assert b"Content-Length" not in request_of().encode("k")


def test_an_answer_must_contain_what_is_expected() -> None:
    request = request_of(method="POST", json={"name": "{key}"}, expect_json={"name": "{key}"})
    assert request.accepts_body(b'{"name": "t-1", "id": 3}', "t-1")
    assert not request.accepts_body(b'{"name": "t-2"}', "t-1")
    assert not request.accepts_body(b"<html>", "t-1")
    assert request_of().accepts_body(b"<html>", "t-1")


@pytest.mark.parametrize(
    ("answer", "wanted", "yes"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True),
        ([1, 2], [1], False),
        ([{"a": 1, "b": 2}], [{"a": 1}], True),
        ({"a": None}, {"a": None}, True),
        ({}, {"a": None}, False),
        (True, 1, False),
        (1.0, 1, True),
        ("1", 1, False),
        ([], {}, False),
    ],
)
def test_contains(answer: object, wanted: object, yes: bool) -> None:
    assert contains(answer, wanted) is yes
