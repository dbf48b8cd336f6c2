#!/usr/bin/python3
"""First the record, then the anchor in the token, then the effect: what a
policy, a start and a person's word wait for, what happens when the token can't
write, and ends of everything at any of its calls.
"""
import os
import re
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faulty  # noqa: E402
from faulty import ap  # noqa: E402

RESTORED = 6


class Case(unittest.TestCase):
    workers = 2

    def setUp(self):
        self.f = faulty.Faulty(workers=self.workers, anchor=True)
        self.addCleanup(self.f.close)
        self.a, self.fault = self.f.a, self.f.fault
        self.folder = self.a.path("state/journal")

    def in_force(self):
        return [x for x in self.a.log_lines("policy is in force")]

    def reload(self):
        self.a.write_policy()
        before = len(self.a.log_lines("reload-done"))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines("reload-done")) > before)

    def version(self):
        return self.f.status()[6]

    def where(self):
        return self.f.status()[14]

    def signs(self):
        self.assertEqual(self.f.sign()[0][2], ap.DONE)

    def wait_state(self, want):
        def seen():
            try:
                return self.f.state() == want
            except OSError:
                return False
        ap.wait_for(seen, 15)

    def kill_all(self):
        """All at once, also who hangs in the module."""
        self.f.hang_up()
        pids = [p for all in self.a.children().values() for p in all]
        for pid in [self.a.process.pid, *pids]:
            os.kill(pid, signal.SIGKILL)
        self.a.process.wait()
        self.a.process = None
        ap.wait_for(lambda: not any(os.path.exists(f"/proc/{p}")
                                    for p in pids))


class Policy(Case):
    def setUp(self):
        super().setUp()
        self.f.start()
        self.signs()
        ap.wait_for(lambda: self.where() == "token-object")
        self.first = self.version()

    def test_the_one_before_is_in_force_until_the_anchor_is_written(self):
        rule = self.fault.hang("C_CreateObject")
        self.reload()
        rule.wait()
        for _ in range(10):
            self.assertEqual(self.version(), self.first)
        self.assertEqual(self.in_force(), [])
        rule.cancel()
        ap.wait_for(lambda: self.version() == self.first + 1)
        self.signs()
        self.assertEqual(self.a.log_lines("anchor-failed"), [])

    def test_a_token_that_cannot_write_holds_up_nothing(self):
        with self.fault.fail("C_CreateObject", "CKR_DEVICE_MEMORY"):
            self.reload()
            ap.wait_for(lambda: self.version() == self.first + 1)
            self.assertIn("CKR_DEVICE_MEMORY",
                          self.a.log_lines("anchor-failed")[-1])
            self.assertEqual(self.where(), "token-object, late")
        ap.wait_for(lambda: self.where() == "token-object")
        self.assertTrue(self.a.log_lines("anchor-written"))

    def test_nor_does_one_that_is_away(self):
        self.fault.lose()
        with self.assertRaises(AssertionError):
            self.signs()
        self.reload()
        ap.wait_for(lambda: self.version() == self.first + 1)
        self.fault.find()
        self.f.until_signed()
        ap.wait_for(lambda: self.where() == "token-object")

    def test_the_next_reload_loses_none_that_waits(self):
        rule = self.fault.delay("C_CreateObject", 1_500_000)
        self.reload()
        self.assertEqual(self.version(), self.first)
        self.a.version -= 1
        self.a.write("etc/policy.yaml", self.a.policy_text().replace(
            "3600", "3601") + "# other bytes\n")
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-refused"))
        self.assertEqual(self.version(), self.first + 1)
        self.reload()
        rule.cancel()
        ap.wait_for(lambda: self.version() == self.first + 2)
        self.signs()

    def test_an_end_before_its_anchor(self):
        """The policy is recorded: it is in force after the next start, once
        the anchor is written."""
        rule = self.fault.hang("C_CreateObject")
        self.reload()
        rule.wait()
        self.kill_all()
        self.f.start(ready=False)
        self.wait_state(faulty.TOKEN_DOWN)
        rule.wait(2)
        self.assertIn("being written", self.f.status()[5])
        self.assertEqual(self.version(), self.first + 1)
        self.assertEqual(self.f.sign()[0][2], ap.NOT_READY)
        rule.cancel()
        self.f.until_signed()
        self.assertEqual(self.a.log_lines("error restored"), [])


class Word(Case):
    """A journal that was put back, and a person who accepts it once."""
    workers = 1

    def put_back(self, name):
        shutil.rmtree(self.folder)
        shutil.copytree(self.a.path(name), self.folder)
        if os.getuid() == 0:
            for path in [self.folder] + [os.path.join(self.folder, x)
                                         for x in os.listdir(self.folder)]:
                os.chown(path, ap.USERS["signer"], ap.USERS["signer"])

    def restored(self):
        """An older copy is there, and that was seen."""
        self.f.start()
        self.signs()
        self.f.stop()
        shutil.copytree(self.folder, self.a.path("old"))
        self.f.start()
        self.signs()
        self.f.stop()
        self.put_back("old")
        self.f.start(ready=False)
        self.wait_state(RESTORED)

    def accept(self):
        words = re.search(r"kskadm accept restore (\w+) (\d+) (\w+)",
                          self.f.status()[5])
        self.a.kskadm("accept", "restore", *words.groups())
        self.a.reload()

    def check_end(self, at):
        """Everything ends when the anchor's writing has come so far."""
        call, late = at
        seen = len(self.a.log_lines("error restored"))
        rule = self.fault.hang(call, late=late)
        self.accept()
        rule.wait()
        self.assertNotEqual(self.f.sign()[0][2], ap.DONE)
        self.kill_all()
        rule.cancel()
        self.f.start()
        self.signs()
        self.f.stop()
        self.f.start()
        self.signs()
        self.assertEqual(len(self.a.log_lines("error restored")), seen)

    def test_ends_before_the_new_anchor(self):
        self.restored()
        self.check_end(("C_CreateObject", False))

    def test_ends_after_the_new_anchor(self):
        self.restored()
        self.check_end(("C_CreateObject", True))

    def test_ends_before_the_old_one_is_gone(self):
        self.restored()
        self.check_end(("C_DestroyObject", False))
        # What was accepted was this one, and no other copy.
        self.f.stop()
        self.put_back("old")
        self.f.start(ready=False)
        self.wait_state(RESTORED)

    def test_ends_where_the_anchor_was_taken_away(self):
        self.f.start()
        self.signs()
        self.f.stop()
        with open(self.a.path("etc/pin.main"), encoding="ascii") as f:
            pin = f.read().strip()
        ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ksk",
              "--login", "--pin", pin, "--delete-object", "--type", "data",
              "--label", "ksk-anchor", env=dict(
                  os.environ, SOFTHSM2_CONF=self.a.path("etc/softhsm2.conf")))
        self.f.start(ready=False)
        self.wait_state(RESTORED)
        self.check_end(("C_CreateObject", False))

    def test_a_journal_that_cannot_be_read_is_not_restored(self):
        """Only what is known counts: a reading that fails is tried again."""
        self.f.start()
        self.signs()
        self.f.stop()
        with self.fault.fail("C_GetAttributeValue", "CKR_FUNCTION_FAILED",
                             skip=40):
            self.f.start(ready=False)
            time.sleep(1)
        self.f.until_signed()
        self.assertEqual(self.a.log_lines("error restored"), [])


if __name__ == "__main__":
    faulty.main_side_by_side()
