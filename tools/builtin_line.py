"""Built-in tools for the line itself: putting a caller through, pressing keys, seeing a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from tools.context import Image, ToolContext, ToolError
from tools.pictures import described
from tools.spec import Tool, tool

MOST_IMAGES = 8  # told of in one answer


class Transferred(BaseModel):
    """What to say before the caller is put through."""

    message: str


class Seen(BaseModel):
    """A picture, as far as it is known without a model that sees."""

    number: int  # 1 is the first that was sent
    picture: str


def transfer_tool(targets: Mapping[str, str]) -> Tool[..., Any]:
    """The tool `transfer`, to these targets and nowhere else: a name, and the address it means."""

    async def transfer(context: ToolContext, target: str) -> Transferred:
        """Put the caller through to somebody else, who then takes over the call."""
        context.transfer(targets[target])
        return Transferred(message=f"The caller is being put through to {target}.")

    # A name is all that a model can give: it never writes a number that is dialled.
    names = Literal[tuple(targets)]  # type: ignore[valid-type]
    transfer.__annotations__["target"] = Annotated[names, "To whom."]
    return tool(transfer)


@tool
async def send_digits(
    context: ToolContext,
    digits: Annotated[
        str,
        Field(
            pattern=r"^[0-9*#A-Da-d ]{1,64}$",
            description="The keys to press, such as 12#; for a menu at the other end of the line.",
        ),
    ],
) -> str:
    """Press keys of the telephone, as a menu at the other end of the line asks for."""
    context.send_digits(digits)
    return "The keys were pressed."


@tool(side_effects=False)
async def look_at(
    context: ToolContext,
    number: Annotated[
        int, Field(ge=0, description="Which picture, 1 for the first; 0 for all of them.")
    ] = 0,
) -> list[Seen]:
    """Tell which pictures the caller has sent in this call, not what is on them."""
    images = context.images
    if not images:
        raise ToolError("The caller has sent no picture in this call.")
    if number > len(images):
        raise ToolError(f"There are only {len(images)} pictures.")
    return [
        Seen(number=at, picture=_in_words(image))
        for at, image in enumerate(images, start=1)
        if number in (0, at)
    ][-MOST_IMAGES:]


def _in_words(image: Image) -> str:
    known = described(image.media_type, image.data)
    return f"{image.name}: {known}" if image.name else known
