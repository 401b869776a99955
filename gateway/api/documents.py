"""Documents over the API: what is on a tenant's shelf, put there, and taken away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from gateway.api.endpoint import Ask, Endpoint, ProblemError
from gateway.api.shapes import Word
from gateway.identity.who import EVERY

if TYPE_CHECKING:
    from gateway.knowledge.opening import Finder
    from gateway.store.documents import Document


class ShelfDocument(Struct):
    """A document that `search_knowledge` searches."""

    tenant: str
    name: str
    kind: str
    bytes: int
    passages: int
    added: datetime
    folder: bool = False  # kept in step with a file of tools.knowledge


class Documents(Struct):
    """Documents, by name."""

    documents: list[ShelfDocument]


class ShelfQuery(Struct):
    """Whose documents; left out: one's own."""

    tenant: Word | None = None


class UploadQuery(Struct):
    """What the document is to be called; its ending says what it is."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    tenant: Word | None = None


NO_SHELVES = "This gateway keeps no documents of tenants; set store.url to keep them."
NO_DOCUMENT = "There is no such document."


async def list_documents(ask: Ask) -> Documents:
    """Those on one's own shelf, or on that of the tenant that is asked for."""
    query: ShelfQuery = ask.query
    tenant = _shelf(ask, query.tenant)
    found = await _finder(ask).library.documents.catalogue(tenant)
    return Documents([_shown(one) for one in found])


async def add_document(ask: Ask) -> ShelfDocument:
    """Put a document on a shelf; it is found at once."""
    from gateway.knowledge.blocks import DocumentError

    query: UploadQuery = ask.query
    tenant, finder = _shelf(ask, query.tenant), _finder(ask)
    if finder.library.busy:
        raise ProblemError(503, "busy", "Other documents are being read; try again in a moment.")
    try:
        made = await finder.library.add(tenant, query.name, ask.body)
    except DocumentError as error:
        raise ProblemError(400, "bad_document", f"Expected a document: {error}.") from None
    ask.office.access.note("document_added", ask.who, document=made.name, shelf=tenant)
    return _shown(made)


async def remove_document(ask: Ask) -> ShelfDocument:
    """Take a document away; no search finds it from now on."""
    query: ShelfQuery = ask.query
    tenant, library, name = _shelf(ask, query.tenant), _finder(ask).library, ask.path["document"]
    there = [one for one in await library.documents.catalogue(tenant) if one.name == name]
    if not there or not await library.remove(tenant, name):
        raise ProblemError(404, "not_found", NO_DOCUMENT)
    ask.office.access.note("document_removed", ask.who, document=name, shelf=tenant)
    return _shown(there[0])


def _shelf(ask: Ask, wanted: str | None) -> str:
    """Whose documents: nobody's but one's own, unless one may see everybody's."""
    default = ask.office.settings.auth.tenant if ask.who.tenant == EVERY else ask.who.tenant
    tenant = default if wanted is None else wanted
    if not tenant or (tenant != ask.who.tenant and ask.who.tenant != EVERY):
        raise ProblemError(403, "other_tenant", "Those documents are another tenant's.")
    return tenant


def _finder(ask: Ask) -> Finder:
    if ask.office.finder is None or ask.office.store is None:
        raise ProblemError(409, "no_books", NO_SHELVES)
    return ask.office.finder


def _shown(one: Document) -> ShelfDocument:
    added = datetime.fromtimestamp(one.added_ms / 1000, UTC)
    facts = (one.tenant, one.name, one.kind, one.bytes, one.passages, added)
    return ShelfDocument(*facts, folder=bool(one.origin))


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/knowledge",
        "knowledge",
        "Documents that are searched.",
        list_documents,
        Documents,
        query=ShelfQuery,
        problems=(409,),
    ),
    Endpoint(
        "POST",
        "/api/knowledge",
        "knowledge",
        "Add a document, the body, in place of one of its name.",
        add_document,
        ShelfDocument,
        query=UploadQuery,
        upload=True,
        status=201,
        problems=(409, 413),
    ),
    Endpoint(
        "DELETE",
        "/api/knowledge/{document}",
        "knowledge",
        "Remove a document.",
        remove_document,
        ShelfDocument,
        query=ShelfQuery,
        problems=(404, 409),
    ),
)
