"""What reads a program for findings. It is run in a process of its own, and imports no Carrel.

The source may be anybody's: nothing here evaluates any of it, and whoever starts the process sets
its limits and outlives it. All imports between these files are relative, because they are found
beside each other and nowhere else.
"""
