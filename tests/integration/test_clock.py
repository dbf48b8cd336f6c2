#!/usr/bin/python3
"""The clock guard, in a whole appliance whose signer has a clock that the test
moves: nothing is signed by a clock that can't be believed, everything else
goes on, and each hold ends as it says.
"""
import mmap
import os
import re
import shutil
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

CLOCK_HOLD = 4
PROGRAMS = ("kskd", "kskd-frontend", "kskd-policy", "kskd-token", "kskadm")


class Clock:
    """The file beside the signer, tests/clock_file.c."""

    def __init__(self, program):
        path = program + ".clock"
        with open(path, "wb") as f:
            f.write(struct.pack("=qqQ", 0, 0, 1))
        os.chmod(path, 0o666)
        self.fd = os.open(path, os.O_RDWR)
        self.memory = mmap.mmap(self.fd, 24)

    def close(self):
        self.memory.close()
        os.close(self.fd)

    def set(self, seconds=None, boot=None, synchronised=None):
        if seconds is not None and boot is not None:
            # At once: a jump of one of them alone is what the guard looks for.
            self.memory[:16] = struct.pack("=qq", seconds, boot)
            seconds = boot = None
        for at, value in ((0, seconds), (8, boot), (16, synchronised)):
            if value is not None:
                self.memory[at:at + 8] = struct.pack("=q", value)

    def pass_time(self, seconds):
        """Both clocks go on."""
        now, boot = struct.unpack("=qq", self.memory[:16])
        self.set(now + seconds, boot + 1000 * seconds)


def with_clock(a):
    """Gives an appliance that does not run yet a signer with a test clock."""
    folder = a.path("bin")
    os.mkdir(folder, 0o755)
    for name in PROGRAMS:
        shutil.copy(os.path.join(ap.BUILD, name), folder)
    signer = os.path.join(folder, "kskd-signer")
    shutil.copy(os.path.join(ap.BUILD, "testclock", "kskd-signer"), signer)
    a.build = folder
    return Clock(signer)


class Guard(unittest.TestCase):
    def setUp(self):
        self.a = ap.standard()
        self.addCleanup(self.a.__exit__)
        self.clock = with_clock(self.a)
        self.addCleanup(self.clock.close)

    def start(self, ready=True, **config):
        self.a.config(**config)
        self.a.start(ready=ready)
        if not ready:
            ap.wait_for(self.answers)
        return self

    def answers(self):
        try:
            return self.status()
        except OSError:
            return None

    def status(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def sign(self, **more):
        with self.a.peer() as peer:
            return self.a.sign(peer, self.a.zone, [self.a.zsk1, self.a.zsk2],
                               **more)

    def assert_held(self, words):
        reply = self.sign()
        self.assertEqual(reply[2], ap.NOT_READY, reply)
        self.assertIn("clock-hold", reply[5])
        self.assertIn(words, reply[5])
        status = self.status()
        self.assertEqual(status[4], CLOCK_HOLD)
        self.assertIn(words, status[5])
        # Reads and refusals go on.
        with self.a.peer() as peer:
            self.assertEqual(peer.ask(ap.KEYS, {
                1: ap.wire_name(self.a.zone)})[2], ap.DONE)
            self.assertEqual(self.a.sign(peer, self.a.zone, [])[2],
                             ap.REFUSED)

    def run_evenly(self, seconds):
        """The loop must see the time pass."""
        for _ in range(seconds // 10):
            self.clock.pass_time(10)
            self.status()

    def assert_signs(self):
        reply = self.sign()
        self.assertEqual(reply[2], ap.DONE, reply)

    def test_not_synchronised(self):
        self.clock.set(synchronised=0)
        self.start(ready=False, clock="{synchronised: yes}")
        self.assert_held("adjtimex")
        self.clock.set(synchronised=1)
        self.a.wait_ready()
        self.assert_signs()
        self.clock.set(synchronised=0)
        self.assert_held("not synchronised")
        self.assertEqual(len(self.a.log_lines("error clock-hold")), 2,
                         self.a.log_text())
        self.assertEqual(len(self.a.log_lines("info clock-good")), 1)

    def test_jump_ends_by_itself(self):
        self.start()
        self.assert_signs()
        self.clock.set(seconds=400)
        self.assert_held("five minutes")
        self.run_evenly(50)
        self.assert_held("five minutes")
        self.run_evenly(20)
        self.assert_signs()

    def test_long_jump_needs_a_word(self):
        self.start()
        self.assert_signs()
        self.clock.set(seconds=7200)
        self.run_evenly(120)
        self.assert_held("accept clock")
        # A word for another journal is refused, with the reason.
        self.accept("0" * 32)
        ap.wait_for(lambda: self.a.log_lines("accept-refused"))
        self.assertIn("another journal", self.a.log_text())
        self.assert_held("accept clock")
        self.accept(self.journal_id())
        ap.wait_for(lambda: self.a.log_lines("accepted"))
        self.assert_signs()
        # It is used up, though the file is still there, and read again.
        self.clock.set(seconds=7200 + 7200 + 200)
        self.assert_held("accept clock")
        ap.wait_for(lambda: "taken before" in self.a.log_text())
        self.reload()
        self.assert_held("accept clock")
        self.a.stop()
        self.a.start()
        self.assert_signs()  # where the clock was before is not known now
        self.clock.set(seconds=3 * 7200 + 200)
        self.assert_held("accept clock")

    def accept(self, journal):
        self.a.kskadm("accept", "clock", journal, "--for", "10d")
        self.reload()

    def reload(self):
        before = len(self.a.log_lines("reload-done"))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines("reload-done")) > before)

    def journal_id(self):
        """As the status tells it."""
        return re.search(r"kskadm accept clock ([0-9a-f]{32})",
                         self.status()[5]).group(1)

    def test_back_behind_the_journal(self):
        self.start()
        self.assert_signs()
        self.a.stop()
        self.clock.set(seconds=-100)
        self.a.start(ready=False)
        ap.wait_for(self.answers)
        self.assert_held("newest record")
        self.clock.pass_time(100)
        self.assert_held("evenly for a minute")
        self.run_evenly(70)
        self.assert_signs()

    def test_before_the_release(self):
        self.clock.set(seconds=1793491200 - int(time.time()) - 5)
        self.start(ready=False)
        self.assert_held("released")

    def test_the_product_has_no_such_clock(self):
        with open(os.path.join(ap.BUILD, "kskd-signer"), "rb") as f:
            self.assertNotIn(b".clock\0", f.read())
        with open(os.path.join(ap.BUILD, "testclock", "kskd-signer"),
                  "rb") as f:
            self.assertIn(b".clock\0", f.read())
        out = ap.sh("make", "-n", "install", "DESTDIR=/x", cwd=ap.TOP,
                    env={k: v for k, v in os.environ.items()
                         if not re.match("MAKE|MFLAGS", k)}).out
        self.assertNotIn("testclock", out)


if __name__ == "__main__":
    unittest.main()
