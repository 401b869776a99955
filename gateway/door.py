"""Where the `trunkline` command begins: finds Trunkline's files and hands over to launch.py.

In the wheel this file stands outside the packages, as the module `trunkline_launch`, for there no
package of another project that is called `gateway` can take its place.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

MARK = "Sees that no other package has taken the name of one of ours"


def main() -> int:
    """Run the first Trunkline on Python's path, by its file and not by its name."""
    for entry in sys.path:
        launch = Path(entry or ".") / "gateway" / "launch.py"
        if launch.is_file() and MARK in launch.read_text(encoding="utf-8", errors="replace"):
            spec = spec_from_file_location("trunkline_launch_checks", launch)
            assert spec is not None
            assert spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return int(module.main())
    sys.stderr.write(
        "trunkline: its own packages are not on Python's path; install it again with:"
        " python -m pip install --force-reinstall trunkline\n"
    )
    return 2
