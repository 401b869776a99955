"""Minds of the embedded assistant: the built-in one, any chat-completions endpoint, and a script."""
