"""Flag: something that is so or is not, for which others may wait; it holds nothing meanwhile.

As asyncio's Event, which keeps a queue of 600 bytes for those who wait, be there any or not. A call
has a dozen of these, and hardly ever somebody waits for one of them.
"""

from __future__ import annotations

from asyncio import Future, get_running_loop


class Flag:
    """Down until it is set."""

    __slots__ = ("_set", "_waiting")

    def __init__(self, is_set: bool = False) -> None:
        self._set = is_set
        self._waiting: tuple[Future[None], ...] = ()

    def is_set(self) -> bool:
        """Whether it is so."""
        return self._set

    def set(self) -> None:
        """It is so; whoever waits goes on."""
        self._set = True
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    def clear(self) -> None:
        """It is not so any more; whoever has been woken goes on all the same."""
        self._set = False

    async def wait(self) -> None:
        """Until it is set."""
        if self._set:
            return
        mine: Future[None] = get_running_loop().create_future()
        self._waiting = (*self._waiting, mine)
        try:
            await mine
        finally:
            self._waiting = tuple(one for one in self._waiting if one is not mine)
