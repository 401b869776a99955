"""Memory: what is known of a caller from one call to the next."""
