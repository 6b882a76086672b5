"""A black box, from what was approved to what is released."""

from collections.abc import Callable, Sequence

from carrel_protocol.black_box import BlackBoxAnswer, BlackBoxContent
from carrel_protocol.median import rank_half_width, rank_interval
from carrel_worker.executors.black_box.medians import scores
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.executors.black_box.values import counted, default
from carrel_worker.mechanisms.choice import check_choice, choose
from carrel_worker.mechanisms.distributions import half_width
from carrel_worker.mechanisms.noise import add_noise, check_noise
from carrel_worker.sandbox import Outcome

RunBlock = Callable[[int], Outcome]
_LARGEST_NUMBER = 2**53


def check(content: BlackBoxContent) -> None:
    """Raise `NoiseTooSmall` unless each coordinate's noise gives what it was priced at.

    The sensitivities are worked out again here, before anything is read.
    """
    priced = zip(content.noise, content.claimed, strict=True)
    if content.aggregate == "median":
        for choice, (noise, claimed) in zip(content.output.choices(), priced, strict=True):
            check_choice(choice, noise, claimed)
        return
    for primitive, (noise, claimed) in zip(content.output.primitives(), priced, strict=True):
        check_noise(primitive, noise, claimed)


def block_points(
    content: BlackBoxContent, run_block: RunBlock, schedule: Schedule
) -> list[list[int]]:
    """For each coordinate what every block counts as, in steps of the grid: private, all of it.

    Each block's run begins with a slot, and the last slot has ended on return. Whatever goes wrong
    with a block, the sandbox's own trouble too, it counts as every other failure does, so that no
    block's run decides whether there is an answer.
    """
    output = content.output
    found: list[list[int]] = [[] for _ in range(output.length)]
    for number in range(content.blocks):
        schedule.begin()
        try:
            points = counted(run_block(number), output)
        except Exception:  # noqa: BLE001 (see above)
            points = default(output)
        for place, point in enumerate(points):
            found[place].append(point)
    schedule.end()
    return found


def release(content: BlackBoxContent, points: Sequence[Sequence[int]]) -> BlackBoxAnswer:
    """What leaves of the blocks' points, a row for each coordinate."""
    check(content)
    if content.aggregate == "median":
        return _medians(content, points)
    return _means(content, [sum(row) for row in points])


def _means(content: BlackBoxContent, sums: list[int]) -> BlackBoxAnswer:
    """Each coordinate's sum with its noise, and what that is as a mean."""
    output, blocks = content.output, content.blocks
    noisy = [add_noise([total], noise)[0] for total, noise in zip(sums, content.noise, strict=True)]
    del sums
    widths = [half_width(noise, content.confidence) for noise in content.noise]

    def means(sign: int) -> tuple[float, ...]:
        return tuple(
            output.mean(place, noisy[place] + sign * widths[place], blocks)
            for place in range(output.length)
        )

    return BlackBoxAnswer(
        blocks=blocks,
        values=means(0),
        low=means(-1),
        high=means(1),
        confidence=content.confidence,
        noise=content.noise,
        released=tuple(v if abs(v) < _LARGEST_NUMBER else str(v) for v in noisy),
    )


def _medians(content: BlackBoxContent, points: Sequence[Sequence[int]]) -> BlackBoxAnswer:
    """A point of the grid for each coordinate, chosen privately as near to a median as it may be.

    Its interval counts ranks, and follows from the noise alone: where the blocks' values are, no
    interval may tell.
    """
    output, blocks = content.output, content.blocks
    chosen = tuple(
        choose(scores(row, output.steps), noise)
        for row, noise in zip(points, content.noise, strict=True)
    )
    return BlackBoxAnswer(
        aggregate="median",
        blocks=blocks,
        values=tuple(output.point(place, point) for place, point in enumerate(chosen)),
        ranks=tuple(
            rank_interval(
                rank_half_width(noise.scale, output.steps, blocks, content.confidence), blocks
            )
            for noise in content.noise
        ),
        confidence=content.confidence,
        noise=content.noise,
        released=chosen,
    )
