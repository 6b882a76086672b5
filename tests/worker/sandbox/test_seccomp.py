"""The filter, run instruction by instruction as the kernel would, for both processors."""

import errno
import struct

import pytest

from carrel_worker.sandbox import UnknownMachine, seccomp
from carrel_worker.sandbox.syscalls import NUMBERS

ALLOW, KILL = 0x7FFF0000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def judge(program: bytes, data: bytes) -> int:
    """What a classic BPF program answers to a `struct seccomp_data`."""
    accumulator, at = 0, 0
    while True:
        operation, yes, no, constant = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        elif operation == 0x06:
            return int(constant)
        else:
            truth = {
                0x15: accumulator == constant,
                0x35: accumulator >= constant,
                0x45: bool(accumulator & constant),
            }[operation]
            at += yes if truth else no


def answer(machine: str, number: int, *arguments: int, alone: int | None = None) -> int:
    words = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("=iIQ6Q", number, ARCHITECTURES[machine], 0, *words)
    return judge(seccomp.compile_filter(machine, alone=alone), data)


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refused(number: int) -> int:
    return 0x50000 | number


def test_what_is_named_is_allowed_and_nothing_else(machine: str) -> None:
    named = set(NUMBERS[machine].values()) - {NUMBERS[machine]["memfd_create"]}
    for number in range(1200):
        got = answer(machine, number)
        if number not in named:
            late = number > max(named)
            assert got == refused(errno.ENOSYS if late else errno.EPERM), number


def test_another_architecture_ends_the_process(machine: str) -> None:
    program = seccomp.compile_filter(machine)
    for architecture in (0x40000003, 0x40000028, 0):
        data = struct.pack("=iIQ6Q", 0, architecture, 0, *[0] * 6)
        assert judge(program, data) == KILL


def test_the_x32_numbering_ends_the_process() -> None:
    for number in (0, 39, 2**31 - 1 - 0x40000000):
        assert answer("x86_64", 0x40000000 + number) == KILL
    assert answer("x86_64", -1) == KILL


@pytest.mark.parametrize(
    ("name", "allowed", "denied"),
    [
        ("clone", [(0x11,), (0x3D0F00,)], [(0x10000000,), (0x20011,), (0x02000000,)]),
        ("mmap", [(0, 9, 3, 0x22), (0, 9, 3, 1)], [(0, 9, 3, 0x21), (0, 9, 3, 0x40023)]),
        ("fcntl", [(0, 0), (0, 4), (0, 1030)], [(0, 5), (0, 6), (0, 37), (0, 1024), (0, 1033)]),
        ("ioctl", [(0, 0x5401)], [(0, 0x5412), (0, 0x541C), (0, 0x40086602), (0, 0x80045430)]),
        ("prctl", [(15,)], [(22,), (35,), (36,), (4,), (24,), (0x59616D61,)]),
        ("prlimit64", [(0,)], [(1,), (4321,)]),
        ("socketpair", [(1, 1), (1, 0x80801), (1, 5)], [(1, 2), (2, 1), (16, 3), (1, 0x802)]),
        ("sendto", [(3, 1, 1, 0, 0)], [(3, 1, 1, 0, 1), (3, 1, 1, 0, 2**40)]),
        ("madvise", [(0, 9, 4)], [(0, 9, 12), (0, 9, 100)]),
    ],
)
def test_arguments_decide(
    machine: str, name: str, allowed: list[tuple[int, ...]], denied: list[tuple[int, ...]]
) -> None:
    number = NUMBERS[machine][name]
    for arguments in allowed:
        assert answer(machine, number, *arguments) == ALLOW, (name, arguments)
    for arguments in denied:
        assert answer(machine, number, *arguments) == refused(errno.EPERM), (name, arguments)


def test_the_upper_half_of_an_int_changes_nothing(machine: str) -> None:
    for name, arguments in (("ioctl", (0, 2**32 | 0x5412)), ("fcntl", (0, 2**32 | 6))):
        assert answer(machine, NUMBERS[machine][name], *arguments) == refused(errno.EPERM)


def test_clone3_is_unknown_so_that_libc_takes_clone(machine: str) -> None:
    assert answer(machine, NUMBERS[machine]["clone3"]) == refused(errno.ENOSYS)


