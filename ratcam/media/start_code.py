"""The fastest scan for start codes that pure Python has. A file of its own: `re` is slow to import."""

import re

from ratcam.media.nal import START

START_CODE = re.compile(re.escape(START))
"""A compiled literal: twice as fast as `bytes.find`."""
