"""`trunkline keys`: make API keys, list them, put new ones in their place, revoke them."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.commands.token import add_scopes, scopes, seconds
from gateway.identity.revoked import MARK, credential
from gateway.settings import Settings, load

if TYPE_CHECKING:
    from gateway.identity.keys import Key, Keyring
    from gateway.store.database import Database
    from gateway.store.noting import Audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(required=True, dest="order", metavar="ORDER")
    add = orders.add_parser("add", help="make a key; it is shown this once")
    add.add_argument("--tenant", default="", help="whose it is; * is everybody's")
    add.add_argument("--name", default="", help="what it is for")
    add.add_argument("--for", dest="time", default="", help="such as 30d; without it, for ever")
    add_scopes(add)
    shown = orders.add_parser("list", help="keys, the newest first")
    shown.add_argument("--tenant", help="of one tenant only")
    rotate = orders.add_parser("rotate", help="make a key in place of one that ends in a while")
    rotate.add_argument("key", help="the id of the old one")
    rotate.add_argument("--grace", default="1h", help="how long the old one works on (1h)")
    revoke = orders.add_parser("revoke", help="end a key at once, and the calls that it let in")
    revoke.add_argument("key", help="its id; of a token jwt_ and its claim jti")


def run(args: argparse.Namespace) -> int:
    asyncio.run(_carry_out(load(args.config, answers=False), args))
    return 0


async def _carry_out(settings: Settings, args: argparse.Namespace) -> None:
    async with _keyring(settings) as (keyring, audit):
        actor = f"command:{getpass.getuser()}"
        if args.order == "list":
            for key in await keyring.list(args.tenant):
                sys.stdout.write(_line(key) + "\n")
        elif args.order == "revoke" and args.key.startswith(MARK):
            name = credential(args.key.removeprefix(MARK))
            await _revoke_token(keyring.database, name)
            audit.note("token_revoked", actor, "", token=name)
            sys.stdout.write(f"{name} is revoked; calls that it let in end\n")
        elif args.order == "revoke":
            key = await keyring.revoke(args.key)
            audit.note("key_revoked", actor, key.tenant, key=key.id)
            sys.stdout.write(f"{key.id} is revoked; calls that it let in end\n")
        elif args.order == "rotate":
            key, word = await keyring.rotate(args.key, seconds(args.grace, "--grace", least=0))
            audit.note("key_rotated", actor, key.tenant, key=args.key, successor=key.id)
            _show(word)
        else:
            wanted = scopes(args.scope)
            ends = None if not args.time else (int(time.time()) + seconds(args.time)) * 1000
            tenant = args.tenant or settings.auth.tenant
            key, word = await keyring.add(tenant, args.name, wanted, ends)
            audit.note("key_added", actor, key.tenant, key=key.id, scopes=sorted(wanted))
            _show(word)
            if not settings.auth.keys:
                sys.stderr.write("to take keys, write under [auth]: keys = true\n")


async def _revoke_token(database: Database, name: str) -> None:
    from gateway.store.stop import EVERY, TOKEN_REVOKED, Stop
    from gateway.store.stops import Stops

    await Stops(database).order(Stop(EVERY, "token", name, TOKEN_REVOKED))


def _show(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stderr.write("this is shown once: keep it where secrets are kept\n")


@asynccontextmanager
async def _keyring(settings: Settings) -> AsyncIterator[tuple[Keyring, Audit]]:
    from gateway.identity.keys import Keyring
    from gateway.running.books import open_database_of
    from gateway.store.noting import Audit
    from gateway.store.writer import open_writer

    async with (
        open_database_of(settings, "there is no place for keys") as database,
        open_writer(database, Path(settings.store.spill)) as writer,
    ):
        yield Keyring(database), Audit(writer.add)


def _line(key: Key) -> str:
    state = "good"
    if key.revoked_ms is not None:
        state = "revoked " + _day(key.revoked_ms)
    elif key.expires_ms is not None:
        over = key.expires_ms <= time.time() * 1000
        state = ("expired " if over else "until ") + _day(key.expires_ms)
    return (
        f"{key.id}  {_day(key.created_ms)}  {state:<18} {key.tenant:<16} {key.name:<20} "
        f"{' '.join(sorted(key.scopes))}"
    )


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
