"""Archives: what is held on a caller as a zip, and conversations as lines to train a model on."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from typing import IO

from gateway.privacy.aside import aside
from gateway.privacy.holders import Kept


async def archive(files: AsyncIterator[Kept], out: IO[bytes]) -> int:
    """Write a zip; says how many files are in it."""
    count = 0
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        async for kept in files:
            await aside(packed.writestr, kept.path, kept.content)  # a recording takes seconds
            count += 1
    return count
