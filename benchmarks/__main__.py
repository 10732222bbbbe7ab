"""`make bench`: all benchmarks, or those named on the command line, as JSON lines a person can read too."""

import sys

from benchmarks import bridge, motion, muxer

BENCHMARKS = {"muxer": muxer.main, "motion": motion.main, "bridge": bridge.main}

for name in sys.argv[1:] or BENCHMARKS:
    if name not in BENCHMARKS:
        sys.exit(f"there is no benchmark {name}; there are: {', '.join(BENCHMARKS)}")
    print(f"--- {name}", flush=True)
    BENCHMARKS[name]()
