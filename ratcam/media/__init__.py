"""Pure H.264 and MP4: bytes in, values out. Standard library only; no threads, files, clocks, sockets or logging."""
