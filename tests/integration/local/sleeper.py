"""A program to supervise: starts a child of its own, and sleeps."""

import os
import subprocess
import sys
import time

if __name__ == "__main__":
    if "GRANDCHILD" in os.environ:
        # In a session of its own, as a browser is: a signal to our group does not reach it.
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
        )
    time.sleep(600)
