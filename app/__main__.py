"""`python -m app` does the same as `pagelens`."""

import sys

from app.cli import main

sys.exit(main())
