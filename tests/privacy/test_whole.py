"""A whole gateway: what it keeps of a call, gives out, and forgets."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path
from urllib.parse import quote

import soundfile
from httpx2 import AsyncClient

from gateway.identity.policy import TokenPolicy
from gateway.identity.tokens import issue
from gateway.identity.who import SCOPES
from gateway.store.audit import verify
from tests.redaction.examples import CARDS
from tests.whole import BriefMind, open_whole, typing

KEY = "k1:" + "A" * 43
SIGNING = "a secret of at least thirty-two characters"
CALLER = "sip:ada/lovelace"
AT = f"/api/callers/{quote(CALLER, safe='')}"
TOKEN = issue(TokenPolicy(SIGNING), "acme", CALLER, sorted(SCOPES), 600)
SECRET = "the parrot is purple"


def told(folder: Path, **more: str) -> dict[str, str]:
    return {
        "TRUNKLINE_STORE__URL": str(folder / "trunkline.db"),
        "TRUNKLINE_STORE__SPILL": str(folder / "spill"),
        "TRUNKLINE_TAPS__JOURNAL": str(folder / "journals"),
        "TRUNKLINE_TAPS__RECORDING": str(folder / "recordings"),
        "TRUNKLINE_TAPS__TRANSCRIPTS": str(folder / "transcripts"),
        "TRUNKLINE_AUTH__JWT_SECRET": SIGNING,
        **more,
    }


def files_with(folder: Path, *words: str) -> list[str]:
    wanted = [word.encode() for word in words]
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in wanted)
    ]


async def test_a_caller_is_kept_locked_given_out_and_forgotten(tmp_path: Path) -> None:
    settings = told(tmp_path, TRUNKLINE_PRIVACY__KEYS=KEY)
    head = {"authorization": f"Bearer {TOKEN}"}
    async with (
        open_whole(settings, BriefMind(f"I see: {SECRET}.")) as house,
        AsyncClient(base_url=house.address, headers=head) as http,
    ):
        store, custodian = house.gateway.store, house.gateway.custodian
        assert store is not None
        assert custodian is not None
        async with typing(house, token=TOKEN) as caller:
            await caller.ask(f"{SECRET}, and my card is {CARDS[1]}")
            await caller.ask("Thank you.")
            call = caller.call_id
        await store.writer.wait_written()
        assert files_with(tmp_path / "journals", SECRET, CARDS[1]) == []
        assert files_with(tmp_path / "transcripts", SECRET, CARDS[1]) == []
        made = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(made) > 4
        assert [path for path in made if path.stat().st_mode & 0o007] == [], "read by others"
        (recording,) = (tmp_path / "recordings").iterdir()
        assert b"RIFF" not in recording.read_bytes()
        turns = (await http.get(f"/api/calls/{call}/turns")).json()["turns"]
        assert turns[0]["said"] == f"{SECRET}, and my card is [card]"
        assert turns[1]["end_s"] > turns[1]["start_s"] > 0

        whole = await http.get(f"/api/calls/{call}/audio")
        sound, rate = soundfile.read(io.BytesIO(whole.content))
        assert (rate, sound.shape[1]) == (24_000, 2)
        part = await http.get(f"/api/calls/{call}/audio", headers={"range": "bytes=40-1003"})
        assert (part.status_code, part.content) == (206, whole.content[40:1004])
        assert part.headers["content-range"] == f"bytes 40-1003/{len(whole.content)}"
        last = await http.get(f"/api/calls/{call}/audio", headers={"range": "bytes=-10"})
        assert last.content == whole.content[-10:]
        beyond = await http.get(f"/api/calls/{call}/audio", headers={"range": "bytes=99999999-"})
        assert beyond.status_code == 416

        given = await http.get(f"{AT}/export")
        with zipfile.ZipFile(io.BytesIO(given.content)) as packed:
            names = packed.namelist()
            assert json.loads(packed.read(f"calls/{call}.json"))["call"]["id"] == call
            assert SECRET in packed.read(f"transcripts/{call}.transcript.jsonl").decode()
            assert packed.read(f"recordings/{call}.wav") == whole.content
        assert len(names) == 4

        async with typing(house, token=TOKEN) as caller:
            await caller.ask(f"Again: {SECRET}")
            gone = (await http.delete(AT)).json()
            assert (gone["calls"], gone["live"]) == (1, 1)
            await caller.ask(f"And again: {SECRET}")
        async with asyncio.timeout(20):
            while (await http.get("/api/calls")).json()["calls"]:
                await custodian.look()
                await asyncio.sleep(0.02)
        assert (await http.delete(AT)).status_code == 404
        await store.writer.wait_written()
        assert (await verify(store.database)).broken == ""
        assert files_with(tmp_path, "parrot", CALLER) == []
    assert files_with(tmp_path, "parrot", CALLER) == []
    assert [list((tmp_path / name).iterdir()) for name in ("journals", "recordings")] == [[], []]


async def test_a_caller_who_does_not_agree_leaves_nothing_behind(tmp_path: Path) -> None:
    asks = {f"TRUNKLINE_PRIVACY__{name}": "consent" for name in ("RECORDING", "TRANSCRIPTS")}
    async with open_whole(told(tmp_path, **asks)) as house:
        store = house.gateway.store
        assert store is not None
        async with typing(house, token=TOKEN) as caller:
            await caller.wait_for("words", role="assistant", final=True)
            await caller.ask("No, thank you.")
            await caller.ask(SECRET)
            call = caller.call_id
        await store.writer.wait_written()
        row = await store.reading.call(call)
        assert row is not None
        assert row["consent"] == "refused"
        assert await store.reading.turns(call) == []
    assert files_with(tmp_path, "parrot", "thank") == []
    assert not (tmp_path / "recordings").exists()
