"""A prepared program, run in the sandbox, and what it returned taken in as data."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from carrel_protocol.outputs import Ending, RunReport
from carrel_worker.executors.code.errors import BadResult, TooLarge
from carrel_worker.executors.code.prepare import Prepared
from carrel_worker.executors.code.reader import SandboxReader
from carrel_worker.executors.code.results import Reader, Result, parse
from carrel_worker.sandbox import Sandbox
from carrel_worker.sandbox.program import Outcome

_MESSAGE = 2000


@dataclass(frozen=True)
class Ran:
    report: RunReport
    results: tuple[Result, ...] = ()


def run(
    sandbox: Sandbox, prepared: Prepared, cancelled: Callable[[], bool], *, gpu: bool = False
) -> Ran:
    """Run it. However the code ends, that is no error here; only the sandbox's own failures are
    raised. `gpu`: with the GPU that the sandbox was granted, which code that nobody read is never
    given."""
    program = replace(prepared.program, gpu=gpu)
    outcome = sandbox.run(program, prepared.mounts, cancelled=cancelled)
    reader = SandboxReader(sandbox, prepared.decoders, cancelled)
    ending, message, results = _taken_in(outcome, prepared.program.limits.output_bytes, reader)
    report = RunReport(
        ending=ending,
        message=message[:_MESSAGE],
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        traceback=outcome.traceback,
        wall_ms=outcome.wall_ms,
        cpu_ms=outcome.cpu_ms,
        peak_bytes=outcome.peak_bytes,
        tier=outcome.tier,
    )
    return Ran(report, results)


def _taken_in(
    outcome: Outcome, output_bytes: int, reader: Reader
) -> tuple[Ending, str, tuple[Result, ...]]:
    if outcome.ending != "returned":
        return outcome.ending, outcome.message, ()
    try:
        results = parse(outcome.payload or b"", output_bytes=output_bytes, reader=reader)
    except TooLarge as error:
        return "output_size", str(error), ()
    except BadResult as error:
        return "output_form", str(error), ()
    return "returned", outcome.message, results
