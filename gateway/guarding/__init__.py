"""What the rules of calls come from, who is asked for them, and how they are tried out."""
