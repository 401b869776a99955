"""Endpoint: one address of the API, said once: for its route, its document, and its tests."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admission.access import Access, RefusedError
from gateway.admission.stopping import Stopper
from gateway.callers.bridge import body_of
from gateway.doors.desk import Desk
from gateway.errors import TrunklineError
from gateway.identity.who import Identity
from gateway.settings import Settings
from gateway.switchboard import Switchboard

if TYPE_CHECKING:
    from gateway.budgets.budgets import Budgets
    from gateway.knowledge.opening import Finder
    from gateway.privacy.custodian import Custodian
    from gateway.sharing.calls import SharedCalls
    from gateway.store.reading import Reading
    from gateway.store.store import Store

log = logging.getLogger(__name__)

LARGEST = 64 * 1024  # bytes of a request
DOCUMENT = "/api/openapi.json"
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}")  # of a call or a key, in a path
CALLER = re.compile(r"[^\x00-\x1f]{1,200}")  # a SIP address may hold a slash
DOCUMENT_NAME = re.compile(r"[^/\x00-\x1f]{1,200}")
NAMES = {"caller_id": CALLER, "document": DOCUMENT_NAME}  # what people have named; else NAME
NO_BOOKS = (
    "This gateway keeps no books, so that only live calls are known; set store.url to keep them."
)


class Problem(msgspec.Struct):
    """What went wrong, for people and for programs."""

    message: str
    code: str


class Failed(msgspec.Struct):
    """The answer where there is no other."""

    error: Problem


class ProblemError(TrunklineError):
    """A request that is answered with a problem."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Office:
    """The gateway, as the API sees it."""

    settings: Settings
    access: Access
    switchboard: Switchboard
    stopper: Stopper
    desk: Desk
    store: Store | None = None
    custodian: Custodian | None = None
    elsewhere: SharedCalls | None = None  # the calls of other gateways
    budgets: Budgets | None = None
    finder: Finder | None = None  # documents

    @property
    def reading(self) -> Reading:
        """The books. Raises ProblemError where there are none."""
        if self.store is None:
            raise ProblemError(409, "no_books", NO_BOOKS)
        return self.store.reading


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose maker may make it, read."""

    office: Office
    who: Identity
    path: Mapping[str, str]
    query: Any
    body: Any
    range: str = ""  # as the header of that name asks for


class Nothing(msgspec.Struct):
    """No query, or no body."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. The scope "" is for anybody who has shown who they are."""

    method: str
    path: str
    scope: str
    about: str
    handle: Callable[[Ask], Awaitable[Any]]
    answer: Any  # a Struct, or a media type
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    upload: bool = False  # the body is a file, of knowledge.largest_mb at most
    status: int = 200
    problems: tuple[int, ...] = ()  # beside 400, 401, 403 and 503

    def route(self, office: Office) -> Route:
        """As starlette takes it."""

        async def answer(request: Request) -> Response:
            try:
                return self._written(await self.handle(await self._ask(office, request)))
            except (RefusedError, ProblemError) as error:
                return problem(error.status, error.code, str(error))
            except msgspec.MsgspecError as error:
                return problem(
                    400, "invalid_request", f"Expected a query as {DOCUMENT} describes it: {error}."
                )
            except TrunklineError as error:
                log.error("the API cannot answer", extra={"error": str(error)})
                return problem(503, "unavailable", str(error))

        path = self.path.replace("{caller_id}", "{caller_id:path}")
        return Route(path, answer, methods=[self.method])

    async def _ask(self, office: Office, request: Request) -> Ask:
        who = await office.access.admit(request, self.scope)
        for key, name in request.path_params.items():
            if not NAMES.get(key, NAME).fullmatch(name):
                raise ProblemError(404, "not_found", "There is nothing of that name.")
        given = {name: value for name, value in request.query_params.items() if name != "token"}
        query = msgspec.convert(given, self.query, strict=False)
        part = request.headers.get("range", "")
        body = await self._body(office, request)
        return Ask(office, who, request.path_params, query, body, part)

    async def _body(self, office: Office, request: Request) -> Any:
        if self.upload:
            return await _file(request, office.settings.knowledge.largest_mb * 1_000_000)
        if self.body is None:
            return None
        body = await body_of(request, LARGEST)
        if body is None:
            raise ProblemError(413, "too_large", f"Expected at most {LARGEST} bytes.")
        try:
            return msgspec.json.decode(body or b"{}", type=self.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            said = f"Expected JSON as {DOCUMENT} describes it: {error}."
            raise ProblemError(400, "invalid_request", said) from None

    def _written(self, found: Any) -> Response:
        if isinstance(found, Response):
            return found
        return _json(found, self.status)


async def _file(request: Request, limit: int) -> bytes:
    """What was sent. One that says itself that it is too large is not read at all."""
    said = request.headers.get("content-length", "")
    held = bytearray()
    if not (said.isdecimal() and int(said[:20]) > limit):
        async for piece in request.stream():
            held += piece
            if len(held) > limit:
                break
        else:
            return bytes(held)
    raise ProblemError(413, "too_large", f"Expected a document of at most {limit} bytes.")


def problem(status: int, code: str, message: str) -> Response:
    """An error, as every address of the API writes it."""
    response = _json(Failed(Problem(message, code)), status)
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    return response


def _json(found: Any, status: int) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(found), status, headers, "application/json")
