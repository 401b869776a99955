"""The operators' API under /api: calls, keys, the audit, orders; each behind a scope."""
