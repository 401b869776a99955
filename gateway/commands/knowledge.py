"""`trunkline knowledge`: put documents on a tenant's shelf, list and remove them, try a search."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import TrunklineError
from gateway.settings import Settings, load

if TYPE_CHECKING:
    from gateway.knowledge.library import Library
    from gateway.store.noting import Audit

MEGABYTE = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(required=True, dest="order", metavar="ORDER")
    tenant = argparse.ArgumentParser(add_help=False)
    tenant.add_argument("--tenant", default="", help="whose; * is for all tenants")
    add = orders.add_parser("add", parents=[tenant], help="documents, in place of those named so")
    add.add_argument("file", nargs="+", type=Path, help="txt, md, html, pdf, docx or csv")
    shown = orders.add_parser("list", parents=[tenant], help="what is on the shelf")
    shown.add_argument("--json", action="store_true", help="JSON for programs")
    remove = orders.add_parser("remove", parents=[tenant], help="documents by name")
    remove.add_argument("name", nargs="+")
    search = orders.add_parser("search", parents=[tenant], help="as an assistant would")
    search.add_argument("question")
    search.add_argument("--limit", type=int, default=4, help="passages (4)")


def run(args: argparse.Namespace) -> int:
    return asyncio.run(_carry_out(load(args.config, answers=False), args))


@dataclass(frozen=True, slots=True)
class Desk:
    """What the orders work with."""

    library: Library
    audit: Audit
    tenant: str
    largest: int  # bytes of a document

    def note(self, kind: str, name: str) -> None:
        """Put down who did it."""
        self.audit.note(kind, f"command:{getpass.getuser()}", self.tenant, document=name)


async def _carry_out(settings: Settings, args: argparse.Namespace) -> int:
    async with _desk(settings, args.tenant or settings.auth.tenant) as desk:
        if args.order == "add":
            return await _add(desk, args.file)
        if args.order == "remove":
            return await _remove(desk, args.name)
        if args.order == "search":
            return await _search(desk, args.question, args.limit)
        return await _list(desk, as_json=args.json)


@asynccontextmanager
async def _desk(settings: Settings, tenant: str) -> AsyncIterator[Desk]:
    from gateway.knowledge.embedding import find_embedder
    from gateway.knowledge.library import Library
    from gateway.running.books import open_database_of
    from gateway.store.documents import Documents
    from gateway.store.noting import Audit
    from gateway.store.writer import open_writer

    async with (
        open_database_of(settings, "there is no place for documents") as database,
        open_writer(database, Path(settings.store.spill)) as writer,
    ):
        library = Library(Documents(database), find_embedder(settings.knowledge))
        try:
            yield Desk(library, Audit(writer.add), tenant, settings.knowledge.largest_mb * MEGABYTE)
        finally:
            await library.close()


async def _add(desk: Desk, files: list[Path]) -> int:
    """One after the other; what is wrong with one does not stop the next."""
    status = 0
    for file in files:
        try:
            data = await asyncio.to_thread(_read, file, desk.largest)
            made = await desk.library.add(desk.tenant, file.name, data)
        except TrunklineError as error:
            sys.stderr.write(f"trunkline: {error}\n")
            status = 2
            continue
        desk.note("document_added", made.name)
        sys.stdout.write(f"{made.name}: {made.passages} passages\n")
    return status


def _read(file: Path, largest: int) -> bytes:
    try:
        size = file.stat().st_size
        if file.is_dir():
            raise TrunklineError(f"{file} is a folder; name its files, or set tools.knowledge")
        if size > largest:
            raise TrunklineError(
                f"{file} has {size / MEGABYTE:,.0f} MB, and knowledge.largest_mb is"
                f" {largest // MEGABYTE}; divide it, or raise that"
            )
        with file.open("rb") as opened:
            return opened.read(largest)
    except OSError as error:
        raise TrunklineError(f"{file}: cannot be read: {error.strerror}") from None


async def _remove(desk: Desk, names: list[str]) -> int:
    status = 0
    for name in names:
        if await desk.library.remove(desk.tenant, name):
            desk.note("document_removed", name)
            sys.stdout.write(f"{name} is removed\n")
        else:
            sys.stderr.write(
                f"trunkline: there is no document {name} of {desk.tenant}; `trunkline knowledge"
                " list` names them\n"
            )
            status = 2
    return status


async def _list(desk: Desk, *, as_json: bool) -> int:
    found = await desk.library.documents.catalogue(desk.tenant)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
        return 0
    for one in found:
        sys.stdout.write(f"{one.passages:6} passages {one.bytes / 1000:9.1f} kB  {one.name}\n")
    return 0


async def _search(desk: Desk, question: str, limit: int) -> int:
    from gateway.knowledge.opening import cited

    found = await desk.library.search(desk.tenant, question, min(max(limit, 1), 30))
    for one in found:
        sys.stdout.write(f"{cited(one)}\n    {one.text.replace(chr(10), chr(10) + '    ')}\n")
    if not found:
        sys.stdout.write("nothing\n")
    return 0
