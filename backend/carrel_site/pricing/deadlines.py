"""When an answer becomes visible: a public clock, worked out from public facts.

An answer (or failure) shows at claim + D. D is the smallest rung 25·2^j ms at or above twice the
time that the query is predicted to need in 999 cases of 1000; what runs over waits for the next
doubling. So the time at which an answer appears tells no more than the question did, but for how
often a query overran: docs/security.md states that residue.
"""

from datetime import datetime, timedelta

from carrel_protocol import black_box
from carrel_protocol.binding import children
from carrel_protocol.black_box import BlackBoxProgram
from carrel_protocol.plan import QueryPlan
from carrel_protocol.sensitivity import Lowered

FIRST_RUNG_MS = 25
LAST_RUNG = 16

# The p99.9 model, in milliseconds: linear in public facts, with room over what a 2-core machine
# needs for synthetic tables of 10^3 to 5·10^6 rows (bench/query.py prints the times it predicts).
BASE_MS = 8.0
MS_PER_ROW = 0.15e-3
"""Reading, and bounding each unit's rows."""
MS_PER_ROW_AND_PRIMITIVE = 0.1e-3
MS_PER_ROW_AND_CONDITION = 0.02e-3
"""For each comparison, value list, sum or product in WHERE, on each row."""
MS_PER_ROW_AND_GROUP_COLUMN = 0.1e-3
MS_PER_VALUE = 0.07
"""One draw of exact discrete noise, with its interval: for each key of each primitive."""
CODE_MARGIN_MS = 1000.0
"""Starting a sandbox, and checking what it returned."""
MS_PER_CANDIDATE = 0.03
"""Of a median: drawing a candidate and keeping it or not. A few times what it takes."""
SPARE_SLOTS = 1
"""Of a black box: a block that could not start in time takes the next slot."""


def predicted_ms(rows: int, lowered: Lowered, plan: QueryPlan) -> float:
    """The time that 999 of 1000 executions stay below, from the declared rows and the plan."""
    primitives = len(lowered.primitives)
    per_row = (
        MS_PER_ROW
        + MS_PER_ROW_AND_PRIMITIVE * primitives
        + MS_PER_ROW_AND_CONDITION * _conditions(plan)
        + MS_PER_ROW_AND_GROUP_COLUMN * len(plan.group_by)
    )
    return BASE_MS + rows * per_row + MS_PER_VALUE * primitives * lowered.keys


def deadline_ms(rows: int, lowered: Lowered, plan: QueryPlan, *, extra_rungs: int = 0) -> int:
    """D: the smallest rung at or above twice the prediction, raised by `extra_rungs`.

    rows: the owner's declared, approximate number; never the real one.
    """
    rung = 0
    while FIRST_RUNG_MS << rung < 2 * predicted_ms(rows, lowered, plan) and rung < LAST_RUNG:
        rung += 1
    return FIRST_RUNG_MS << min(rung + extra_rungs, LAST_RUNG)


def code_deadline_ms(wall_seconds: float) -> int:
    """D of a run of code: the smallest rung at or above the longest it may take.

    What its worker does before and after comes on top; beyond a second it waits for the next rung.
    """
    rung = 0
    while FIRST_RUNG_MS << rung < 1000 * wall_seconds + CODE_MARGIN_MS:
        rung += 1
    return FIRST_RUNG_MS << rung


def black_box_deadline_ms(program: BlackBoxProgram, rows: int, *, extra_rungs: int = 0) -> int:
    """D of a black box: the smallest rung at or above the time before its slots and all of them.

    Its worker ends at the last slot's end whatever the function did, but for a busy machine:
    then a slot is let pass, and some are spare. Choosing a median takes longer or shorter as the
    blocks agree or not, which there is time for. rows: the declared, approximate number.
    """
    before = 1000 * black_box.lead_seconds(rows)
    slots = 1000 * program.slot_seconds() * (program.blocks + SPARE_SLOTS)
    rung = 0
    while FIRST_RUNG_MS << rung < before + slots + CODE_MARGIN_MS + _choosing_ms(program):
        rung += 1
    return FIRST_RUNG_MS << (rung + extra_rungs)


def _choosing_ms(program: BlackBoxProgram) -> float:
    """Time enough for choosing all medians, whatever the blocks returned.

    OpenDP draws candidates until it keeps one. How many it draws for a number is geometric, and on
    average at most as many as there are; for n numbers together more than 2n + 15 times as many
    are drawn with probability below 3e-7.
    """
    if program.aggregate == "mean":
        return 0.0
    return MS_PER_CANDIDATE * (program.output.steps + 1) * (2 * program.output.length + 15)


def visible_at(
    claimed_at: datetime, deadline_ms: int, finished_at: datetime, margin: timedelta
) -> datetime:
    """The first of claim + D, claim + 2D, claim + 4D, … that is no earlier than finish + margin."""
    wait = timedelta(milliseconds=deadline_ms)
    while claimed_at + wait < finished_at + margin:
        wait *= 2
    return claimed_at + wait


def _conditions(plan: QueryPlan) -> int:
    """How many operators WHERE applies to a row."""
    if plan.where is None:
        return 0
    count, pending = 0, [plan.where]
    while pending:
        node = pending.pop()
        below = children(node)
        count += bool(below)
        pending.extend(below)
    return count
