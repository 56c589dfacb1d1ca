"""Values from a CSV file, a row for each arrival."""

import json
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.load.profile import Profile, Segment
from harness.load.values import Requests, Values, filled, places, uses_values
from harness.model.request import RequestLine
from harness.target import load_target

LINE = RequestLine.from_dict(
    {
        "method": "PUT",
        "path": "/users/{values.id}?q={values.name}",
        "headers": {"X-User": "{values.id}"},
        "json": {"name": "{values.name}", "key": "{key}"},
        "expect_json": {"name": "{values.name}"},
    }
)
TEXT = 'id,name\r\n7,"An ""odd"" one, é/"\r\n8,b\r\n'


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "users.csv"
    path.write_bytes(text.encode())
    return path


def test_rows_go_round(tmp_path: Path) -> None:
    values = Values(written(tmp_path))
    assert values.names == ("id", "name")
    assert [values.row(k)["id"] for k in range(5)] == ["7", "8", "7", "8", "7"]
    assert values.row(10**7)["name"] == 'An "odd" one, é/'
    assert (values.fits_header("id"), values.fits_header("name")) == (True, False)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_comes_out_of_its_place_as_it_went_in(value: str) -> None:
    line = filled(LINE, {"id": "7", "name": value})
    assert unquote(line.path) == f"/users/7?q={value}"
    assert json.loads(line.body) == {"name": value, "key": "{key}"}
    assert json.loads(line.expect_json) == {"name": value}
    assert ("X-User", "7") in line.headers
    assert line.name == LINE.name


def test_a_form_and_a_plain_body_have_their_own_ways() -> None:
    form = ("Content-Type", "application/x-www-form-urlencoded")
    line = RequestLine("form", "POST", body="name={values.name}", headers=(form,))
    assert filled(line, {"name": "a b&c"}).body == "name=a+b%26c"
    assert filled(RequestLine("plain", "POST", body="{values.name}"), {"name": "a b&c"}).body == "a b&c"


def test_only_lines_that_use_values_are_made_anew(tmp_path: Path) -> None:
    requests = (LINE, RequestLine("plain"))
    profile = Profile("h", 80, (Segment.steady(1, 5),), requests, values=str(written(tmp_path)))
    made = Requests(profile)
    assert made.of(0, 1) is made.of(1, 1)
    assert [made.of(k, 0).head.split("?")[0] for k in range(3)] == ["PUT /users/7", "PUT /users/8", "PUT /users/7"]
    assert b'"key": "k-1"' in made.of(1, 0).encode("k-1")
    assert (uses_values(LINE), uses_values(requests[1])) == (True, False)
    assert places("{values.a}{values.b}{key}") == ("a", "b")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names the columns|no rows"),
        ("id\n", "no rows"),
        ("id,id\n1,2\n", "each name once"),
        ("a b\n1\n", "letters, digits"),
        ("id,name\n1,2\n3\n", "line 3: 1 values for 2 columns"),
        ('id\n"1\n', "line 2: unexpected end of data"),
    ],
)
def test_a_wrong_file_is_told_by_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Values(written(tmp_path, text))


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(b"id\n\xff\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        Values(tmp_path / "users.csv")


TARGET = "[target]\napp = 'a:app'\n[load]\n"


def test_a_target_file_asks_with_the_first_row_and_loads_with_all(tmp_path: Path) -> None:
    written(tmp_path)
    lines = "values = 'users.csv'\n[[load.requests]]\npath = '/users/{values.id}'\n"
    (tmp_path / "shakedown.toml").write_text(TARGET + lines)
    load = load_target(tmp_path / "shakedown.toml", {}).load
    assert load.values == str(tmp_path / "users.csv")
    assert [line.path for line in load.requests] == ["/users/7"]
    assert [line.path for line in load.lines] == ["/users/{values.id}"]
    assert load.lines[0].name == load.requests[0].name == "GET /users/{values.id}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("values = 'no.csv'", ["load.values cannot be read", "no.csv"]),
        ("values = 'bad.csv'", ["load.values is refused", "line 2: 2 values for 1 columns"]),
        ("values = 'users.csv'\nlocustfile = 'x.py'", ["load.values is for requests", "one of the two"]),
        ("[[load.requests]]\npath = '/{values.id}'", ["load.requests[0] uses {values.", "with values"]),
        (
            "values = 'users.csv'\n[[load.requests]]\npath = '/{values.ids}'",
            ["load.requests[0] uses {values.ids}", "did you mean id?"],
        ),
        (
            "values = 'users.csv'\n[[load.requests]]\nheaders = { X-A = '{values.name}' }",
            ["load.requests[0].headers uses {values.name}", "printable ASCII"],
        ),
    ],
)
def test_wrong_values_are_told_with_their_key(tmp_path: Path, text: str, words: list[str]) -> None:
    written(tmp_path)
    (tmp_path / "bad.csv").write_text("id\nsecret,1\n")
    (tmp_path / "shakedown.toml").write_text(TARGET + text)
    with pytest.raises(UsageError) as caught:
        load_target(tmp_path / "shakedown.toml", {})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "secret" not in str(caught.value)
