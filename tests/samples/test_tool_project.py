"""The sample project works as it stands: its tests pass, and its tools can be called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "samples" / "tool-project"


@pytest.fixture
def project(tmp_path):
    """A copy, as anybody would make one."""
    return Path(shutil.copytree(PROJECT, tmp_path / "bakery-line"))


def run(folder, *command):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout, done.stderr


def test_its_tests_pass(project):
    # The plugin of this checkout, whichever is installed.
    plugin = ("-p", "no:trunkline", "-p", "gateway.rehearsal.plugin", "-p", "no:asyncio")
    status, said, errors = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin)
    assert status == 0, said + errors
    assert "7 passed" in said


def test_its_tools_can_be_listed_and_called(project):
    status, said, errors = run(project, "-m", "gateway", "tools", "list", "--json")
    assert status == 0, errors
    listed = {one["name"]: one for one in json.loads(said)}
    assert list(listed) == [
        *("current_time", "hang_up", "transfer", "search_knowledge"),
        *("price", "take_order", "cancel_order"),
    ]
    assert listed["cancel_order"]["confirm"]
    assert listed["price"]["source"].endswith("bakery.py")
    status, said, errors = run(
        project, "-m", "gateway", "tools", "call", "price", '{"bread": "roll", "pieces": 10}'
    )
    assert (status, said) == (0, "10 roll: 4.50 euros.\n"), errors
