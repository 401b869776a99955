"""The smallest tool module: give this file to a call, and the assistant can roll dice."""

import random
from typing import Annotated

from pydantic import Field

from tools import tool


@tool
def roll_dice(
    sides: Annotated[int, Field(ge=2, le=100, description="How many sides the die has.")] = 6,
) -> str:
    """Roll a die for the caller."""
    return f"You rolled a {random.randint(1, sides)}."
