"""`python -m gateway` is the `trunkline` command."""

import sys

from gateway.launch import main

if __name__ == "__main__":
    sys.exit(main())
