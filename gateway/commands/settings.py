"""`trunkline settings`: print the settings in force as a commented file, without the secrets."""

from __future__ import annotations

import argparse
import sys

from gateway.settings import Settings, load
from gateway.settings.example import render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--defaults", action="store_true", help="whatever is set, the defaults")


def run(args: argparse.Namespace) -> int:
    sys.stdout.write(render(Settings() if args.defaults else load(args.config, answers=False)))
    return 0
