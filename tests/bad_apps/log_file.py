"""The defect: what happens goes to a file in the container too, which nobody collects and which fills its disk.

DESK_LOG names the file.
"""

import logging
import os

from tidy import tidy_app

app = tidy_app()
logging.getLogger().addHandler(logging.FileHandler(os.environ["DESK_LOG"]))
