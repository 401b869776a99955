"""Inside the sandbox: shuts itself in, then runs the code that comes on standard input.

Started as a file with `python -I`; imports the standard library only, and says so on exit status
70 where the kernel does not let it shut itself in. Linux: user, network, mount, process and IPC
namespaces; an empty directory for a root; no capabilities; limits; a filter of system calls.
"""

from __future__ import annotations

import ast
import ctypes
import os
import platform
import resource
import signal
import struct
import sys

# What the code may import: afterwards there is no file to import anything else from.
BEFOREHAND = (
    "base64 bisect calendar cmath collections copy csv dataclasses datetime decimal enum fractions"
    " functools hashlib heapq io itertools json linecache math numbers operator random re"
    " statistics string textwrap time traceback typing unicodedata uuid _strptime"
)
NOT_ISOLATED, KILLED = 70, 75
NAMESPACES = 0x20000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000  # mount ipc user pid net
SET_DEATH_SIGNAL, SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVILEGES = 1, 4, 22, 38
NOT_FOR_ANYTHING = 1 | 2 | 4 | 8  # a mount that is read-only, without set-uid, devices, programs
CAPABILITIES_3 = 0x20080522
ALLOW, REFUSE, DATA_ARCHITECTURE = 0x7FFF0000, 0x00050000 | 1, 4  # 1 is EPERM
# What runs other processes, talks to them or to the network, or asks the kernel for more.
# socket socketpair connect bind sendto fork vfork execve execveat clone clone3 kill tkill ptrace
# mount umount2 pivot_root chroot unshare setns bpf perf_event_open io_uring_setup keyctl add_key
CALLS = {
    "x86_64": (
        0xC000003E,
        *(41, 53, 42, 49, 44, 57, 58, 59, 322, 56, 435, 62, 200, 101, 165, 166, 155, 161, 272, 308),
        *(321, 298, 425, 250, 248),
    ),
    "aarch64": (
        0xC00000B7,
        *(198, 199, 203, 200, 206, 221, 281, 220, 435, 129, 130, 117, 40, 39, 41, 51, 97, 268),
        *(280, 241, 425, 219, 217),
    ),
}


def main() -> int:
    """Take the limits and the root from the command line, and the code from standard input."""
    seconds, megabytes, root = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    libc = ctypes.CDLL(None, use_errno=True)
    for name in BEFOREHAND.split():
        __import__(name)
    try:
        _leave_the_rest(libc)
    except OSError as error:
        sys.stderr.write(f"this system allows no isolation: {error}\n")
        return NOT_ISOLATED
    inside = os.fork()  # the first process of the new namespace
    if inside:
        _, status = os.waitpid(inside, 0)
        left = os.waitstatus_to_exitcode(status)
        return left if left >= 0 else KILLED
    try:
        _shut_in(libc, root, seconds, megabytes)
    except OSError as error:
        sys.stderr.write(f"this system allows no isolation: {error}\n")
        os._exit(NOT_ISOLATED)
    _run(sys.stdin.read())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_the_rest(libc: ctypes.CDLL) -> None:
    _check(libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    _check(libc.unshare(NAMESPACES))


def _shut_in(libc: ctypes.CDLL, root: str, seconds: int, megabytes: int) -> None:
    _check(libc.prctl(SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
    with open("/proc/self/net/dev") as devices:
        if len(devices.readlines()) > 3:  # two lines of head, and loopback
            raise OSError("there is still a network")
    _check(libc.mount(b"none", root.encode(), b"tmpfs", NOT_FOR_ANYTHING, None))
    os.chroot(root)
    os.chdir("/")
    size = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(limit, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    header = struct.pack("<Ii", CAPABILITIES_3, 0)
    _check(libc.capset(header, bytes(24)))
    _check(libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _check(libc.prctl(SET_DUMPABLE, 0, 0, 0, 0))
    _filter_calls(libc)


def _filter_calls(libc: ctypes.CDLL) -> None:
    """A filter for the kernel: refuse what is listed, and any other way to count system calls."""
    known = CALLS.get(platform.machine())
    if known is None:
        raise OSError(f"no filter is known for {platform.machine()}")
    architecture, *numbers = known
    load, equal, above, end = 0x20, 0x15, 0x35, 0x06
    rows = [(load, 0, 0, DATA_ARCHITECTURE), (equal, 1, 0, architecture), (end, 0, 0, REFUSE)]
    rows += [(load, 0, 0, 0), (above, len(numbers), 0, 0x40000000)]
    rows += [(equal, len(numbers) - 1 - at, 0, number) for at, number in enumerate(numbers)]
    rows += [(end, 0, 0, ALLOW), (end, 0, 0, REFUSE)]
    # Each jump counts from the row after it: to the last row, which refuses.
    fixed = [
        (code, jump + 1 if code in (equal, above) and at > 2 else jump, other, value)
        for at, (code, jump, other, value) in enumerate(rows)
    ]
    program = b"".join(struct.pack("<HBBI", *row) for row in fixed)
    buffer = ctypes.create_string_buffer(program)
    filters = struct.pack("<HxxxxxxQ", len(fixed), ctypes.addressof(buffer))
    _check(libc.prctl(SET_SECCOMP, 2, ctypes.c_char_p(filters), 0, 0))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _run(code: str) -> None:
    """Run it; an expression at its end is shown, as at a prompt."""
    scope: dict[str, object] = {"__name__": "__main__"}
    sys.path.clear()  # there is nothing left to import from
    try:
        tree = ast.parse(code, "code")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "code", "exec"), scope)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "code", "eval"), scope)
            if value is not None:
                sys.stdout.write(f"{value!r}\n")
    except SystemExit:
        pass
    except BaseException as error:
        sys.stdout.flush()
        sys.stderr.write(f"{type(error).__name__}: {error}{_line(error)}\n")


def _line(error: BaseException) -> str:
    """Where in the code it was."""
    if isinstance(error, SyntaxError):
        return ""
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "code":
            number = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {number})" if number else ""


if __name__ == "__main__":
    sys.exit(main())
