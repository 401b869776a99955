"""What an operator may set: one file per section of trunkline.toml, read and checked here."""

from gateway.settings.loading import FILE, load, to_toml
from gateway.settings.sections import Settings

__all__ = ["FILE", "Settings", "load", "to_toml"]
