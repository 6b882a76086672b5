"""`carrel demo`: a site with real data, two people, and one private question."""
