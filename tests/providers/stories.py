#!/usr/bin/python3
"""All stories of a zone's life and the controls, with the providers' own
software: `make providers`. KSK_PROBES is how many validated queries there must
be at least.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from story import Story  # noqa: E402

PROBES = int(os.environ.get("KSK_PROBES", "5000"))


def main():
    stories = unittest.defaultTestLoader.discover(HERE, "story_*.py")
    done = unittest.TextTestRunner(verbosity=2).run(stories)
    print(f"{Story.validated} validated queries, {PROBES} wanted, "
          "none has failed" if done.wasSuccessful() else "FAILED")
    return 0 if done.wasSuccessful() and Story.validated >= PROBES else 1


if __name__ == "__main__":
    sys.exit(main())
