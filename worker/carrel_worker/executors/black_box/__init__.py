"""Private black boxes: any function on random blocks of units; a mean or median leaves."""
