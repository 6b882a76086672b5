"""The state machines: every state has an owner, every state can be reached and left."""

from pathlib import Path

import pytest

from carrel_protocol.api.requests import OutputState, RequestState, RunState
from carrel_site.requests import states
from carrel_site.requests.states import Mover

MACHINES = {
    "request": (RequestState, states.REQUEST, RequestState.SUBMITTED),
    "run": (RunState, states.RUN, RunState.QUEUED),
    "output": (OutputState, states.OUTPUT, OutputState.HELD),
}
DIAGRAM = Path(__file__).parents[3] / "docs" / "reference" / "states.md"


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_has_an_owner_and_transitions(name: str) -> None:
    kind, machine, _ = MACHINES[name]
    assert set(machine) == set(kind)
    for state in kind:
        assert isinstance(states.OWNER[state], Mover)


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_can_be_reached(name: str) -> None:
    kind, machine, first = MACHINES[name]
    reached, ahead = {first}, [first]
    while ahead:
        new = set(machine[ahead.pop()]) - reached
        reached |= new
        ahead.extend(new)
    assert reached == set(kind)


@pytest.mark.parametrize("name", MACHINES)
def test_only_states_that_wait_for_nobody_are_final(name: str) -> None:
    kind, machine, _ = MACHINES[name]
    for state in kind:
        if states.OWNER[state] in (Mover.RESEARCHER, Mover.REVIEWER):
            assert any(mover is states.OWNER[state] for mover in machine[state].values())


@pytest.mark.parametrize("name", MACHINES)
def test_exactly_the_listed_transitions_are_allowed(name: str) -> None:
    kind, machine, _ = MACHINES[name]
    for state in kind:
        for target in kind:
            if target in machine[state]:
                assert states.step(machine, state.value, target, name) == target.value
            else:
                with pytest.raises(states.InvalidTransition):
                    states.step(machine, state.value, target, name)


def test_nothing_leaves_a_decided_request() -> None:
    for state in (RequestState.REJECTED, RequestState.WITHDRAWN, RequestState.EXPIRED):
        assert not states.REQUEST[state]


def test_a_lost_lease_and_nothing_else_requeues() -> None:
    back = {s for s, targets in states.RUN.items() if RunState.QUEUED in targets}
    assert back == {RunState.CLAIMED, RunState.RUNNING}


def test_the_diagram_is_the_table() -> None:
    assert DIAGRAM.read_text() == states.diagram(), (
        "run: python -m carrel_site.requests.states > docs/reference/states.md"
    )
