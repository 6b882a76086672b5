"""Ending work in the main thread from another."""

import threading
import time

import pytest

from carrel_worker.interrupter import Interrupted, Interrupter


def test_work_in_the_block_ends() -> None:
    interrupter = Interrupter()
    threading.Timer(0.05, interrupter.interrupt).start()
    with pytest.raises(Interrupted), interrupter:
        time.sleep(60)


def test_a_late_interrupt_does_nothing() -> None:
    interrupter = Interrupter()
    with interrupter:
        pass
    interrupter.interrupt()
    time.sleep(0.05)
