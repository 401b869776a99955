"""`trunkline export`: all that is held on a caller as a zip, or conversations to train on."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from gateway.errors import TrunklineError
from gateway.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("caller", nargs="?", default="", help="whose data; none with --training")
    parser.add_argument("--tenant", help="of one tenant (for a caller: that of auth.tenant)")
    parser.add_argument("--out", type=Path, help="the file to write (caller.zip, training.jsonl)")
    parser.add_argument(
        "--training",
        action="store_true",
        help="conversations as JSON lines in chat format, of calls whose callers have agreed",
    )


def run(args: argparse.Namespace) -> int:
    if args.training == bool(args.caller):
        raise TrunklineError(
            "Expected a caller, or --training; for example: trunkline export +4930123456"
        )
    work = _training if args.training else _export
    return asyncio.run(work(load(args.config, answers=False), args))


async def _export(settings: Settings, args: argparse.Namespace) -> int:
    from gateway.privacy.archive import archive
    from gateway.privacy.keeping import open_custodian

    path = args.out or Path("caller.zip")
    tenant = settings.auth.tenant if args.tenant is None else args.tenant
    async with open_custodian(settings) as custodian:
        with _written(path).open("wb") as out:
            count = await archive(custodian.export(tenant, args.caller), out)
    if not count:
        path.unlink()
        raise TrunklineError("Nothing is held on such a caller; see: trunkline calls")
    sys.stdout.write(f"{count} files are in {path}\n")
    return 0


async def _training(settings: Settings, args: argparse.Namespace) -> int:
    from gateway.privacy.keeping import NO_BOOKS
    from gateway.privacy.training import conversations
    from gateway.running.books import open_database_of

    path = args.out or Path("training.jsonl")
    count = 0
    async with open_database_of(settings, NO_BOOKS) as database:
        with _written(path).open("wb") as out:
            found = conversations(database, settings.privacy.redaction(), args.tenant)
            async for line in found:
                out.write(line + b"\n")
                count += 1
    sys.stdout.write(f"{count} conversations are in {path}\n")
    return 0


def _written(path: Path) -> Path:
    if not path.parent.is_dir():
        raise TrunklineError(f"{path.parent} is no folder; name a file in one with --out")
    return path
