#!/usr/bin/python3
"""The journal's disk is full: nothing is signed and nobody hangs, reads and
operators' acts go on and are recorded, and it ends by itself. Once on a small
disk of its own, where this script may mount one in a name space that ends with
it, and once on a disk that tests/crash/shim.c calls full.
"""
import os
import shutil
import subprocess
import sys
import time
import unittest

import cbor2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash")]
import appliance as ap  # noqa: E402
import trace as tr  # noqa: E402
from crash import Said  # noqa: E402
from test_clock import PROGRAMS, with_clock  # noqa: E402

OWN_MOUNTS = "KSK_OWN_MOUNTS"
JOURNAL_READ = 8
CLOCK_HOLD, JOURNAL_FULL = 4, 5
INTENT, RESULT, POLICY, ACCEPT = 1, 2, 6, 10
MIB = 1 << 20


class Mounted:
    """A tmpfs of 8 MiB; somebody else's file fills it."""

    def __init__(self, a):
        folder = a.path("state", "journal")
        os.mkdir(folder, 0o700)
        ap.sh("mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "none",
              folder)
        self.folder = folder
        self.filler = os.path.join(folder, "filler")
        self.clock = None

    def programs(self, a):
        self.clock = with_clock(a)

    def fill(self):
        with open(self.filler, "ab", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(65536))
            except OSError:
                pass

    def free(self):
        os.unlink(self.filler)

    def close(self):
        if self.clock:
            self.clock.close()
        ap.sh("umount", "-l", self.folder, check=False)


class Shimmed:
    """No more blocks than the signer's own files have."""

    clock = None

    def __init__(self, a):
        self.trace = None

    def programs(self, a):
        folder = a.path("bin")
        os.mkdir(folder, 0o755)
        for name in PROGRAMS:
            shutil.copy(os.path.join(ap.BUILD, name), folder)
        signer = os.path.join(folder, "kskd-signer")
        shutil.copy(os.path.join(ap.BUILD, "tests", "crash", "kskd-signer"),
                    signer)
        a.build = folder
        self.trace = tr.Trace(signer, size=1 << 16)
        self.trace.head.silent = 1

    def fill(self):
        self.trace.head.room = 0
        self.trace.head.limited = 1

    def free(self):
        self.trace.head.limited = 0

    def close(self):
        if self.trace:
            self.trace.close()


