"""Inside the cell: reads one document in a process of its own, which may be killed.

The kind comes on the command line, the document on standard input; passages go out as JSON, or
what is wrong. Limits on memory and time hold for whatever the document unpacks to.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from functools import partial

from gateway.knowledge.blocks import Block, Budget, DocumentError
from gateway.knowledge.office import docx_blocks
from gateway.knowledge.pages import html_blocks
from gateway.knowledge.passages import passages
from gateway.knowledge.plain import csv_blocks, text_blocks
from gateway.knowledge.portable import pdf_blocks

MEMORY = 768 * 1024 * 1024  # bytes
CPU_SECONDS = 20
NICE = 10  # calls go first
WRONG = 3  # exit status: the document is to blame

READERS: dict[str, Callable[[bytes], Iterator[Block]]] = {
    "txt": partial(text_blocks, markdown=False),
    "md": partial(text_blocks, markdown=True),
    "html": html_blocks,
    "csv": csv_blocks,
    "docx": docx_blocks,
    "pdf": pdf_blocks,
}


def read(kind: str, data: bytes) -> list[tuple[str, str, str]]:
    """Heading, place and text of each passage. Raises DocumentError."""
    budget = Budget()
    blocks = (budget.take(block) for block in READERS[kind](data))
    found = [(one.heading, one.place, one.text) for one in passages(blocks)]
    if not found:
        raise DocumentError("it holds no text")
    return found


def main() -> int:
    """Read what comes, within limits."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere the kernel does not keep to it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(NICE)
    try:
        told, status = json.dumps(read(sys.argv[1], sys.stdin.buffer.read())), 0
    except DocumentError as error:
        told, status = str(error), WRONG
    except (MemoryError, RecursionError):
        told, status = f"it takes more than {MEMORY >> 20} MB of memory to read it", WRONG
    sys.stdout.write(told)
    return status


if __name__ == "__main__":
    sys.exit(main())
