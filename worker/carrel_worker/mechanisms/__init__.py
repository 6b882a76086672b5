"""Exact bounded aggregation, and the noise that is added to it."""