def test_without_namespaces_a_process_signals_itself_alone(machine: str) -> None:
    numbers = NUMBERS[machine]
    for name in ("kill", "tgkill"):
        assert answer(machine, numbers[name], 77, alone=77) == ALLOW
        for other in (1, 0, 76, 2**64 - 1):
            assert answer(machine, numbers[name], other, alone=77) == refused(errno.EPERM)
    for name in ("tkill", "fchmod", "utimensat", "rt_sigqueueinfo"):
        assert answer(machine, numbers[name], alone=77) == refused(errno.EPERM)
        assert answer(machine, numbers[name]) == ALLOW


def _judge(program: bytes, machine: str, name: str, *arguments: int) -> int:
    words = [*arguments, *([0] * (6 - len(arguments)))]
    number = NUMBERS[machine][name]
    return judge(program, struct.pack("=iIQ6Q", number, ARCHITECTURES[machine], 0, *words))


def test_who_may_close_up_may_do_that_and_nothing_more(machine: str) -> None:
    usual, closing = (seccomp.compile_filter(machine, closing=each) for each in (False, True))
    for option in range(80):
        answers = [_judge(each, machine, "prctl", option) for each in (usual, closing)]
        assert (answers[0] == answers[1]) is (option != 22), option
    assert _judge(closing, machine, "prctl", 22, 2) == ALLOW
    for name in set(NUMBERS[machine]) - {"prctl"}:
        assert _judge(usual, machine, name) == _judge(closing, machine, name)


def test_what_is_closed_up_opens_starts_and_connects_nothing(machine: str) -> None:
    closed = seccomp.compile_closing(machine)
    for name in NUMBERS[machine]:
        opens = ("open", "exec", "sock", "connect", "bind", "fork", "kill", "link", "mk", "rename")
        other = ("stat", "chdir", "chmod", "truncate", "pipe", "dup", "prctl", "ioctl", "fcntl")
        if any(word in name for word in (*opens, *other)) and name != "fstat":
            assert _judge(closed, machine, name) == refused(errno.EPERM), name
    for name, allowed, denied in (
        ("clone", (0x3D0F00,), [(0x11,), (0,), (0x10010000,), (0x00030000,)]),
        ("mmap", (0, 9, 3, 0x22), [(0, 9, 7, 0x22), (0, 9, 5, 2), (0, 9, 3, 0x21)]),
        ("mprotect", (0, 9, 3), [(0, 9, 4), (0, 9, 7), (0, 9, 2**32 | 5)]),
    ):
        assert _judge(closed, machine, name, *allowed) == ALLOW
        for arguments in denied:
            assert _judge(closed, machine, name, *arguments) == refused(errno.EPERM), arguments
    assert _judge(closed, machine, "clone3") == refused(errno.ENOSYS)
    for name in ("read", "write", "pwrite64", "futex", "brk", "exit_group"):
        assert _judge(closed, machine, name) == ALLOW


def test_with_a_gpu_there_are_its_drivers_calls_and_unmapped_memory(machine: str) -> None:
    usual, gpu = (seccomp.compile_filter(machine, gpu=each) for each in (False, True))
    driver = (0xC020462A, 0xC00846D6, 0x46, 1, 75, 0x30000001, 0x30000002)
    for command in driver:
        assert _judge(gpu, machine, "ioctl", 3, command) == ALLOW, hex(command)
        assert _judge(usual, machine, "ioctl", 3, command) == refused(errno.EPERM), hex(command)
    for command in (0x5412, 0x541C, 0x40086602, 0x80045430, 0xAE01, 0x30000003, 0x8946, 0x101):
        assert _judge(gpu, machine, "ioctl", 3, command) == refused(errno.EPERM), hex(command)
    assert _judge(gpu, machine, "ioctl", 3, 0x5401) == ALLOW
    assert _judge(gpu, machine, "memfd_create") == ALLOW
    assert _judge(gpu, machine, "mmap", 0, 9, 3, 0x21) == ALLOW
    assert _judge(gpu, machine, "fcntl", 3, 1033) == ALLOW
    for command in (5, 6, 37, 1024):
        assert _judge(gpu, machine, "fcntl", 3, command) == refused(errno.EPERM)
    for name in set(NUMBERS[machine]) - {"ioctl", "memfd_create", "mmap", "fcntl"}:
        assert _judge(gpu, machine, name) == _judge(usual, machine, name), name


def test_an_unknown_processor_has_no_filter() -> None:
    with pytest.raises(UnknownMachine, match="riscv64"):
        seccomp.compile_filter("riscv64")
    with pytest.raises(UnknownMachine, match="riscv64"):
        seccomp.compile_closing("riscv64")
