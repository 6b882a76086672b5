"""What programs are given, and how their ends are told."""

import os
import resource
import shutil
import threading
from pathlib import Path

import pytest

from carrel_worker.sandbox import BadMount, DataUnreadable, Mount, Sandbox, SandboxError, drop
from tests.worker.packages import here
from tests.worker.sandbox.programs import LIMITS, function, script, values

LOOP = "def work():\n    while True: pass\n"


def test_a_function_gets_its_parameters_and_returns_a_value(sandbox: Sandbox) -> None:
    outcome = sandbox.run(function("def work(a, b): return {'sum': a + b}", a=2, b=3))
    assert values(outcome) == {"result": {"sum": 5}}
    assert outcome.tier.startswith("bubblewrap+seccomp")
    assert outcome.peak_bytes > 0
    assert outcome.wall_ms > 0


def test_a_waiting_process_serves_whoever_may_open_few_files() -> None:
    # As most people may, by what their shells set.
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, before[0]), before[1]))
    try:
        with Sandbox(warm=1) as made:
            made.warm_up(here())
            outcome = made.run(function("def work(): return 1"))
    except SandboxError as error:
        pytest.skip(str(error))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert outcome.warm


def test_a_script_saves_values_and_imports_its_other_files(sandbox: Sandbox) -> None:
    text = (
        "import carrel_job, other\ncarrel_job.save('n', other.N)\ncarrel_job.save('m', [1, None])"
    )
    assert values(sandbox.run(script(text, other="N = 7"))) == {"n": 7, "m": [1, None]}


def test_a_file_may_have_the_name_of_a_module_of_pythons_own(sandbox: Sandbox) -> None:
    outcome = sandbox.run(script("print(__name__)", json="raise ValueError('shadowed')"))
    assert outcome.ending == "returned", outcome
    assert outcome.stdout == "__main__\n"


def test_packages_of_the_environment_can_be_imported_and_nothing_of_ours(sandbox: Sandbox) -> None:
    text = """
def work():
    import numpy, pandas
    try:
        import carrel_worker.settings
    except ImportError:
        return int(pandas.Series(numpy.arange(4)).sum())
"""
    assert values(sandbox.run(function(text))) == {"result": 6}


def test_data_is_mounted_by_name_a_directory_or_a_file_of_one(
    sandbox: Sandbox, stored: Path
) -> None:
    text = "def work(): return [open('/data/df/rows').read(), open('/data/x/one').read()]"
    mounts = [Mount(stored / "df", "df"), Mount(stored / "df" / "rows", "x/one")]
    assert values(sandbox.run(function(text), mounts)) == {"result": ["the rows", "the rows"]}


def test_data_can_be_given_as_what_is_open(sandbox: Sandbox, stored: Path) -> None:
    place = os.open(stored / "df", os.O_PATH)
    try:
        outcome = sandbox.run(
            function("def work(): return open('/data/df/rows').read()"), [Mount(place, "df")]
        )
    finally:
        os.close(place)
    assert values(outcome) == {"result": "the rows"}


@pytest.mark.parametrize("name", ["", "..", "../df", "a/b/c", "/df", ".hidden", "a/../b", "a//b"])
def test_a_mount_keeps_to_its_place(sandbox: Sandbox, stored: Path, name: str) -> None:
    with pytest.raises(BadMount):
        sandbox.run(function("def work(): return 1"), [Mount(stored / "df", name)])


