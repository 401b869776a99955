"""A gateway in a process of its own, as `trunkline serve` starts it, for tests that kill it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVE = "import sys; sys.path.insert(0, {!r}); from gateway.cli import main; sys.exit(main())"


@dataclass(slots=True)
class GatewayProcess:
    """The process, and where it listens."""

    child: Process
    file: Path
    address: str = ""

    async def wait_said(self, words: str) -> dict[str, Any]:
        """Until its log says so; gives the line."""
        assert self.child.stderr is not None
        while line := await self.child.stderr.readline():
            said: dict[str, Any] = json.loads(line)
            if said["message"] == words:
                return said
        raise AssertionError(f"it ended before it said: {words}")


@asynccontextmanager
async def gateway_process(
    folder: Path, model: str, sections: str = "", *arguments: str
) -> AsyncIterator[GatewayProcess]:
    """It is killed at the end, if it still runs."""
    file = folder / "trunkline.toml"
    file.write_text(f'[assistant]\nbase_url = "{model}"\n{sections}')
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", SERVE.format(str(ROOT)), "serve", "--port", "0", *arguments),
        cwd=folder,
        env={"TRUNKLINE_LOG__FORMAT": "json", "TRUNKLINE_LIMITS__LAG_MS": "0"},
        stderr=PIPE,
    )
    gateway = GatewayProcess(child, file)
    try:
        gateway.address = (await gateway.wait_said("ready"))["address"]
        yield gateway
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()
