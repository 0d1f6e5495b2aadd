"""`python -m app` does the same as `pagelens`."""

import sys

try:
    from app.cli import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())
