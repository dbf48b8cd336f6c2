#!/usr/bin/python3
"""No end may break a promise: the signer is killed (-9) at random and at named
points under load, and power cuts are played from a trace of what it wrote.

- a client never holds an RRSIG without its durable record;
- the token never gave more signatures than intents were durable;
- every intent ends exactly once, the chain is whole, nothing needs a person;
- the identical request completes after the restart, within two seconds.

KSK_KILLS and KSK_CUTS set how many; KSK_SEED repeats a run.
"""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash  # noqa: E402
import trace as tr  # noqa: E402
from crash import ap  # noqa: E402

KILLS = int(os.environ.get("KSK_KILLS", "200"))
CUTS = int(os.environ.get("KSK_CUTS", "60"))
BACK_SECONDS = 2.0


class Crash(unittest.TestCase):
    def setUp(self):
        self.seed, self.rng = crash.rng_of(self.id())
        self.f = crash.Crashing()
        self.addCleanup(self.f.close)
        self.note = f"KSK_SEED={self.seed}"

    def one_kill(self, i):
        """-> what it was."""
        f = self.f
        if i % 3 == 0:
            time.sleep(self.rng.random() * 0.05)
            os.kill(f.a.children()["kskd-signer"][0], signal.SIGKILL)
            return "at random"
        name, point = crash.named_points(self.rng)
        f.trace.stop_at(**point)
        self.assertTrue(f.kill(), f"never came {name}; {self.note}")
        return name

    def check_end(self):
        """All promises, after an orderly end."""
        f = self.f
        f.quiet()
        self.assertEqual([c.trouble for c in f.clients if c.trouble], [],
                         self.note)
        self.assertEqual(f.stop(), 0, f.a.log_text()[-2000:])
        records = crash.records_of(os.path.join(f.journal, "journal.db"))
        intended = crash.check_records(records)
        durable = crash.rrsigs_in(records)
        for _, answer in f.answers():
            for rrsig in answer[1]:
                self.assertEqual(durable.get(rrsig), answer[2], self.note)
        self.assertLessEqual(f.fault.signatures, intended, self.note)
        # The comparison means something.
        self.assertGreater(len(durable), 0)
        return records

    def test_kill(self):
        f, worst, seen = self.f, 0.0, {}
        f.trace.head.silent = 1
        f.start()
        f.load()
        f.back()
        for i in range(KILLS):
            what = self.one_kill(i)
            seen[what] = seen.get(what, 0) + 1
            worst = max(worst, f.back())
        records = self.check_end()
        self.assertIn(crash.ABANDONED, {r[3] for r in records})
        self.assertLess(worst, BACK_SECONDS * ap.SLOW, self.note)
        if KILLS >= 100:
            self.assertEqual(len(seen), 9, seen)

    def test_power_cut(self):
        f = self.f
        f.start()
        f.load()
        for _ in range(3):
            f.back()
            f.trace.stop_at(**crash.named_points(self.rng)[1])
            self.assertTrue(f.kill(), self.note)
        f.back()
        self.check_end()
        self.check_cuts(f.trace.events())

    def check_cuts(self, events):
        f = self.f
        left, sent = crash.promised(events)
        self.assertGreater(left[-1][0], 0)
        self.assertGreater(len(sent), 0)
        disk, at = f.before, 0
        with crash.Reopener(f.a.id) as reopener:
            for cut in crash.cuts_of(events, CUTS, self.rng):
                while at < cut:
                    disk.feed(events[at])
                    at += 1
                self.check_cut(reopener, disk.cut(self.rng), left[cut], sent)

    def check_cut(self, reopener, files, left, sent):
        note = f"{self.note} after {left}"
        answer = reopener.open(files)
        self.assertTrue(answer.startswith("ok "), f"{answer}; {note}")
        records = crash.records_of(reopener.path)
        intended = crash.check_records(records)
        asked, sent_count = left
        self.assertLessEqual(asked, intended, note)
        durable = crash.rrsigs_in(records)
        for rrsig in sent[:sent_count]:
            self.assertIn(rrsig, durable, note)


class Disk(unittest.TestCase):
    """The cut itself: what is synced stays, what is not may go."""

    def test_synced_stays_and_the_rest_may_go(self):
        _, rng = crash.rng_of("disk")
        disk = tr.Disk({"/x/a": b"old"})
        disk.feed((tr.OPEN, 5, 0, b"/x/a"))
        disk.feed((tr.WRITE, 5, 0, b"new"))
        seen = {bytes(disk.cut(rng)["/x/a"]) for _ in range(60)}
        self.assertEqual(seen, {b"old", b"new"})
        disk.feed((tr.SYNC, 5, 0, b""))
        self.assertEqual({bytes(disk.cut(rng)["/x/a"]) for _ in range(60)},
                         {b"new"})

    def test_long_writes_are_torn(self):
        _, rng = crash.rng_of("torn")
        disk = tr.Disk({"/x/a": bytes(2048)})
        disk.feed((tr.OPEN, 5, 0, b"/x/a"))
        disk.feed((tr.WRITE, 5, 0, b"\1" * 2048))
        seen = {bytes(disk.cut(rng)["/x/a"]) for _ in range(200)}
        self.assertGreater(len(seen), 4)
        for data in seen:
            for i in range(0, 2048, 512):
                self.assertEqual(len(set(data[i:i + 512])), 1)


if __name__ == "__main__":
    unittest.main()
