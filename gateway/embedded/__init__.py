"""The model server that ships with Trunkline; to the rest of it a stranger on a socket."""
