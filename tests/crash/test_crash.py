#!/usr/bin/python3
"""No end may break a promise: the signer is killed (-9) at random and at named
points under load, and power cuts are played from a trace of what it wrote.

- a client never holds an RRSIG without its durable record;
- the token never gave more signatures than intents were durable;
- every intent ends exactly once, the chain is whole, nothing needs a person;
- the identical request completes after the restart, within two seconds.

KSK_KILLS, KSK_ACTS and KSK_CUTS set how many; KSK_SEED repeats a run.
"""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import acts  # noqa: E402
import crash  # noqa: E402
import trace as tr  # noqa: E402
from crash import ap  # noqa: E402

KILLS = int(os.environ.get("KSK_KILLS", "200"))
ACTS = int(os.environ.get("KSK_ACTS", str(max(40, KILLS // 5))))
CUTS = int(os.environ.get("KSK_CUTS", "60"))
BACK_SECONDS = 2.0


def crowd():
    """How many times longer all takes where others want the processors too."""
    return ap.SLOW * max(1, os.getloadavg()[0] / os.cpu_count())


class Case(unittest.TestCase):
    make = crash.Crashing

    def setUp(self):
        self.seed, self.rng = crash.rng_of(self.id())
        self.f = self.make()
        self.addCleanup(self.f.close)
        self.note = f"KSK_SEED={self.seed}"

    def check_cuts(self, events, count):
        f = self.f
        left, sent = crash.promised(events)
        self.assertGreater(left[-1].asked, 0)
        self.assertGreater(len(sent), 0)
        disk, at = f.before, 0
        with crash.Reopener(f.a.id) as reopener:
            for i, cut in enumerate(crash.cuts_of(events, count, self.rng)):
                while at < cut:
                    disk.feed(events[at])
                    at += 1
                note = f"{self.note} after {left[cut]}"
                answer = reopener.open(disk.cut(self.rng))
                self.assertTrue(answer.startswith("ok "), f"{answer}; {note}")
                self.check_cut(reopener.path, left[cut], sent, note)
                if i % 10 == 0:
                    self.check_whole(reopener.path, note)
        print(f"{self.note}: {count} power cuts among {len(events)} events, "
              f"{len(sent)} answers sent")

    def check_cut(self, path, left, sent, note):
        said = crash.Said(path)
        self.assertLessEqual(left.asked, said.intended, note)
        for record, digests in sent[:left.sent]:
            for digest in digests:
                self.assertEqual(said.durable.get(digest), record, note)
            self.assertLess(record, said.count, note)
        # Refusals that left; one record may count many.
        if not said.counted:
            self.assertLessEqual(left.refused,
                                 said.kinds.get(crash.REFUSAL, 0), note)
        for number, digest in said.checkpoints:
            self.assertEqual(said.hash_at.get(number), digest, note)

    def check_whole(self, path, note):
        """All that is derived from the records is what they say."""
        done = ap.sh(os.path.join(ap.BUILD, "kskadm"), "-c",
                     self.f.a.path("etc/kskd.yaml"), "journal", "check", path,
                     check=False)
        self.assertEqual(done.returncode, 0, done.err + note)

    def check_end(self):
        """All promises, after an orderly end."""
        f = self.f
        f.quiet()
        self.assertEqual([c.trouble for c in f.clients if c.trouble], [],
                         self.note)
        self.assertEqual(f.stop(), 0, f.a.log_text()[-2000:])
        said = crash.Said(os.path.join(f.journal, "journal.db"))
        for record, rrsigs in f.answers():
            for rrsig in rrsigs:
                self.assertEqual(said.durable.get(rrsig), record, self.note)
        self.assertLessEqual(
            f.fault.signatures - f.trace.sent(tr.ATTEST), said.intended,
            self.note)
        # The comparison means something.
        self.assertGreater(len(said.durable), 0)
        return said


class Crash(Case):
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

    def test_kill(self):
        f, took, fair, seen = self.f, [], 0.0, {}
        f.trace.head.silent = 1
        f.start()
        f.load()
        f.back()
        for i in range(KILLS):
            what = self.one_kill(i)
            seen[what] = seen.get(what, 0) + 1
            took.append(f.back())
            fair = max(fair, took[-1] / crowd())
        said = self.check_end()
        self.assertIn(crash.ABANDONED, said.kinds)
        took.sort()
        print(f"{self.note}: {KILLS} kills while it signs, {seen}; signing "
              f"again after {took[KILLS // 2] * 1e3:.0f} ms, "
              f"{took[KILLS * 99 // 100] * 1e3:.0f} ms for 99 of 100, "
              f"{took[-1] * 1e3:.0f} ms at most; {f.signed_count()} "
              f"answers, {said.intended} signatures intended, "
              f"{f.fault.signatures} made")
        self.assertLess(fair, BACK_SECONDS, self.note)
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
        self.check_cuts(f.trace.events(), CUTS)


class Acts(Case):
    """The same while something rarer than signing is done, acts.py; with an
    audit key and an anchor."""
    make = acts.Acting

    def one_end(self, i):
        """-> what it was, seconds to ready."""
        f = self.f
        if i % 20 == 9:
            name = f.lose_worker(self.rng)
            begin = time.monotonic()
            f.sign_one()
            return f"a worker dies {name}", time.monotonic() - begin
        if i % 20 == 19:
            return "all processes at once", f.end_all()
        # A thousand records for each checkpoint: the rarest.
        act = self.rng.choice(["reload", "anchor", "adopt", "refuse",
                               "schedule"] * 4
                              + ["checkpoint"])
        name, point = self.rng.choice(acts.POINTS[act])
        came, took = f.cut_off(act, point)
        return f"{act}, {name}" + ("" if came else ", past"), took

    def test_an_agreed_policy_is_not_judged_anew(self):
        """A zone whose keys no cache is known to have may go over to a policy
        that changes nothing; a start that finds it cut off must not hold the
        zone because it does not have the old policy to compare with."""
        f = self.f
        f.sign_elsewhere(1)
        f.start()
        f.do_adopt()
        came, _ = f.cut_off("reload", dict(kind=tr.SYNC, since=tr.PREPARED))
        self.assertTrue(came)
        self.assertEqual(f.a.log_lines("zone-held"), [])
        self.check_end()

    def test_acts(self):
        f, seen, worst, fair = self.f, {}, {}, 0.0
        f.trace.head.silent = 1
        f.sign_elsewhere(ACTS)
        f.start()
        for i in range(ACTS):
            try:
                what, took = self.one_end(i)
            except Exception as e:
                raise AssertionError(f"act {i}; {self.note}") from e
            seen[what] = seen.get(what, 0) + 1
            worst[what] = max(worst.get(what, 0), took)
            fair = max(fair, took / crowd())
        said = self.check_end()
        self.check_acts(said)
        print(f"{self.note}: {ACTS} ends in other acts; ready again after "
              f"{max(worst.values()) * 1e3:.0f} ms at most")
        for what in sorted(seen):
            print(f"    {seen[what]:>6} {what}: {worst[what] * 1e3:.0f} ms")
        self.assertLess(fair, BACK_SECONDS, worst)

    def test_power_cut(self):
        f = self.f
        f.sign_elsewhere(2)
        f.start()
        for act in ("adopt", "schedule", "refuse", "reload", "checkpoint",
                    "anchor", "adopt", "refuse"):
            f.cut_off(act, self.rng.choice(acts.POINTS[act])[1])
        f.do_reload()
        f.do_refuse()
        self.check_acts(self.check_end())
        self.check_cuts(f.trace.events(), CUTS)

    def check_acts(self, said):
        f = self.f
        for rrsig, record in f.adopted:
            # Recorded once; a repeat may be told of a later answer that
            # holds the same.
            only, = said.adopted.get(rrsig, [])
            self.assertLessEqual(only, record, self.note)
        for owner, count in f.refused.items():
            # No reply without a record, but for those that one counts. Two
            # lives of the signer may each have had a part of them.
            records = said.refusals.get(owner, [])
            self.assertLessEqual(len(records), 2, (owner, self.note))
            if not any(x in said.counted for x in records):
                self.assertGreaterEqual(len(records), count,
                                        (owner, self.note))
        self.assertNotEqual(said.counted, {})
        for event in ("restored", "peer-broken", "pin-refused"):
            self.assertEqual(f.a.log_lines(event), [], self.note)
        self.assertEqual(f.anchors(), 1)
        done = f.kskadm("journal", "check", "--audit-key",
                        f.a.path("audit.key"),
                        os.path.join(f.journal, "journal.db"), check=False)
        self.assertEqual(done.returncode, 0, done.err)


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
