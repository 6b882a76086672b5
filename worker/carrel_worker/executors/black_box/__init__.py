"""Private black boxes: any function on random blocks of units, of which a noisy mean leaves."""
