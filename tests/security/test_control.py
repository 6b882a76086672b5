"""The attacks win where nothing holds them: else their defeat in the sandbox would show nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.security import suite

HARMLESS = [
    *("tcp", "unix_path", "unix_abstract", "unix_datagram", "netlink", "every_family"),
    *("shadow", "host_dirs", "host_names", "other_dataset", "write_data", "proc"),
    *("memfd", "shared_dontneed", "locks", "host_information", "sysinfo", "limits_of_others"),
    *("pidfd", "escape_dot_dot", "counters", "in_flight", "page_faults", "page_out"),
    *("zero_shared", "other_files", "terminals"),
]
"""Those that hurt nobody, and that an ordinary machine lets anybody do."""
WORLD = """
import json, sys, types
sys.path.insert(0, sys.argv[1])
world = types.ModuleType("carrel_job")
world.parameters = json.loads(sys.argv[2])
world.data = sys.argv[3]
sys.modules["carrel_job"] = world
exec(compile(open(sys.argv[1] + "/" + sys.argv[4] + ".py").read(), sys.argv[4], "exec"))
"""


@pytest.mark.parametrize("name", HARMLESS)
def test_an_attack_wins_without_a_sandbox(name: str, tmp_path: Path) -> None:
    with suite.world() as outside:
        parameters = suite.json.dumps({**outside.parameters, "namespaces": True})
        arguments = [str(suite.ATTACKS), parameters, str(outside.data), name]
        done = subprocess.run(
            [sys.executable, "-B", "-c", WORLD, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
    assert "GOT" in done.stdout, done
