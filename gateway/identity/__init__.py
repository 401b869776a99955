"""Who calls and who operates: keys, tokens, what they may do, and whose calls they see."""
