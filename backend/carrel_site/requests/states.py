"""The state machines of requests, runs and outputs, as data.

Each state has an owner, whose move is next; each transition has an actor, who may make it. The
diagram in the documentation is drawn from these tables (`python -m carrel_site.requests.states`).
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from carrel_protocol.api.requests import OutputState, RequestState, RunState
from carrel_protocol.errors import ErrorCode
from carrel_site.core.errors import SiteError


class Mover(StrEnum):
    """Whose move it is."""

    RESEARCHER = "researcher"
    REVIEWER = "reviewer"
    SITE = "site"
    NOBODY = "nobody"


class InvalidTransition(SiteError):
    status, code, title = 409, ErrorCode.INVALID_TRANSITION, "Not possible in this state"


_R, _V, _S = RequestState, RunState, OutputState

REQUEST: Mapping[RequestState, Mapping[RequestState, Mover]] = {
    _R.SUBMITTED: {
        _R.APPROVED: Mover.REVIEWER,
        _R.CHANGES_REQUESTED: Mover.REVIEWER,
        _R.REJECTED: Mover.REVIEWER,
        _R.WITHDRAWN: Mover.RESEARCHER,
        _R.EXPIRED: Mover.SITE,
    },
    _R.CHANGES_REQUESTED: {
        _R.SUBMITTED: Mover.RESEARCHER,
        _R.WITHDRAWN: Mover.RESEARCHER,
    },
    _R.APPROVED: {
        _R.QUEUED: Mover.SITE,
        _R.OVER_BUDGET: Mover.SITE,
    },
    _R.OVER_BUDGET: {
        _R.QUEUED: Mover.RESEARCHER,
        _R.WITHDRAWN: Mover.RESEARCHER,
        _R.EXPIRED: Mover.SITE,
    },
    _R.QUEUED: {},
    _R.REJECTED: {},
    _R.WITHDRAWN: {},
    _R.EXPIRED: {},
}

RUN: Mapping[RunState, Mapping[RunState, Mover]] = {
    _V.QUEUED: {
        _V.CLAIMED: Mover.SITE,
        _V.FAILED: Mover.SITE,
        _V.CANCELLED: Mover.RESEARCHER,
        _V.EXPIRED: Mover.SITE,
    },
    _V.CLAIMED: {
        _V.RUNNING: Mover.SITE,
        _V.SUCCEEDED: Mover.SITE,
        _V.FAILED: Mover.SITE,
        _V.QUEUED: Mover.SITE,
        _V.CANCELLED: Mover.RESEARCHER,
    },
    _V.RUNNING: {
        _V.SUCCEEDED: Mover.SITE,
        _V.FAILED: Mover.SITE,
        _V.QUEUED: Mover.SITE,
        _V.CANCELLED: Mover.RESEARCHER,
    },
    # Until its public deadline a run that has ended looks like one that runs, so cancelling it
    # must look the same too: the output is withheld, unread.
    _V.SUCCEEDED: {_V.CANCELLED: Mover.RESEARCHER},
    _V.FAILED: {_V.CANCELLED: Mover.RESEARCHER},
    _V.CANCELLED: {},
    _V.EXPIRED: {},
}

OUTPUT: Mapping[OutputState, Mapping[OutputState, Mover]] = {
    _S.HELD: {_S.RELEASED: Mover.REVIEWER, _S.WITHHELD: Mover.REVIEWER},
    _S.RELEASED: {_S.WITHHELD: Mover.RESEARCHER},
    _S.WITHHELD: {},
}

OWNER: Mapping[RequestState | RunState | OutputState, Mover] = {
    _R.SUBMITTED: Mover.REVIEWER,
    _R.CHANGES_REQUESTED: Mover.RESEARCHER,
    _R.APPROVED: Mover.SITE,
    _R.OVER_BUDGET: Mover.RESEARCHER,
    _R.QUEUED: Mover.SITE,
    _R.REJECTED: Mover.NOBODY,
    _R.WITHDRAWN: Mover.NOBODY,
    _R.EXPIRED: Mover.NOBODY,
    _V.QUEUED: Mover.SITE,
    _V.CLAIMED: Mover.SITE,
    _V.RUNNING: Mover.SITE,
    _V.SUCCEEDED: Mover.NOBODY,
    _V.FAILED: Mover.NOBODY,
    _V.CANCELLED: Mover.NOBODY,
    _V.EXPIRED: Mover.NOBODY,
    _S.HELD: Mover.REVIEWER,
    _S.RELEASED: Mover.NOBODY,
    _S.WITHHELD: Mover.NOBODY,
}

_UNTIL_PUBLIC = (
    "A run that succeeded or failed can still be cancelled until its public deadline: until then "
    "nobody but the owner can tell that it has ended."
)

State = TypeVar("State", RequestState, RunState, OutputState)


def step(
    machine: Mapping[State, Mapping[State, Mover]], current: str, target: State, what: str
) -> str:
    """The state after moving from `current` to `target`; raises `InvalidTransition`."""
    state = type(target)(current)
    if target not in machine[state]:
        raise InvalidTransition(f"This {what} is {state.value}; it cannot become {target.value}.")
    return target.value


def diagram() -> str:
    """The three machines as a Mermaid document."""
    parts = ["# States", "", "Drawn from `carrel_site.requests.states`; do not edit by hand."]
    for title, machine in (("Request", REQUEST), ("Run", RUN), ("Output", OUTPUT)):
        parts += ["", f"## {title}", "", "```mermaid", "stateDiagram-v2"]
        parts.append(f"    [*] --> {next(iter(machine)).value}")
        for state, targets in machine.items():
            parts += [f"    {state.value} --> {t.value}: {m.value}" for t, m in targets.items()]
            if not targets:
                parts.append(f"    {state.value} --> [*]")
        parts += ["```", "", "| state | whose move |", "| --- | --- |"]
        parts += [f"| `{state.value}` | {OWNER[state].value} |" for state in machine]
    parts += ["", _UNTIL_PUBLIC, ""]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(diagram())
