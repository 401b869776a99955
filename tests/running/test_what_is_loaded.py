"""What a process loads: only what it was asked for, so that it is there soon and stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SETTINGS = """
[server]
port = 0
[assistant]
kind = "openai"
api_key = "sk-nobody"
[bridges.twilio]
enabled = true
auth_token = "12345"
[bridges.audiosocket]
enabled = true
port = 0
[turns]
second_opinion = false
[taps]
journal = "journals"
transcripts = "transcripts"
"""

READY = """
import asyncio, sys
from pathlib import Path
from audio.format import Format
from gateway.running.listening import listen
from gateway.running.opening import listening, open_gateway
from gateway.settings import load

async def main():
    settings = load(Path(sys.argv[1]), {})
    with listen("127.0.0.1", 0) as bound:
        async with open_gateway(settings) as gateway, listening(gateway, bound):
            for encoding, rate in map(str.split, sys.argv[2:]):
                await gateway.groundwork.lay(Format(encoding, int(rate)), gateway.load)
            print(*sys.modules)

asyncio.run(main())
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """The modules of a process that runs this and prints them, by their first name."""
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_what_a_command_takes_is_told_without_loading_what_it_runs() -> None:
    code = "from gateway.cli import _parser\n_parser('serve')\nprint(*sys.modules)"
    assert not loaded(code) & {"pydantic", "numpy", "starlette", "uvicorn", "picows", "tomllib"}


def test_the_parent_of_workers_loads_nothing_that_calls_or_settings_are_made_of() -> None:
    there = loaded("import gateway.workers.supervisor\nprint(*sys.modules)")
    assert not there & {"pydantic", "numpy", "starlette", "uvicorn", "redis", "cryptography"}


def test_a_gateway_to_openai_loads_nothing_that_its_settings_do_not_ask_for(
    tmp_path: Path,
) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_text(SETTINGS)
    there = loaded(READY, str(file), "pcmu 8000", "pcm16 8000")
    assert {"pydantic", "starlette", "picows", "webrtcvad"} <= there  # what telephones need
    assert "numpy" not in there
    for_servers = {"httpx2", "httpcore2", "jsonschema", "referencing", "yaml", "mcp"}
    for_books = {"sqlalchemy", "alembic", "redis", "jwt", "cryptography"}
    for_rules, for_files = {"re2"}, {"soundfile", "soxr"}
    for_models = {"openai", "onnxruntime", "moonshine_onnx", "av", "aiortc", "PIL"}
    assert not there & (for_servers | for_books | for_rules | for_files | for_models)


def test_what_codes_recordings_is_there_before_the_first_call(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.toml"
    opus = 'recording = "recordings"\n[privacy]\nrecording_format = "opus"\n'
    file.write_text(SETTINGS + opus)
    assert "soundfile" in loaded(READY, str(file), "pcmu 8000")


def test_what_changes_rates_is_there_before_a_call_that_needs_it(tmp_path: Path) -> None:
    file = tmp_path / "trunkline.toml"
    file.write_text(SETTINGS)
    assert "numpy" in loaded(READY, str(file), "pcm16 24000")
