"""Sharing: what several gateways have in common, in one Redis."""
