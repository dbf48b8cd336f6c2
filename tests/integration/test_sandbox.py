#!/usr/bin/python3
"""Each process tries what it must not do, from inside its own sandbox, and
dies; kskd says that the sandbox killed it. The programs are the product's own
objects, linked with the test form of ksk_probe (tests/probe_test.c).
"""
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

PROGRAMS = ["kskd-frontend", "kskd-signer", "kskd-token", "kskd-policy"]
FATAL = ["socket-inet", "exec", "fork", "ptrace", "setuid", "kill-parent"]
FILES = ["open-passwd", "write-file"]


class Sandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = ap.standard(workers=1)
        cls.bin = cls.a.path("bin")
        os.mkdir(cls.bin, 0o755)
        shutil.copy(os.path.join(ap.BUILD, "kskd"), cls.bin)
        for name in PROGRAMS:
            shutil.copy(os.path.join(ap.BUILD, "tests", "probe", name),
                        cls.bin)
        cls.a.build = cls.bin

    @classmethod
    def tearDownClass(cls):
        cls.a.__exit__()

    def attempt(self, program, what):
        a = self.a
        if os.path.exists(a.log):
            os.unlink(a.log)
        with open(os.path.join(self.bin, "probe"), "w",
                  encoding="ascii") as f:
            f.write(f"{program} {what}\n")
        a.start(ready=False)
        try:
            ap.wait_for(lambda: [
                x for x in a.log_text().splitlines()
                if program in x and ("sandbox" in x or "survived" in x)]
                or a.process.poll() is not None, 15)
        finally:
            os.unlink(os.path.join(self.bin, "probe"))
            a.stop(check=False)
        return a.log_text()

    def test_forbidden_calls_kill(self):
        for program in PROGRAMS:
            for what in FATAL:
                with self.subTest(program=program, what=what):
                    log = self.attempt(program, what)
                    self.assertIn("killed by its sandbox", log)
                    self.assertNotIn("probe-survived", log)

    def test_files_are_out_of_reach(self):
        for program in PROGRAMS:
            for what in FILES:
                with self.subTest(program=program, what=what):
                    log = self.attempt(program, what)
                    # No such call at all, or Landlock's EACCES.
                    if "probe-survived" in log:
                        self.assertRegex(log, r'errno="13"')
                    else:
                        self.assertIn("killed by its sandbox", log)

    def test_control_nothing_tried_all_live(self):
        a = self.a
        a.start()
        with a.peer() as peer:
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
        self.assertEqual(reply[2], ap.DONE)
        a.stop()
        self.assertNotIn("sandbox", a.log_text().split("started")[-1]
                         .replace("no-landlock", ""))


if __name__ == "__main__":
    unittest.main()
