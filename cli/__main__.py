"""`python -m cli` is `cachewatch`."""

import sys

try:
    from cli.main import main

    main()
except KeyboardInterrupt:  # while the imports ran; main itself sees to the rest
    sys.exit(130)