def test_a_link_is_not_followed(sandbox: Sandbox, stored: Path) -> None:
    link = stored / "link"
    link.unlink(missing_ok=True)
    link.symlink_to("/etc")
    with pytest.raises(BadMount, match="link"):
        sandbox.run(function("def work(): return 1"), [Mount(link, "df")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only a worker that is root becomes another user")
def test_data_that_the_other_user_may_not_read_is_refused_until_it_is_lent(
    sandbox: Sandbox, stored: Path
) -> None:
    secret = stored / "closed"
    secret.write_text("the rows")
    secret.chmod(0o600)
    program = function("def work(): return open('/data/closed').read()")
    with pytest.raises(DataUnreadable, match=r"drop\.lend"):
        sandbox.run(program, [Mount(secret, "closed")])
    drop.lend(secret)
    assert secret.stat().st_mode & 0o777 == 0o640
    assert values(sandbox.run(program, [Mount(secret, "closed")])) == {"result": "the rows"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only a worker that is root becomes another user")
def test_data_below_a_closed_directory_is_reached_by_what_is_open(
    sandbox: Sandbox, stored: Path
) -> None:
    closed = stored / "inner"
    shutil.rmtree(closed, ignore_errors=True)
    shutil.copytree(stored / "df", closed / "df")
    closed.chmod(0o700)
    outcome = sandbox.run(
        function("def work(): return open('/data/df/rows').read()"), [Mount(closed / "df", "df")]
    )
    assert values(outcome) == {"result": "the rows"}


SIGNALS = """
import os
def work():
    for number in range(1, 65):
        try:
            os.kill(1, number)
        except OSError:
            continue
    return 1
"""


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        ("def work():\n    raise KeyError('x')", "raised", "KeyError: 'x'"),
        ("def work(): import sys; sys.exit(3)", "exited", "SystemExit: 3"),
        ("def work(): import os; os._exit(3)", "exited", "it ended at once, with status 3"),
        ("def work(): return {1, 2}", "output_form", None),
        ("def work(): return 'x' * 2_000_000", "output_size", None),
        ("def work(): return bytearray(4_000_000_000)", "memory", "MemoryError"),
        ("def other(): pass", "raised", "TypeError: work.py has no function 'work'"),
        ("def work(:", "raised", None),
        ("def work():\n    return work()", "raised", None),
        ("def work():\n    class E(Exception):\n        def __str__(self): raise E\n    raise E",
         "raised", "E: (its text cannot be had)"),
        ("import os, signal\ndef work(): os.kill(os.getpid(), signal.SIGKILL); return 1",
         "killed", "it ended at once, with signal 9"),
        (SIGNALS, "returned", ""),
        ("import ctypes\ndef work(): ctypes.string_at(0)", "killed",
         "it ended at once, with signal 11"),
    ],
)  # fmt: skip
def test_ends_are_told_apart(sandbox: Sandbox, text: str, ending: str, message: str | None) -> None:
    outcome = sandbox.run(function(text))
    assert outcome.ending == ending, outcome
    assert message is None or outcome.message == message
    assert (outcome.payload is not None) == (ending == "returned")


def test_a_traceback_shows_the_programs_own_lines_alone(sandbox: Sandbox) -> None:
    outcome = sandbox.run(function("def work():\n    return 1 / 0"))
    assert 'File "work.py", line 2, in work' in outcome.traceback
    assert "carrel_runner" not in outcome.traceback


def test_output_is_cut_at_its_limit_and_control_characters_are_not_shown(
    sandbox: Sandbox,
) -> None:
    text = "import sys\nprint('\\x1b[31mred')\nprint('e' * 9000, file=sys.stderr)"
    outcome = sandbox.run(script(text))
    assert "\x1b" not in outcome.stdout
    assert outcome.stdout.endswith("[31mred\n")
    assert outcome.stderr.endswith("[cut off here]")
    assert len(outcome.stderr) < LIMITS.log_bytes + 50


@pytest.mark.parametrize(
    ("limit", "text", "ending"),
    [
        ({"wall_seconds": 0.5}, "import time\ndef work(): time.sleep(1000)", "wall_time"),
        ({"cpu_seconds": 0.5}, LOOP, "cpu_time"),
    ],
)
def test_a_limit_ends_it(sandbox: Sandbox, limit: dict[str, float], text: str, ending: str) -> None:
    outcome = sandbox.run(function(text, LIMITS.model_copy(update=limit)))
    assert outcome.ending == ending
    assert outcome.payload is None


def test_cancelling_kills_the_whole_tree(sandbox: Sandbox) -> None:
    asked = threading.Event()
    threading.Timer(0.5, asked.set).start()
    text = "import os, time\ndef work():\n    os.fork() or os.setsid()\n    time.sleep(1000)"
    outcome = sandbox.run(function(text), cancelled=asked.is_set)
    assert (outcome.ending, outcome.message) == ("killed", "it was cancelled")


def test_what_asks_whether_it_is_cancelled_may_fail_and_nothing_is_left(sandbox: Sandbox) -> None:
    def ask() -> bool:
        raise ConnectionError("the site is away")

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConnectionError):
        sandbox.run(function(LOOP), cancelled=ask)
    sandbox.run(function("def work(): return 1"))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_one_run_leaves_nothing_for_the_next(sandbox: Sandbox) -> None:
    text = """
def work():
    import builtins, json, os
    found = [hasattr(builtins, 'planted'), os.path.exists('/tmp/planted'), 'planted' in os.environ,
             os.path.exists('/dev/shm/planted'), hasattr(json, 'planted')]
    builtins.planted = json.planted = 1
    os.environ['planted'] = '1'
    open('/tmp/planted', 'w').close()
    open('/dev/shm/planted', 'w').close()
    return found
"""
    for _ in range(2):
        assert values(sandbox.run(function(text))) == {"result": [False] * 5}


