"""The tool belt: where tools come from, and how a call has them run."""
