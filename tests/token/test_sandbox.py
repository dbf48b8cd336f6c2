#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The worker's sandbox from inside: its own objects with the test form of
ksk_probe try what is forbidden, die, and the product's form does not."""
import os
import re
import shutil
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cryptoki
import peer

PROBE = os.path.join(peer.BUILD, "tests", "probe", "kskd-token")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class Sandbox(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk sandbox.")
        cls.store = cryptoki.Store(cls.dir)
        cls.store.make_token("ksk")
        cls.program = shutil.copy(PROBE, cls.dir)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def start(self, what):
        with open(os.path.join(self.dir, "probe"), "w",
                  encoding="ascii") as f:
            f.write(f"kskd-token {what}\n")
        return peer.Worker(self.store, "ksk", program=self.program)

    def test_forbidden_calls_kill(self):
        for what in ("socket-inet", "exec", "fork", "ptrace", "setuid",
                     "kill-parent"):
            with self.subTest(what=what):
                worker = self.start(what)
                self.assertEqual(worker.wait(), -signal.SIGSYS)
                self.assertNotIn("probe-survived", worker.text())

    def test_files_are_out_of_reach(self):
        for what in ("open-passwd", "write-file"):
            with self.subTest(what=what):
                worker = self.start(what).ready()
                self.assertEqual(worker.stop(), 0)
                self.assertIn(f'what="{what}" errno="13"', worker.text())

    def test_control_nothing_is_tried(self):
        worker = self.start("nothing").ready()
        self.assertEqual(worker.stop(), 0)
        self.assertNotIn("probe", worker.text())

    def test_the_list_is_short(self):
        """45 calls, those of ksk_sandbox_enter included; none that makes a
        process, runs a program or opens a network."""
        with open(os.path.join(TOP, "hsm", "main.c"), encoding="ascii") as f:
            text = f.read()
        with open(os.path.join(TOP, "appliance", "base", "sandbox.c"),
                  encoding="ascii") as f:
            common = f.read()

        def table(source, name):
            body = re.search(name + r"\[\] = \{\n(.*?)\n\};", source, re.S)
            return re.findall(r"(?:KSK_ALLOW|SCMP_SYS)\((\w+)\)",
                              body.group(1))
        calls = table(text, " calls") + table(common, "common_calls")
        self.assertGreater(len(calls), 30)
        self.assertLessEqual(len(calls), 45)
        for name in ("execve", "execveat", "fork", "vfork", "clone",
                     "clone3", "ptrace", "bind", "listen", "kill", "setuid"):
            self.assertNotIn(name, calls)


if __name__ == "__main__":
    unittest.main()
