"""How a laid-out table is coded and stored."""
