"""The actors: one a file. They hold state and orchestrate; what is computed is computed in pure packages."""
