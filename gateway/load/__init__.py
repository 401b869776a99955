"""Load: callers and a scripted model around a gateway, and what the gateway adds between them."""
