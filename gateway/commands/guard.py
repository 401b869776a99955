"""`trunkline guard`: try a policy on texts of a file, or on the calls that the books have."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

if TYPE_CHECKING:
    from gateway.guarding.trial import Turn

MOST = 10_000  # calls


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="order")
    test = commands.add_parser("test", help="say what a policy would have stopped")
    test.add_argument("policy", type=Path, help="file of the rules")
    test.add_argument(
        "files", nargs="*", type=Path, help="transcripts, or lines with place and text"
    )
    test.add_argument("--calls", type=int, metavar="N", help="the latest calls in the books")
    test.add_argument("--tenant", help="of one tenant only")
    test.add_argument("--ask", action="store_true", help="ask the moderation endpoint, too")
    test.add_argument("--markdown", action="store_true", help="a table of the numbers alone")


def run(args: argparse.Namespace) -> int:
    from gateway.guarding.policy import read
    from gateway.guarding.trial import summary, table, tried, turns_of

    policy = read(args.policy)
    if args.calls is None and not args.files:
        raise TrunklineError(
            "Expected texts to try the policy on, and none were named; give a file, or --calls 100"
            " for the latest calls in the books"
        )
    turns = [turn for file in args.files for turn in turns_of(file)]
    reads = args.calls is not None or args.ask
    settings = load(args.config, answers=False) if reads else None
    if settings is not None and args.calls is not None:
        turns += asyncio.run(_stored(settings, args.calls, args.tenant))
    asked = settings.guard.moderation if settings is not None and args.ask else None
    if asked is not None and not asked.base_url:
        raise TrunklineError("--ask needs guard.moderation.base_url, which is empty")
    findings = asyncio.run(tried(policy, turns, asked))
    sys.stdout.write(table(findings) if args.markdown else summary(policy, findings))
    if not asked and any(rule.moderation for rule in policy.rules):
        sys.stderr.write("the moderation endpoint was not asked; --ask does it\n")
    return 0


async def _stored(settings: Settings, limit: int, tenant: str | None) -> list[Turn]:
    from gateway.guarding.trial import turns_in
    from gateway.running.books import open_database_of
    from gateway.store.reading import CallFilter, Reading

    async with open_database_of(settings, "nothing is kept") as database:
        reading = Reading(database)
        page = await reading.calls(CallFilter(tenant=tenant), min(max(limit, 1), MOST))
        return [turn async for turn in turns_in(reading, [row["id"] for row in page.rows])]
