"""Errors, split by whose fault it is: the far end's, the operator's, or ours."""

from __future__ import annotations


class TrunklineError(Exception):
    """What a person can mend: says what was expected, what came, what to do."""


class WireError(TrunklineError):
    """A peer broke its protocol. `code` is the close code or status that its protocol names."""

    def __init__(self, message: str, code: int = 1008) -> None:
        super().__init__(message)
        self.code = code


class SettingsError(TrunklineError):
    """A setting is missing, misspelt or of the wrong kind; names it and shows a valid value."""


class AssistantError(TrunklineError):
    """The way to a model could not be opened, or was refused."""
