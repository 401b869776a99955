"""A real Asterisk for tests, where one is installed: configured in a folder, begun, asked, ended.

`TRUNKLINE_ASTERISK` names the program where it is not on the path.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from audio import wav
from tests.callers.peers.audiosocket import PORT, free_port
from tests.callers.peers.chan_websocket import PASSWORD

ASTERISK = os.environ.get("TRUNKLINE_ASTERISK") or shutil.which("asterisk")
SAMPLES = Path(__file__).parents[2] / "samples/audio/commands"
MODULES = """
res_timing_timerfd res_clioriginate res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_http_websocket res_websocket_client res_audiosocket app_audiosocket chan_audiosocket
chan_websocket res_curl func_curl func_uri func_strings func_cut func_logic func_channel
func_callerid pbx_config codec_ulaw codec_alaw codec_resample format_wav app_playback
app_record app_dial app_verbose app_senddtmf app_stack app_stasis bridge_simple
bridge_softmix bridge_holding chan_bridge_media res_stasis res_stasis_answer
res_stasis_playback res_stasis_recording res_stasis_snoop res_stasis_device_state
res_ari_model res_ari res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels
res_ari_endpoints res_ari_events
"""


def _dialplan(gateway: str, folder: Path) -> str:
    """Callers that speak, and ways to the gateway; what is next is written into the log."""
    voice = "from=${URIENCODE(+15550100)}&to=100&tenant=acme"
    return f"""
[caller]
exten => 1,1,Wait(0.3)
 same => n,Playback({folder}/question)
 same => n,Record({folder}/answer.wav,0,3,q)
 same => n,Hangup()
