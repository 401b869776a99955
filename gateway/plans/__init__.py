"""Plans: what a call is to be, from the settings and from what is known of it."""
