"""Minds of the embedded assistant: the built-in one, a chat-completions endpoint, a script."""