exten => digits,1,Wait(0.5)
 same => n,SendDTMF(42#,100,100)
 same => n,Record({folder}/answer.wav,0,4,q)
 same => n,Hangup()
exten => wait,1,Record({folder}/answer.wav,0,12,q)

[gateway]
exten => app,1,Answer()
 same => n,Set(TICKET=${{CURL({gateway}/audiosocket/voice,{voice})}})
 same => n,AudioSocket(${{TICKET}},127.0.0.1:{PORT})
 same => n,Set(NEXT=${{CURL({gateway}/audiosocket/next/${{TICKET}})}})
 same => n,Log(NOTICE,next ${{NEXT}})
 same => n,GotoIf($["${{CUT(NEXT,|,1)}}" = "transfer"]?${{CUT(NEXT,|,2)}},1)
 same => n,Hangup(${{CUT(NEXT,|,2)}})
exten => nobody,1,Answer()
 same => n,Set(TICKET=11111111-2222-4333-8444-555555555555)
 same => n,AudioSocket(${{TICKET}},127.0.0.1:{PORT})
 same => n,Log(NOTICE,next ${{CURL({gateway}/audiosocket/next/${{TICKET}})}})
exten => wide,1,Set(TICKET=${{CURL({gateway}/audiosocket/voice,{voice})}})
 same => n,Dial(AudioSocket/127.0.0.1:{PORT}/${{TICKET}}/c(slin16))
exten => raw,1,Set(TICKET=${{CURL({gateway}/audiosocket/voice,{voice})}})
 same => n,Dial(AudioSocket/127.0.0.1:{PORT}/${{TICKET}})
exten => json,1,Set(TICKET=${{CURL({gateway}/chan_websocket/voice,{voice})}})
 same => n,Dial(WebSocket/trunkline/c(slin16)f(json)nv(ticket=${{TICKET}}),,g)
 same => n,Set(NEXT=${{CURL({gateway}/chan_websocket/next/${{TICKET}})}})
 same => n,Log(NOTICE,next ${{NEXT}})
 same => n,GotoIf($["${{CUT(NEXT,|,1)}}" = "transfer"]?${{CUT(NEXT,|,2)}},1)
exten => plain,1,Dial(WebSocket/trunkline/c(ulaw)v(from=%2B15550100,to=100,tenant=acme))
exten => callee,1,Answer()
 same => n,Goto(caller,1,1)
exten => agent,1,Log(NOTICE,the agent is there)
"""


def _configure(folder: Path, gateway: str, http: int) -> None:
    conf = folder / "conf"
    conf.mkdir()
    for name in ("var", "log", "run", "spool", "data"):
        (folder / name).mkdir()
    places = {
        **{"astetcdir": conf, "astvarlibdir": folder / "data", "astdbdir": folder / "var"},
        **{"astdatadir": Path("/usr/share/asterisk"), "astspooldir": folder / "spool"},
        **{"astrundir": folder / "run", "astlogdir": folder / "log"},
    }
    files = {
        "asterisk.conf": "[directories]\n"
        + "".join(f"{name} => {place}\n" for name, place in places.items()),
        "modules.conf": "[modules]\nautoload=no\n"
        + "".join(f"load => {name}.so\n" for name in MODULES.split()),
        "logger.conf": "[logfiles]\nfull => notice,warning,error\n",
        "extensions.conf": _dialplan(gateway, folder),
        "http.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={http}\n",
        "ari.conf": "[general]\nenabled=yes\n[trunkline]\ntype=user\npassword=secret\n",
        "websocket_client.conf": f"""
[trunkline]
type = websocket_client
uri = {gateway.replace("http", "ws", 1)}/chan_websocket/media
protocols = media
username = asterisk
password = {PASSWORD}
connection_type = per_call_config
connection_timeout = 2000
reconnect_attempts = 1
tls_enabled = no
""",
    }
    for name, text in files.items():
        (conf / name).write_text(text)
    question = wav.read(SAMPLES / "where_is_my_order.wav", rate=8_000)
    wav.write(folder / "question.wav", question, 8_000)


@dataclass
class Asterisk:
    """One that runs."""

    folder: Path
    program: str
    ari: str  # where its HTTP server is

    async def ask(self, command: str) -> str:
        """What its console says to a command."""
        conf = str(self.folder / "conf/asterisk.conf")
        asking = await asyncio.create_subprocess_exec(
            *(self.program, "-C", conf, "-rx", command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said, _ = await asking.communicate()
        return said.decode()

    async def call(self, way: str, caller: str = "1") -> None:
        """Let a caller call the gateway that way."""
        await self.ask(f"channel originate Local/{way}@gateway extension {caller}@caller")

    def log(self) -> str:
        """What it noticed."""
        return (self.folder / "log/full").read_text()

    async def until_logged(self, words: str, seconds: float = 30) -> None:
        """Wait until it has noticed something."""
        async with asyncio.timeout(seconds):
            while words not in self.log():
                await asyncio.sleep(0.1)

    async def until_idle(self, seconds: float = 30) -> None:
        """Wait until there is no call any more."""
        async with asyncio.timeout(seconds):
            while "0 active channels" not in await self.ask("core show channels count"):
                await asyncio.sleep(0.1)

    def heard(self) -> bytes:
        """What the caller recorded, at 8 kHz."""
        return wav.read(self.folder / "answer.wav", rate=8_000)


@asynccontextmanager
async def running(folder: Path, gateway: str, http: int = 0) -> AsyncIterator[Asterisk]:
    """An Asterisk whose dialplan knows that gateway; `http`: the port of its REST interface."""
    assert ASTERISK is not None
    http = http or free_port()
    _configure(folder, gateway, http)
    program = await asyncio.create_subprocess_exec(
        *(ASTERISK, "-f", "-C", str(folder / "conf/asterisk.conf")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    asterisk = Asterisk(folder, ASTERISK, f"http://127.0.0.1:{http}")
    try:
        async with asyncio.timeout(20):
            while "fully booted" not in await asterisk.ask("core waitfullybooted"):
                await asyncio.sleep(0.1)
        yield asterisk
    finally:
        await asterisk.ask("core stop now")
        if program.returncode is None:
            program.terminate()
        await program.wait()
