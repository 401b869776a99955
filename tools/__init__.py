"""What the assistant may call: knows nothing of audio or of the wire."""
