"""What is told of a path that did not answer well until the end of the boot."""

import pytest

from harness.booting import last_word
from harness.model.observation import ProbeOutcome
from harness.probes.http import Answer


@pytest.mark.parametrize(
    ("outcome", "status", "says"),
    [
        ("answered", 503, "asked once more, it answered 503"),
        ("answered", 404, "asked once more, it answered 404: there is no such path, and target.ready is to name one"),
        ("timeout", -1, "asked once more, it was “timeout”"),
    ],
)
def test_the_last_word_of_a_path_is_told(outcome: ProbeOutcome, status: int, says: str) -> None:
    assert last_word(Answer(outcome, status, 0, 1), "ready") == says
