"""`ratcam tune`: what the motion detector makes of recordings, with one configuration or two, in one report."""
