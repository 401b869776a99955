"""Trunkline's server: the call, its legs, and what watches them."""
