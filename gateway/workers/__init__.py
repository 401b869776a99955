"""Workers: one gateway in several processes, on one port, each with its share of the calls."""
