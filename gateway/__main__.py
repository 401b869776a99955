"""`python -m gateway` is the `trunkline` command."""

import sys

from gateway.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()
    from gateway.launch import main

    sys.exit(main())
