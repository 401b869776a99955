"""WebSockets on both sides of a call, framed in C and read without a task."""