class Full:
    disk_of = None

    def setUp(self):
        # The token, too, is an operator's: it has another disk.
        self.a = a = ap.Appliance(workers=2)
        self.addCleanup(a.__exit__)
        self.disk = self.disk_of(a)
        self.addCleanup(self.disk.close)
        self.addCleanup(lambda: a.stop(check=False))
        a.make()
        a.zone = "lab.example."
        a.add_ksk(a.zone, "ksk1")
        a.add_client("auto", "read, sign, journal")
        a.add_client("late", "read")
        a.zsks = [ap.Zsk(a.path(x), a.zone) for x in ("alpha", "beta")]
        a.add_zone(a.zone, ["ksk1"], dict(zip(
            ("alpha", "beta"), ([z] for z in a.zsks))))
        self.late = a.clients.pop("late")
        a.write_policy()
        self.disk.programs(a)
        a.start()
        self.journal = a.path("state/journal/journal.db")
        self.reserve = a.path("state/journal/reserve")

    def sign(self, zsks=None, body=None):
        begin = time.monotonic()
        with self.a.peer() as peer:
            reply = self.a.sign(peer, self.a.zone,
                                self.a.zsks if zsks is None else zsks,
                                body=body or {})
        self.assertLess(time.monotonic() - begin, 2 * ap.SLOW)
        return reply

    def status(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def wait_state(self, want, seconds=10):
        try:
            ap.wait_for(lambda: self.status()[4] == want, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e} {self.status()}\n"
                                 f"{self.a.log_text()[-3000:]}") from None

    def records(self):
        with self.a.peer() as peer:
            out, at = [], 0
            while True:
                body = peer.ask(JOURNAL_READ, {1: at, 2: 256})[3]
                if not body[1]:
                    return out
                out += [cbor2.loads(x) for x in body[1]]
                at = out[-1][1] + 1

    def held(self):
        st = os.stat(self.reserve)
        self.assertGreaterEqual(st.st_blocks * 512, st.st_size)
        return st.st_size

    def until_full(self):
        """Signs until it is not ready; all that is asked is answered."""
        done = 0
        with self.a.peer() as peer:
            while True:
                for _ in range(20):
                    peer.send(ap.SIGN, {1: self.a.keyset(
                        self.a.zone, self.a.zsks)})
                replies = [peer.receive() for _ in range(20)]
                done += sum(x[2] == ap.DONE for x in replies)
                rest = [x for x in replies if x[2] != ap.DONE]
                for reply in rest:
                    self.assertEqual(reply[2], ap.NOT_READY, reply)
                    self.assertTrue(reply[5].startswith("journal-full: "),
                                    reply)
                if rest:
                    return done

    def assert_full(self):
        a = self.a
        for reply in (self.sign(), self.sign([]), self.sign(body={6: True}),
                      self.sign(body={3: os.urandom(16)})):
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertIn("journal-full: ", reply[5])
        status = self.status()
        self.assertEqual(status[4], JOURNAL_FULL)
        self.assertIn("ends by itself", status[5])
        self.assertGreater(status[13][2], time.time())
        with a.peer() as peer:
            keys = peer.ask(ap.KEYS, {1: ap.wire_name(a.zone)})
            self.assertEqual(keys[2], ap.DONE)
            last = a.last_answer(peer, a.zone)
            self.assertEqual(last[2], ap.DONE)
            self.assertEqual(last[3][3], max(
                r[1] for r in self.records() if r[3] == RESULT))
            self.assertEqual(a.adopt(peer, a.keyset(a.zone, a.zsks),
                                     last[3][2])[2], ap.NOT_READY)

    def reload_policy(self):
        """A policy with one client more; returns its version."""
        a = self.a
        a.clients["late"] = self.late
        a.write_policy()
        a.reload()
        return a.version

    def check_end(self):
        """All that was recorded is whole, and reads the same offline."""
        self.assertEqual(self.a.stop(), 0, self.a.log_text()[-2000:])
        out = self.a.kskadm("journal", "check", self.journal).out
        self.assertIn("all chained", out)
        self.assertNotIn("open intents", out)
        Said(self.journal)  # fails if an intent has no end

    def test_full_and_back(self):
        a, disk = self.a, self.disk
        repeat = {3: os.urandom(16)}
        first = self.sign(body=repeat)
        self.assertEqual(first[2], ap.DONE)
        self.assertEqual(self.held(), MIB)
        for turn in range(2):
            disk.fill()
            self.until_full()
            self.wait_state(JOURNAL_FULL)
            self.assert_full()
            self.assertLess(self.held(), MIB)
            self.assertGreater(self.held(), 0)
            # What was answered is answered again.
            again = self.sign(body=repeat)
            self.assertEqual(again[2], ap.DONE, again)
            self.assertEqual(again[3][1], first[3][1])
            # An operator's act, recorded.
            version = self.reload_policy()
            ap.wait_for(lambda: self.status()[6] == version)
            with a.peer("late") as peer:
                self.assertEqual(peer.ask(ap.STATUS)[2], ap.DONE)
            newest = self.records()[-1]
            self.assertEqual((newest[3], newest[7][1]), (POLICY, version))
            self.assert_full()
            self.assertEqual(len(a.log_lines("journal-full")), 2 * turn + 2,
                             a.log_text())
            # And back, the reserve first.
            disk.free()
            self.wait_state(0)
            self.assertEqual(self.held(), MIB)
            self.assertEqual(self.sign()[2], ap.DONE)
        self.assertEqual(len(a.log_lines("journal-back")), 2)
        self.check_end()

    def test_the_reserve_is_eaten_too(self):
        a, disk = self.a, self.disk
        self.assertEqual(self.sign()[2], ap.DONE)
        disk.fill()
        self.until_full()
        # Whoever fills the disk takes each piece that is given back.
        for _ in range(12):
            disk.fill()
            version = self.reload_policy()
            time.sleep(0.1)
            if a.log_lines("policy-waits"):
                break
            ap.wait_for(lambda: self.status()[6] == version
                        or a.log_lines("policy-waits"))
        self.assertTrue(a.log_lines("policy-waits"), a.log_text())
        self.assertEqual(self.held(), 0)
        self.assert_full()
        self.assertNotEqual(self.status()[6], version)
        disk.free()
        self.wait_state(0)
        ap.wait_for(lambda: self.status()[6] == version)
        self.assertEqual(self.held(), MIB)
        self.assertEqual(self.sign()[2], ap.DONE)
        self.check_end()

    def test_a_start_on_a_full_disk(self):
        a, disk = self.a, self.disk
        self.assertEqual(self.sign()[2], ap.DONE)
        disk.fill()
        self.until_full()
        # Killed in the middle: its intents are to be ended.
        os.kill(a.children()["kskd-signer"][0], 9)
        ap.wait_for(lambda: self.answers() == JOURNAL_FULL)
        self.assert_full()
        a.stop()
        a.start(ready=False)
        ap.wait_for(lambda: self.answers() == JOURNAL_FULL)
        self.assert_full()
        disk.free()
        self.wait_state(0)
        self.assertEqual(self.sign()[2], ap.DONE)
        self.check_end()

    def answers(self):
        try:
            return self.status()[4]
        except OSError:
            return None


@unittest.skipUnless(os.environ.get(OWN_MOUNTS), "may not mount")
class OnADisk(Full, unittest.TestCase):
    disk_of = Mounted

    def test_a_word_is_taken_while_full(self):
        """Two things hold it, and a person ends one of them."""
        a, disk = self.a, self.disk
        self.assertEqual(self.sign()[2], ap.DONE)
        disk.fill()
        self.until_full()
        disk.clock.set(seconds=2 * 3600)
        ap.wait_for(lambda: self.status() and a.log_lines("clock-hold"))
        with a.peer() as peer:
            journal = peer.ask(JOURNAL_READ, {1: 0, 2: 0})[3][5].hex()
        # By the clock that is to be accepted, its word must still be good.
        a.kskadm("accept", "clock", journal, "--for", "1d")
        a.reload()
        ap.wait_for(lambda: a.log_lines("clock-good"))
        self.assertEqual(self.records()[-1][3], ACCEPT)
        self.assert_full()
        disk.free()
        self.wait_state(0)
        self.assertEqual(self.sign()[2], ap.DONE)
        self.check_end()


class OnAShim(Full, unittest.TestCase):
    disk_of = Shimmed

    def setUp(self):
        if os.environ.get(OWN_MOUNTS) and "and_back" not in self.id():
            self.skipTest("done on a disk")
        super().setUp()


def may_mount():
    """Is there a name space for mounts that are gone with this script?"""
    if os.getuid() != 0 or os.environ.get(OWN_MOUNTS) is not None:
        return False
    return subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    if may_mount():
        os.environ[OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable]
                  + [os.path.abspath(sys.argv[0])] + sys.argv[1:])
    unittest.main()
