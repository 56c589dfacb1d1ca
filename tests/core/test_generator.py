import pytest

from harness.errors import UsageError
from harness.load.generator import OURS_ALONE, Generator, read_bind


def test_a_run_that_says_nothing_is_open_to_nobody() -> None:
    words = OURS_ALONE.command()
    assert words[words.index("--bind") + 1] == "127.0.0.1"
    assert not {"--port", "--web"} & set(words)


def test_what_a_run_opens_is_what_it_was_asked_for() -> None:
    words = Generator(3, "192.0.2.7", 5557, 8089).command()
    told = dict(zip(words[-8::2], words[-7::2], strict=True))
    assert told == {"--workers": "3", "--bind": "192.0.2.7", "--port": "5557", "--web": "8089"}


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "host", "::1", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000", "", ":5557"]
)
def test_what_others_cannot_connect_to_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--bind"):
        read_bind(text)
