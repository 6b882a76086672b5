"""Why code is not run. None of these is the code's fault: they are the machine's or the owner's."""

from pathlib import Path


class SandboxError(RuntimeError):
    """The sandbox did not hold the code, so the code was not run, or its result is not used."""


class TierTooLow(SandboxError):
    """This machine offers less than the owner demands."""

    def __init__(self, reached: str, demanded: str, why: dict[str, str]) -> None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in why.items())
        super().__init__(
            f"code is not run: this machine offers the tier '{reached}', and "
            f"CARREL_WORKER_SANDBOX_MINIMUM_TIER demands '{demanded}' ({reasons or 'no reason'})"
        )


class UnknownMachine(SandboxError):
    """There is no table of system calls for this processor."""

    def __init__(self, machine: str) -> None:
        super().__init__(f"no filter of system calls for '{machine}': x86_64 and aarch64 have one")


class DataUnreadable(SandboxError):
    """The user that code runs as may not read what it is to be given."""

    def __init__(self, name: str, uid: int, gid: int) -> None:
        super().__init__(
            f"'{name}' cannot be read by the user {uid}:{gid}, which code runs as when the worker "
            f"is root; make it readable to the group {gid} (drop.lend), or start the worker as "
            "the user that owns the data"
        )


class DataMoved(SandboxError):
    """What was mounted is not the file or directory that was opened."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' is another file than the one that was granted")


class StartFailed(SandboxError):
    """The sandbox did not come up."""

    def __init__(self, what: str) -> None:
        super().__init__(what.strip())


class BadMount(SandboxError):
    """A mount that the sandbox does not make."""

    def __init__(self, name: str | Path, reason: str) -> None:
        super().__init__(f"'{name}' is not mounted: {reason}")
