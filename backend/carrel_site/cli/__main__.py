"""`python -m carrel_site.cli`: the same command, for the programs that `carrel up` starts."""

from carrel_site.cli import main

main()