def test_runs_at_the_same_time_do_not_see_each_other(sandbox: Sandbox) -> None:
    text = """
def work():
    import os, time
    seen = []
    for pid in range(1, 400):
        try:
            os.kill(pid, 0)
        except OSError as error:
            if error.errno == 3:
                continue
        seen.append(pid)
    time.sleep(0.3)
    return [seen, os.getpid()]
"""
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(values(sandbox.run(function(text)))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"result": [[1, 2], 2]}] * 3  # and who waits for it


POOLS = """
import asyncio, concurrent.futures, multiprocessing, os, shutil, time
def work():
    own = multiprocessing.get_context("fork")
    with own.Pool(2) as pool:
        squares = pool.map(abs, range(-3, 3))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=own) as pool:
        more = list(pool.map(abs, range(-3, 3)))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        threads = list(pool.map(abs, range(-3, 3)))
    assert squares == more == threads
    open("one", "w").write("x")
    shutil.copy2("one", "two")
    refused = []
    for action in (own.Pipe, lambda: asyncio.new_event_loop()):
        try:
            action()
        except PermissionError as error:
            refused.append(error.errno)
    return [refused, os.listdir("/dev/shm"), time.process_time() > 0]
"""


def test_pools_work_and_what_takes_a_socket_is_refused_at_once(sandbox: Sandbox) -> None:
    assert values(sandbox.run(function(POOLS)))["result"] == [[1, 1], [], True]


OF_EACH = """
import os, time
def work():
    for number in range(50):
        child = os.fork()
        if child == 0:
            until = time.thread_time() + 0.02
            while time.thread_time() < until: pass
            if os.fork(): os._exit(0)  # and its child, an orphan, goes on
            until = time.thread_time() + 0.02
            while time.thread_time() < until: pass
            open(f"/tmp/{number}", "w").close()
            os._exit(0)
        time.sleep(0.001)
    while len(os.listdir("/tmp")) < 50: time.sleep(0.01)
    return 1
"""


def test_the_time_of_every_process_is_counted(sandbox: Sandbox) -> None:
    outcome = sandbox.run(function(OF_EACH, LIMITS.model_copy(update={"processes": 250})))
    assert values(outcome)["result"] == 1
    # A hundred processes of 20 ms each, half of them orphans. Nobody waited for any of them.
    assert outcome.cpu_ms > 1500
