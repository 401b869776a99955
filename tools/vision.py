"""Looking at a caller's pictures with a model that sees, behind an OpenAI-compatible chat API."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Annotated, Any

from pydantic import Field

from tools.context import Image, ToolContext, ToolError
from tools.http import declared, http_tool
from tools.http_client import HttpClient, HttpPolicy
from tools.spec import Tool, tool

LOOKED_AT = 4  # pictures in one question, the last ones
TOKENS = 300  # of an answer
SAID = "choices.message.content"
ORDER = (
    "Answer the question about the picture in one or two short plain sentences, as they are read "
    "out to a caller, in the language of the question. What cannot be seen is not guessed."
)
BODY = {
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array"},
        "max_tokens": {"type": "integer"},
    }
}


def seeing_tool(
    client: HttpClient, limits: HttpPolicy, url: str, model: str, key: str = ""
) -> Tool[..., Any]:
    """The tool `look_at` that asks this model. Raises ToolDefinitionError."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"{url.rstrip('/')}/chat/completions"
    asked = declared("look_at", "Ask a model that sees.", "POST", address, BODY, headers=headers)
    seer = http_tool(asked, client, limits, idempotent=True, keep=(SAID,))

    @tool(side_effects=False, timeout=seer.policy.timeout)
    async def look_at(
        context: ToolContext,
        question: Annotated[
            str, Field(max_length=1000, description="What is to be found out.")
        ] = "What is on it?",
        number: Annotated[
            int, Field(ge=0, description="Which picture, 1 for the first; 0 for the last ones.")
        ] = 0,
    ) -> str:
        """Look at the pictures that the caller has sent in this call, and answer a question."""
        content = [{"type": "text", "text": question}, *map(_part, chosen(context.images, number))]
        messages = [{"role": "system", "content": ORDER}, {"role": "user", "content": content}]
        body = {"model": model, "messages": messages, "max_tokens": TOKENS}
        told = await seer.run(json.dumps(body), context)
        words = told.get(SAID) if isinstance(told, dict) else None
        if not isinstance(words, list) or not words or not isinstance(words[0], str):
            raise ToolError("Nothing could be made out.")
        return words[0]

    return look_at


def chosen(images: tuple[Image, ...], number: int) -> tuple[Image, ...]:
    """The picture of this number, counted from 1; with 0 the last ones. Raises ToolError."""
    if not images:
        raise ToolError("The caller has sent no picture in this call.")
    if number > len(images):
        raise ToolError(f"There are only {len(images)} pictures.")
    return (images[number - 1],) if number else images[-LOOKED_AT:]


def _part(image: Image) -> dict[str, Any]:
    data = b64encode(image.data).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{data}"}}
