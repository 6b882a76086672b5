"""What is kept of what code prints."""

import os
import threading

import pytest

from carrel_worker.sandbox.logs import CappedPipe, clean


def test_all_is_read_kept_up_to_the_limit_and_said_to_be_cut() -> None:
    pipe = CappedPipe(1000)
    writer = os.dup(pipe.writer)
    pipe.hand_over()
    for _ in range(100):
        os.write(writer, b"x" * 4096)
    os.close(writer)
    assert pipe.text() == "x" * 1000 + "\n[cut off here]"


def test_an_end_that_stays_open_keeps_nobody_waiting() -> None:
    before, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    pipe = CappedPipe(1000)
    kept = os.dup(pipe.writer)
    os.write(kept, b"said")
    assert pipe.text() == "said"
    with pytest.raises(BrokenPipeError):
        os.write(kept, b"said too late")
    os.close(kept)
    pipe.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert threading.active_count() == threads


@pytest.mark.timeout(60)
def test_who_goes_on_writing_is_not_read_for_ever() -> None:
    pipe = CappedPipe(1000)
    kept = os.dup(pipe.writer)
    os.write(kept, b"x" * 1000)

    def flood() -> None:
        while True:
            try:
                os.write(kept, b"x" * 65536)
            except BrokenPipeError:
                return

    thread = threading.Thread(target=flood)
    thread.start()
    assert pipe.text().startswith("x" * 1000)
    thread.join()
    os.close(kept)


@pytest.mark.parametrize(
    "text",
    ["\u202e", "\u2066", "\u200b", "\u2028", "\x1b", "\r", "\x00", "\ud800", "\x85", "\ufeff"],
)
def test_what_is_not_seen_is_shown_to_be_there(text: str) -> None:
    assert clean(f"a{text}b\n\tc") in ("a\ufffdb\n\tc", "a?b\n\tc")
