"""Reviewed code: programs, their runs on made-up rows, and environments."""
