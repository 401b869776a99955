"""`trunkline version`: say which Trunkline this is, and on what it runs."""

from __future__ import annotations

import argparse
import platform
import sys

from gateway.version import version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # it takes none


def run(args: argparse.Namespace) -> int:
    del args
    python = f"{platform.python_implementation()} {platform.python_version()}"
    sys.stdout.write(f"trunkline {version()} ({python}, {sys.platform} {platform.machine()})\n")
    return 0
