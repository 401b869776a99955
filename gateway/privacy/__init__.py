"""Privacy: what is held on callers, for how long, and how it is given out and erased."""
