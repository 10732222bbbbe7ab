"""Where the figures in docs/ come from: every one a ratio against a peer in the same run. `make bench` prints them."""
