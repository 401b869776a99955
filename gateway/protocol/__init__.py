"""The Realtime protocol itself, as all who speak it here share it: shapes, checks, refusals."""
