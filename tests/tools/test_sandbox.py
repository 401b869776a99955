"""Code that a model wrote runs shut in: no network, no files, no processes, no time to waste."""

from __future__ import annotations

import json
import sys

import pytest

from tools import Toolbox
from tools.sandbox import Cell, python_tool, run_code, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"run_python is refused here: {why_not()}")
QUICK = Cell(seconds=1, megabytes=256, output=200)


async def said(code, cell=QUICK):
    return (await run_code(code, cell)).printed


async def test_the_value_of_the_last_expression_is_shown():
    with Toolbox([python_tool(Cell())]) as toolbox:
        code = "import math\nprint('pi')\nround(math.pi, 3)"
        result = await toolbox.run("run_python", json.dumps({"code": code}))
        assert json.loads(result.output) == {"printed": "pi\n3.142", "complete": True}


SYSTEM_CALL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
{}, ctypes.get_errno()
"""


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("import socket", "No module named 'socket'"),
        ("import _socket", "No module named '_socket'"),
        (SYSTEM_CALL.format("libc.socket(2, 1, 0)"), "(-1, 1)"),
        (SYSTEM_CALL.format("libc.syscall(0x40000029, 2, 1, 0)"), "(-1, 1)"),
        (SYSTEM_CALL.format("libc.kill(1, 9)"), "(-1, 1)"),
        (SYSTEM_CALL.format("libc.unshare(0x10000000)"), "(-1, 1)"),
        ("import os; os.listdir('/')", "[]"),
        ("open('/etc/passwd')", "FileNotFoundError"),
        ("open('/proc/self/environ')", "FileNotFoundError"),
        ("open('x', 'w')", "Read-only file system"),
        ("import os; os.environ.get('PATH')", ""),
        ("import os; os.fork()", "PermissionError"),
        ("import os; os.kill(os.getppid(), 9)", "PermissionError"),
        ("import os; os.chroot('..')", "PermissionError"),
        ("x = 'a' * 400_000_000", "MemoryError"),
        ("1 / 0", "ZeroDivisionError: division by zero (line 1)"),
        ("def (:", "SyntaxError"),
        ("raise SystemExit(3)", ""),
        ("import sys; sys.stdin.read()", "''"),
    ],
)
async def test_nothing_gets_out(code, shown):
    printed = await said(code)
    assert shown in printed
    assert shown or not printed


async def test_a_loop_without_end_is_stopped():
    ran = await run_code("print('on it', flush=True)\nwhile True: pass", QUICK)
    assert not ran.complete
    assert "Stopped" in ran.printed


async def test_a_sleep_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr("tools.sandbox.STARTING", 0.0)
    ran = await run_code("import time; time.sleep(1000)", QUICK)
    assert (ran.complete, "Stopped" in ran.printed) == (False, True)


async def test_more_than_there_is_room_for_is_cut():
    ran = await run_code("while True: print('x' * 1000)", QUICK)
    assert (len(ran.printed), ran.complete) == (200, False)


def test_elsewhere_it_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "needs Linux" in why_not()
