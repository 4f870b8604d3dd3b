"""A process that waits until it is ended: `python -m tests.waiting`, for tests of those that end processes."""

import signal

if __name__ == "__main__":
    signal.pause()
