"""Ways to a model: one file per kind of assistant."""
