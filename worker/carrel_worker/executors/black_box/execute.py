"""A black box, from what was approved to what is released."""

from collections.abc import Callable

from carrel_protocol.black_box import BlackBoxAnswer, BlackBoxContent
from carrel_worker.executors.black_box.schedule import Schedule
from carrel_worker.executors.black_box.values import counted, default
from carrel_worker.mechanisms.distributions import half_width
from carrel_worker.mechanisms.noise import add_noise, check_noise
from carrel_worker.sandbox import Outcome

RunBlock = Callable[[int], Outcome]
_LARGEST_NUMBER = 2**53


def check(content: BlackBoxContent) -> None:
    """Raise `NoiseTooSmall` unless each coordinate's noise gives what it was priced at.

    The sensitivities are worked out again here, before anything is read.
    """
    for primitive, noise, claimed in zip(
        content.output.primitives(), content.noise, content.claimed, strict=True
    ):
        check_noise(primitive, noise, claimed)


def exact_sums(content: BlackBoxContent, run_block: RunBlock, schedule: Schedule) -> list[int]:
    """The sum over blocks of each coordinate, in steps of the grid: before noise, and private.

    Each block's run begins with a slot, and the last slot has ended on return. Whatever goes wrong
    with a block, the sandbox's own trouble too, it counts as every other failure does, so that no
    block's run decides whether there is an answer.
    """
    output = content.output
    sums = [0] * output.length
    for number in range(content.blocks):
        schedule.begin()
        try:
            points = counted(run_block(number), output)
        except Exception:  # noqa: BLE001 (see above)
            points = default(output)
        for place, point in enumerate(points):
            sums[place] += point
    schedule.end()
    return sums


def release(content: BlackBoxContent, sums: list[int]) -> BlackBoxAnswer:
    """Add each coordinate's noise to its sum, and say what that is as a mean."""
    check(content)
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
