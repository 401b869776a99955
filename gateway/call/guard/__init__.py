"""What may be said and done in a call, by rules: nothing else of the core knows of them."""
