"""Approved code: checked, run in the sandbox, and what it returns taken in as data."""
