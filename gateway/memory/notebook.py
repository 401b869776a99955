"""The notebook: the store's notes, as the tools want them."""

from __future__ import annotations

from gateway.store.memories import Memories
from tools.memory import Note


class Notebook:
    """Notes of all callers."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories

    async def put(self, tenant: str, caller: str, topic: str, note: str) -> None:
        """Keep a note."""
        await self._memories.put(tenant, caller, topic, note)

    async def find(self, tenant: str, caller: str, about: str = "") -> list[Note]:
        """The caller's notes."""
        found = await self._memories.find(tenant, caller, about)
        return [Note(topic=one.topic, note=one.note, day=one.day) for one in found]
