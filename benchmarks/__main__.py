"""`make bench`: all benchmarks, or those named on the command line; each prints lines that a person can read."""

import sys
from importlib import import_module

BENCHMARKS = ("muxer", "recording", "durability", "motion", "bridge")
"""Modules of this package; each is imported when its turn comes."""

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS:
        sys.exit(f"there is no benchmark {name}; there are: {', '.join(BENCHMARKS)}")
    print(f"--- {name}", flush=True)
    import_module(f"benchmarks.{name}").main()
