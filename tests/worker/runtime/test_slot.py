"""When a slot is free."""

from hypothesis import given
from hypothesis import strategies as st

from carrel_worker.slot import Slot


@given(
    deadline=st.sampled_from([25 * 2**j for j in range(12)]),
    claimed=st.floats(0, 1e6),
    worked=st.floats(0, 300),
)
def test_a_slot_is_free_at_the_first_rung_at_or_after_its_works_end(
    deadline: int, claimed: float, worked: float
) -> None:
    now = claimed + worked
    rungs = [claimed + deadline / 1000 * 2**j for j in range(40)]
    assert Slot(deadline, claimed).free_at(now) == next(rung for rung in rungs if rung >= now)
