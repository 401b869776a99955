"""`trunkline forget`: erase all that is held on a caller: calls, words, recordings, memory."""

from __future__ import annotations

import argparse
import asyncio
import sys

from gateway.errors import TrunklineError
from gateway.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "caller", nargs="?", default="", help="as trunkline calls shows them: a number, a name"
    )
    parser.add_argument(
        "--call", action="append", default=[], metavar="ID", help="a call that has ended, instead"
    )
    parser.add_argument("--tenant", help="whose caller (that of auth.tenant)")


def run(args: argparse.Namespace) -> int:
    if bool(args.caller) == bool(args.call):
        raise TrunklineError("Expected a caller, or --call with the id of a call.")
    return asyncio.run(_forget(load(args.config, answers=False), args))


async def _forget(settings: Settings, args: argparse.Namespace) -> int:
    from gateway.privacy.keeping import open_custodian

    tenant = settings.auth.tenant if args.tenant is None else args.tenant
    async with open_custodian(settings) as custodian:
        if args.call:
            done = await custodian.forget_calls(args.call, "command")
        else:
            done = await custodian.forget(tenant, args.caller, "command")
    calls = "1 call is" if done.calls == 1 else f"{done.calls} calls are"
    sys.stdout.write(f"{calls} erased, {done.things} rows and files in all\n")
    if done.live:
        sys.stdout.write(
            f"{done.live} calls are live; the gateway erases them seconds after their end\n"
        )
    return 0
