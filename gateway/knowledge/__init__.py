"""Knowledge: the operator's documents, read, cut into passages, and found by words and meaning."""
