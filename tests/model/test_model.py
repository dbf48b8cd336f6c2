#!/usr/bin/python3
"""The product's rules and the executable model agree: on every story, told
rightly and wrongly, on the model's own walks, and on random histories of sets,
schedules, CDS, policies, announcements and adoptions. Same verdict, same rules named.

KSK_HISTORIES sets how many random histories; KSK_SEED repeats a run.
"""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import histories  # noqa: E402
import judge  # noqa: E402
import rules  # noqa: E402
import stories  # noqa: E402
import walk  # noqa: E402

HISTORIES = int(os.environ.get("KSK_HISTORIES", "1000"))
WALKS = max(5, HISTORIES // 100)
SEED = int(os.environ.get("KSK_SEED", time.time_ns() % 10 ** 9))
stories.Box = walk.Box = histories.Box = judge.Box


def tearDownModule():
    print(f"KSK_SEED={SEED}: {judge.judge().asked} questions, "
          f"{judge.judge().forgot} with a past half forgotten, "
          f"{histories.SEEN}")
    judge.judge().close()


class Stories(unittest.TestCase):
    """Those of stories.py, judged by both at every step."""


def story(f, good):
    def test(self):
        before = judge.judge().asked
        try:
            tale = f(rules.ALL)
        except stories.Stop as e:
            self.assertFalse(good, str(e))
        else:
            self.assertTrue(good, "nothing refused it")
            self.assertIsNone(tale.check())
        self.assertGreater(judge.judge().asked, before)
    return test


for _f in stories.GOOD + stories.BAD:
    setattr(Stories, f"test_{_f.__name__}", story(_f, _f in stories.GOOD))


class Walks(unittest.TestCase):
    """What both accept is never bogus, a refresh is never refused."""

    def walks(self, f):
        for i in range(WALKS):
            bad, _ = f(SEED + i)
            self.assertIsNone(bad)

    def test_zsk(self):
        self.walks(walk.zsk)

    def test_ksk(self):
        self.walks(walk.ksk)

    def test_algorithms(self):
        self.walks(walk.algorithms)

    def test_exhaustive(self):
        """Every sequence of so many accepted requests in so many instants;
        a soak takes the greater bounds."""
        bounds = ((2, 18), (3, 10)) if HISTORIES < 20000 else \
            ((3, 18), (4, 14))
        for acts, steps in bounds:
            found, seen, _ = walk.exhaustive(steps=steps, acts=acts)
            self.assertEqual(found, [])
            self.assertGreater(seen["histories"], 500)


class Histories(unittest.TestCase):
    def test_random(self):
        rng = random.Random(SEED)
        for _ in range(HISTORIES):
            seed = rng.randrange(2 ** 32)
            try:
                histories.play(seed)
            except judge.Different as e:
                self.fail(f"history {seed}: {e}")
        # The comparison means something: every rule spoke, and permits came.
        for rule in ("window", "supersedes", "zsk-coverage", "early-drop",
                     "ds-covered", "early-ds", "ksk-present", "key-allowed",
                     "provider-present", "algorithm-complete", "cds",
                     "schedule-gap", "schedule", "schedule refused",
                     "announce"):
            self.assertIn(rule, histories.SEEN)
        self.assertGreater(histories.SEEN["permit"], HISTORIES)
        self.assertGreater(judge.judge().forgot, 0)
        self.assertGreater(judge.judge().schedules, HISTORIES)

    def test_a_model_without_a_correction_differs(self):
        """Each correction taken out of the model shows within so many
        histories: the comparison would find such a fault in the product."""
        missed = []
        for fix in histories.SHOWN:
            if not histories.shows(fix, SEED):
                missed.append(fix)
        self.assertEqual(missed, [])


if __name__ == "__main__":
    unittest.main()
