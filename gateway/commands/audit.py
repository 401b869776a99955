"""`trunkline audit`: show who did what, and see that nobody has changed it since."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

SHOWN = 1000
HEAD = re.compile(r"\d{1,18}:[0-9a-f]{64}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(required=True, dest="order", metavar="ORDER")
    verify = orders.add_parser("verify", help="follow the chain; name the first broken link")
    verify.add_argument(
        "--head", default="", metavar="SEQ:HASH", help="as an earlier verify has printed it"
    )
    shown = orders.add_parser("list", help="who did what, the oldest first")
    shown.add_argument("--after", type=int, default=0, help="the number of a link")


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_carry_out(load(args.config, answers=False), args))


async def _carry_out(settings: Settings, args: argparse.Namespace) -> int:
    from gateway.running.books import open_database_of
    from gateway.store.audit import verify
    from gateway.store.reading import Reading

    if args.order == "verify" and args.head and not HEAD.fullmatch(args.head):
        raise TrunklineError(
            "--head: expected the number and the hash that an earlier verify has printed, such as "
            f"4:9f2b… with 64 digits, not {args.head[:80]!r}"
        )
    async with open_database_of(settings, "there is no audit") as database:
        if args.order == "list":
            for row in await Reading(database).audit(None, args.after, SHOWN):
                sys.stdout.write(_line(row) + "\n")
            return 0
        verdict = await verify(database, args.head)
    if verdict.broken:
        sys.stdout.write(f"broken: {verdict.broken}; good up to {verdict.head}\n")
        return 1
    sys.stdout.write(f"{verdict.links} links hold; head {verdict.head}\n")
    return 0


def _line(row: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(row["at_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    who = " ".join(filter(None, (row["tenant"], row["actor"])))
    return f"{row['seq']:>6}  {at}  {row['kind']:<12} {who:<40} {row['detail']}"
