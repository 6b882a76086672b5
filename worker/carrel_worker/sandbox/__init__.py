"""Runs people's code: `Sandbox.run`. What holds it is found out at start, and recorded."""

from carrel_worker.sandbox.errors import (
    BadMount,
    DataMoved,
    DataUnreadable,
    SandboxError,
    StartFailed,
    TierTooLow,
    UnknownMachine,
)
from carrel_worker.sandbox.gpu import GpuUnavailable
from carrel_worker.sandbox.probe import Probe, Tier
from carrel_worker.sandbox.program import EnvironmentDir, Mount, Outcome, Program
from carrel_worker.sandbox.supervise import Sandbox
from carrel_worker.sandbox.supervise import found as probe

__all__ = [
    "BadMount",
    "DataMoved",
    "DataUnreadable",
    "EnvironmentDir",
    "GpuUnavailable",
    "Mount",
    "Outcome",
    "Probe",
    "Program",
    "Sandbox",
    "SandboxError",
    "StartFailed",
    "Tier",
    "TierTooLow",
    "UnknownMachine",
    "probe",
]
