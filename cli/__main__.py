"""`python -m cli` is `cachewatch`."""

from cli.main import main

main()
