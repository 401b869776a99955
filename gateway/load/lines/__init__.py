"""Lines: the protocols that callers of a load test come by, the callers' side of each."""
