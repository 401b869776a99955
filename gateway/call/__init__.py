"""The pure core: one call as a state machine, with no clock, no socket and no thread."""
