"""`trunkline token`: a signed token for somebody who calls or operates, for a while."""

from __future__ import annotations

import argparse
import re
import sys

from gateway.errors import TrunklineError
from gateway.settings import load

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--caller", default="somebody", help="who shows it (somebody)")
    parser.add_argument("--tenant", default="", help="whose calls; * is everybody's")
    add_scopes(parser)
    parser.add_argument("--for", dest="time", default="1h", help="such as 90s, 15m, 1h, 30d (1h)")


def add_scopes(parser: argparse.ArgumentParser) -> None:
    """What it may do."""
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        help="what it may do; may be given several times, or all (calls:place)",
    )


def scopes(named: list[str]) -> list[str]:
    """The scopes that are meant. Raises TrunklineError."""
    from gateway.identity.who import SCOPES, unknown

    if named == ["all"]:
        return list(SCOPES)
    if said := unknown(named):
        raise TrunklineError(f"--scope: {said}, or all")
    return named or ["calls:place"]


def seconds(text: str, option: str = "--for", least: int = 1) -> int:
    """A time in words, of so many seconds at least. Raises TrunklineError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or int(found[1]) < least:
        raise TrunklineError(f"{option}: expected a time such as 90s, 15m, 1h or 30d, not {text!r}")
    return int(found[1]) * UNITS[found[2]]


def run(args: argparse.Namespace) -> int:
    from gateway.identity.tokens import issue

    auth = load(args.config, answers=False).auth
    tenant = args.tenant or auth.tenant
    made = issue(auth.token_policy(), tenant, args.caller, scopes(args.scope), seconds(args.time))
    sys.stdout.write(made + "\n")
    return 0
