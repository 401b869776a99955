"""The REST API of Twilio and of those who follow it: calls are begun, ended and put through."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from gateway.callers.line import LineError
from gateway.http import Http, NoAnswerError
from gateway.private import Private

ENDED = 20404  # the code for a call that is no longer there
NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")
SIP = re.compile(r"sips?:[^\s<>\"']{1,250}\Z")


class _Problem(msgspec.Struct):
    code: int | str = ""
    message: str = ""


class _Call(msgspec.Struct):
    sid: str


@dataclass(frozen=True, slots=True)
class Api:
    """One account's REST API. Raises LineError, in the provider's words."""

    provider: str  # its name, for people
    base: str  # up to the account, as https://api.twilio.com/2010-04-01/Accounts/AC…
    user: str
    password: Private[str]
    http: Http

    async def create(self, fields: Mapping[str, str]) -> str:
        """Begin a call; gives its id."""
        answer = await self._post("/Calls.json", fields)
        try:
            return msgspec.json.decode(answer, type=_Call).sid
        except msgspec.DecodeError:
            raise LineError(f"{self.provider} took the call but did not name it") from None

    async def update(self, sid: str, fields: Mapping[str, str]) -> None:
        """Change a call; one that has ended is left as it is."""
        await self._post(f"/Calls/{quote(sid, safe='')}.json", fields)

    async def _post(self, path: str, fields: Mapping[str, str]) -> bytes:
        try:
            login = (self.user, self.password.reveal())
            response = await self.http.request(
                "POST", self.base + path, data=dict(fields), auth=login
            )
        except NoAnswerError as error:
            raise LineError(f"{self.provider} cannot be reached: {error}") from error
        if response.status_code >= 400:
            raise self._problem(response.status_code, response.content)
        return response.content

    def _problem(self, status: int, body: bytes) -> LineError:
        try:
            said = msgspec.json.decode(body, type=_Problem)
        except msgspec.DecodeError:
            said = _Problem()
        if said.code in (ENDED, str(ENDED)):
            return GoneError(f"{self.provider} says that the call has ended")
        why = f": {said.message[:300]} ({said.code})" if said.message else ""
        return LineError(f"{self.provider} answered {status}{why}")


class GoneError(LineError):
    """The call has ended already."""


@dataclass(frozen=True, slots=True)
class RestLine:
    """One call, beside its stream."""

    api: Api
    sid: str
    place: Callable[[str], Mapping[str, str]]  # TwiML as the fields of a request that gives it
    targets: Mapping[str, str]  # whom names stand for
    ends: bool = True  # whether a call whose stream is closed is to end

    async def hang_up(self, reason: str) -> None:
        """End the call, unless the provider is to go on with it."""
        del reason
        if self.ends:
            with suppress(GoneError):  # closing the stream did it
                await self.api.update(self.sid, {"Status": "completed"})

    async def transfer(self, target: str) -> None:
        """Let the provider dial somebody for the caller."""
        await self.api.update(self.sid, self.place(dial(self.targets.get(target, target))))


def dial(target: str) -> str:
    """The TwiML that dials a number or a SIP address. Raises LineError for anything else."""
    plain = target.strip() if target.startswith("sip") else re.sub(r"[\s()./-]", "", target)
    if NUMBER.match(plain):
        return f"<Response><Dial><Number>{plain}</Number></Dial></Response>"
    if SIP.match(plain):
        return f"<Response><Dial><Sip>{escape(plain)}</Sip></Dial></Response>"
    raise LineError(
        "expected a telephone number such as +15551234567, a SIP address, or a name under targets"
    )
