"""Running: how a gateway comes to life, takes other settings, and ends."""
