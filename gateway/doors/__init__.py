"""Doors: the ways in over HTTP and WebSocket, and who is let through them."""
