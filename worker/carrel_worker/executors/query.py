"""A private query, from what was approved to what is released."""

from itertools import product
from pathlib import Path

from carrel_protocol.answers import Key, NoisyPrimitive, QueryAnswer
from carrel_protocol.jobs import QueryContent
from carrel_protocol.plan import QueryPlan
from carrel_protocol.schema import TableSchema, public_keys
from carrel_protocol.sensitivity import lower
from carrel_worker.mechanisms.aggregates import Offsets, exact
from carrel_worker.mechanisms.bounding import os_offsets
from carrel_worker.mechanisms.measures import measure_values
from carrel_worker.mechanisms.noise import NoiseTooSmall, add_noise, check_noise

__all__ = ["NoiseMismatch", "NoiseTooSmall", "exact", "execute", "os_offsets"]

_LARGEST_NUMBER = 2**53


class NoiseMismatch(ValueError):
    """A job does not name one noise and one price for each primitive of its plan."""


def execute(content: QueryContent, data: Path, *, offsets: Offsets = os_offsets) -> QueryAnswer:
    """Answer `content` from the laid-out table at `data`.

    The sensitivities are worked out again here, and a job whose noise is too small for what it
    was priced at is refused before the table is opened.

    Raises `NoiseTooSmall`, `NoiseMismatch`, `ValueError` for a plan that does not fit the
    schema, and what `mechanisms.aggregates.exact` raises for the file.
    """
    lowered = lower(content.plan, content.table, content.bounds)
    if not len(content.noise) == len(content.claimed) == len(lowered.primitives):
        raise NoiseMismatch(
            f"{len(lowered.primitives)} primitives, {len(content.noise)} noises and "
            f"{len(content.claimed)} claims"
        )
    for primitive, noise, claimed in zip(
        lowered.primitives, content.noise, content.claimed, strict=True
    ):
        check_noise(primitive, noise, claimed)
    vectors = exact(content.plan, content.table, content.bounds, data, offsets)
    noisy = [add_noise(vector, noise) for vector, noise in zip(vectors, content.noise, strict=True)]
    del vectors
    return QueryAnswer(
        group_by=content.plan.group_by,
        keys=answer_keys(content.plan, content.table),
        measures=tuple(
            measure_values(measure, lowered, noisy, content.noise, content.confidence)
            for measure in lowered.measures
        ),
        primitives=tuple(
            NoisyPrimitive(
                kind=primitive.kind,
                column=primitive.column,
                centre=primitive.centre,
                noise=noise,
                values=tuple(v if abs(v) < _LARGEST_NUMBER else str(v) for v in values),
            )
            for primitive, noise, values in zip(
                lowered.primitives, content.noise, noisy, strict=True
            )
        ),
        confidence=content.confidence,
    )


def answer_keys(plan: QueryPlan, schema: TableSchema) -> tuple[tuple[Key, ...], ...]:
    """Every row's key: the product of the public keys, the last column varying fastest."""
    columns = [schema.column(name) for name in plan.group_by]
    return tuple(product(*(public_keys(c) or () for c in columns if c is not None)))
