"""Seeing: pictures on their way from a caller to a model that can see."""
