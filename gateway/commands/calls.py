"""`trunkline calls`: what the books say of the latest calls, or of one: words, tools, tokens."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.errors import TrunklineError
from gateway.settings import Settings, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("call", nargs="?", default="", help="the id of one call")
    parser.add_argument("--limit", type=int, default=20, help="how many of the latest (20)")
    parser.add_argument("--tenant", help="of one tenant only")
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FOLDER",
        help="write the call's recording, transcript and journal there, unlocked",
    )
    parser.add_argument("--json", action="store_true", help="JSON for programs")


def run(args: argparse.Namespace) -> int:
    settings = load(args.config, answers=False)
    found = asyncio.run(_read(settings, args))
    if args.save is not None and args.call:
        asyncio.run(_save(settings, args.call, args.save))
    if args.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    elif args.call:
        _print_call(found)
    else:
        for row in found["calls"]:
            sys.stdout.write(_line(row) + "\n")
    return 0


async def _read(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    from gateway.running.books import open_database_of
    from gateway.store.reading import CallFilter, Reading

    async with open_database_of(settings, "nothing is kept") as database:
        reading = Reading(database)
        if not args.call:
            limit = min(max(args.limit, 1), 10_000)
            page = await reading.calls(CallFilter(tenant=args.tenant), limit)
            return {"calls": page.rows}
        call = await reading.call(args.call)
        if call is None or args.tenant not in (None, call["tenant"]):
            raise TrunklineError(
                f"There is no call {args.call!r} in the books; see them all with: trunkline calls"
            )
        kept = {"turns": reading.turns, "tools": reading.tools, "usage": reading.usage}
        return {"call": call, **{name: await read(args.call) for name, read in kept.items()}}


async def _save(settings: Settings, call_id: str, into: Path) -> None:
    from gateway.privacy.holders import Whose
    from gateway.privacy.places import folders

    for folder in folders(settings):
        async for kept in folder.export(Whose("", "", (call_id,))):
            path = into / kept.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(kept.content)
            sys.stderr.write(f"{path}\n")


def _line(row: Mapping[str, Any]) -> str:
    began = datetime.fromtimestamp(row["began_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    ended = row["ended_ms"]
    lasted = "live" if ended is None else f"{(ended - row['began_ms']) / 1000:.1f} s"
    who = " ".join(filter(None, (row["tenant"], row["caller"])))
    return f"{began}  {row['id']}  {lasted:>9}  {row['via']:<12} {who:<24} {row['reason']}".rstrip()


def _print_call(found: Mapping[str, Any]) -> None:
    out = sys.stdout
    out.write(_line(found["call"]) + "\n\n")
    lines = [
        *((row["began_at"], row["who"], row["heard"], row["cut"]) for row in found["turns"]),
        *((row["began_at"], "tool", _tool(row), False) for row in found["tools"]),
    ]
    for at, who, text, cut in sorted(lines, key=lambda line: line[0]):
        out.write(f"{at / 1000:8.1f}  {who:<9} {text}{' …' if cut else ''}\n")
    for row in found["usage"]:
        counts = {name: count for name, count in row.items() if name not in ("model", "cost_nano")}
        tokens = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        out.write(f"\n{row['model']}: ${row['cost_nano'] / 1e9:.6f}; {tokens}\n")


def _tool(row: Mapping[str, Any]) -> str:
    return f"{row['name']}({row['arguments']}) {row['status']}: {row['output'][:200]}"
