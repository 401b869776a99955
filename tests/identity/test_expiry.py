"""What let a caller in expires or is revoked while the call is live."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jwt
import pytest
from httpx2 import AsyncClient

from audio.format import pcm16
from gateway.assistants.target import Target
from gateway.call import effects as do
from gateway.call.plan import ExpiryPolicy, IdlePolicy, Plan
from gateway.call.quiet import EXPIRED
from gateway.identity.policy import TokenPolicy
from gateway.identity.revoked import Revoked, credential, credentials
from gateway.identity.tokens import issue
from gateway.identity.who import OPERATOR, SCOPES, Identity
from gateway.plans.planning import Booking
from gateway.settings.auth import Expiry
from tests.call.story import Story
from tests.front_door.line import called
from tests.whole import BriefMind, open_whole, typing

SECRET = "a secret of at least thirty-two characters"
ADA = Identity("token", "jwt_7", "acme", "ada", frozenset())


def test_a_call_ends_at_the_moment_at_which_what_let_it_in_expires() -> None:
    told = Story(Plan(expiry=ExpiryPolicy(10_000_000)))
    told.wait(9_000)
    told.says(500)
    told.answers(5_000)
    told.wait(600)
    assert told.all(do.End) == [do.End(EXPIRED)]
    assert told.times(do.End) == [10_000.0]


def test_or_when_the_assistant_has_spoken() -> None:
    told = Story(Plan(expiry=ExpiryPolicy(10_000_000, finish=True)))
    told.wait(9_000)
    told.says(500)
    told.answers(2_000)
    told.wait(600)
    assert not told.call.ended
    told.wait(2_000)
    assert told.all(do.End) == [do.End(EXPIRED)]


def test_a_client_that_changes_its_session_does_not_stay_longer() -> None:
    from gateway.call.events import PlanChanged

    told = Story(Plan(expiry=ExpiryPolicy(10_000_000)))
    told.feed(PlanChanged(Plan(idle=IdlePolicy(after=1))))
    told.wait(10_000)
    assert told.call.ended


@pytest.mark.parametrize(
    ("expired", "left", "wanted"),
    [
        ("end", 90.0, ExpiryPolicy(90_000_000)),
        ("finish", 90.0, ExpiryPolicy(90_000_000, finish=True)),
        ("end", -90.0, ExpiryPolicy(1)),
        ("go_on", 90.0, ExpiryPolicy()),
        ("end", 1e300, ExpiryPolicy()),
    ],
)
def test_a_call_reads_the_clock_once_when_it_begins(
    expired: Expiry, left: float, wanted: ExpiryPolicy
) -> None:
    booking = Booking(Plan(rate=pcm16(24_000).rate), Target(kind="embedded"), expires=1_000 + left)
    assert booking.beginning(expired, wall=1_000.0).plan.expiry == wanted


def test_a_token_is_revoked_for_its_own_tenant_or_for_all() -> None:
    revoked = Revoked()
    revoked.add("jwt_7", "globex")
    assert not revoked.holds(ADA)
    revoked.add("jwt_7", "acme")
    assert revoked.holds(ADA)
    assert not revoked.holds(OPERATOR)
    revoked.add("jwt_8", "*")
    assert revoked.holds(Identity("token", "jwt_8", "acme", "bob", frozenset()))
    assert credentials("7") == ["jwt_7"]
    assert credentials("jwt_7") == ["jwt_jwt_7", "jwt_7"], "a claim may begin so, too"


async def test_a_token_that_expires_ends_its_call_in_two_seconds() -> None:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET, "TRUNKLINE_AUTH__LEEWAY_S": "0"}
    async with open_whole(told, BriefMind()) as house:
        short = issue(TokenPolicy(SECRET), "acme", "ada", ["calls:place"], 2)
        async with typing(house, token=short) as caller:
            ended = await caller.wait_for("ended")
            assert ended["reason"] == EXPIRED


@pytest.mark.parametrize("books", [True, False], ids=["books", "memory"])
async def test_a_revoked_token_is_remembered_where_there_are_books(
    tmp_path: Path, books: bool
) -> None:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET}
    if books:
        told |= {
            "TRUNKLINE_STORE__URL": str(tmp_path / "trunkline.db"),
            "TRUNKLINE_STORE__SPILL": str(tmp_path / "spill"),
        }
    hers = issue(TokenPolicy(SECRET), "acme", "ada", list(SCOPES), 600)
    ours = {"authorization": f"Bearer {issue(TokenPolicy(SECRET), '*', 'ops', ['keys'], 600)}"}
    bearer = {"authorization": f"Bearer {hers}"}
    for first in (True, False):
        async with (
            open_whole(told, BriefMind()) as house,
            AsyncClient(base_url=house.address) as http,
        ):
            if first:
                name = (await http.get("/api/whoami", headers=bearer)).json()["credential"]
                async with typing(house, token=hers) as caller:
                    order = {"token": name}
                    done = await http.post("/api/revocations", headers=ours, json=order)
                    assert done.json() == {"stopped": 1}
                    assert (await caller.wait_for("ended"))["reason"] == "the token was revoked"
            elif books:
                async with asyncio.timeout(2):
                    while (await http.get("/api/whoami", headers=bearer)).status_code != 401:
                        await asyncio.sleep(0.02)
            status = (await http.get("/api/whoami", headers=bearer)).status_code
            assert status == (401 if books or first else 200)


def shown(token: str) -> dict[str, dict[str, str]]:
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


async def test_a_token_that_is_revoked_before_the_call_begins_is_as_bad_for_it() -> None:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET}
    hers = issue(TokenPolicy(SECRET), "acme", "ada", ["calls:place"], 600)
    async with open_whole(told, BriefMind()) as house, called(house, **shown(hers)) as line:
        await line.until("session.created")  # let in; the call begins with what she says next
        house.gateway.access.revoked.add(credential(number_of(hers)), "acme")
        await line.configure()
        async with asyncio.timeout(10):
            await line.socket.wait_closed()


@pytest.mark.parametrize("way", ["revoked", "expired"])
async def test_who_follows_a_call_leaves_with_what_let_them_in_and_the_call_goes_on(
    way: str,
) -> None:
    told = {"TRUNKLINE_AUTH__JWT_SECRET": SECRET, "TRUNKLINE_AUTH__LEEWAY_S": "0"}
    hers = issue(TokenPolicy(SECRET), "acme", "ada", ["calls:place"], 600)
    theirs = issue(
        TokenPolicy(SECRET),
        *("acme", "desk", ["calls:place", "calls:read"], 2 if way == "expired" else 600),
    )
    async with open_whole(told, BriefMind()) as house, typing(house, token=hers) as caller:
        query = f"?call_id={caller.call_id}"
        async with called(house, query, **shown(theirs)) as side:
            await side.until("session.created")
            if way == "revoked":
                house.gateway.access.revoked.add(credential(number_of(theirs)), "acme")
            async with asyncio.timeout(10):
                await side.socket.wait_closed()
        assert house.gateway.switchboard.find(caller.call_id) is not None
        assert not list(house.gateway.access.guests)


def number_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])
