"""What outlives a call: the books in a database, written without making a call wait."""
