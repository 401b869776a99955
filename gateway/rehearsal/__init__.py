"""Rehearsal: sample callers that play recorded speech to a gateway and hear its answers."""
