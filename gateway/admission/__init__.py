"""Admission: who may call, how much at once, and what this machine can still carry."""
