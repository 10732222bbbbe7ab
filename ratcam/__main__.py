"""`python -m ratcam` is the `ratcam` command."""

import sys

from ratcam.cli import main

if __name__ == "__main__":
    sys.exit(main())
