#!/usr/bin/python3
"""kill -9 of each child under load, twenty times each: the others live on,
service is back within two seconds, no signature leaves that does not verify,
workers keep their login when frontend or signer dies.
"""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

ROUNDS = int(os.environ.get("KSK_KILLS", "20"))
BACK_SECONDS = 2.0


class Load(threading.Thread):
    """Asks for signatures without a pause, through as many connections as
    break; keeps every answer."""

    def __init__(self, a):
        super().__init__(daemon=True)
        self.a, self.halt = a, threading.Event()
        self.signed, self.other, self.last_good = [], [], time.monotonic()
        self.keyset = a.keyset(a.zone, [a.zsk1, a.zsk2])

    def run(self):
        while not self.halt.is_set():
            try:
                with self.a.peer(timeout=3) as peer:
                    while not self.halt.is_set():
                        reply = peer.ask(ap.SIGN, {1: self.keyset})
                        if reply[2] == ap.DONE:
                            self.signed.append(reply[3])
                            self.last_good = time.monotonic()
                        else:
                            self.other.append(reply)
                            time.sleep(0.01)
            except (OSError, ConnectionError):
                time.sleep(0.01)


class Kill(unittest.TestCase):
    def setUp(self):
        self.a = ap.standard(workers=2)
        self.addCleanup(self.a.__exit__)
        self.a.start()
        self.load = Load(self.a)
        self.load.start()
        self.addCleanup(self.load.halt.set)

    def kill_rounds(self, program, untouched):
        a, load = self.a, self.load
        ap.wait_for(lambda: load.signed)
        worst = 0.0
        for _ in range(ROUNDS):
            ap.wait_for(lambda: len(a.children().get(program, [])) ==
                        (2 if program == "kskd-token" else 1))
            before = a.children()
            victim = before[program][0]
            count = len(load.signed)
            os.kill(victim, signal.SIGKILL)
            begin = time.monotonic()
            ap.wait_for(lambda: victim not in a.children().get(program, []))
            # A signature asked for and given after the death.
            count = len(load.signed)
            ap.wait_for(lambda: len(load.signed) > count + 2, 10, 0.005)
            worst = max(worst, time.monotonic() - begin)
            after = a.children()
            for other in untouched:
                self.assertEqual(before[other], after[other], other)
        self.assertLess(worst, BACK_SECONDS * ap.SLOW)
        load.halt.set()
        load.join(10)
        self.check_all()
        self.assertEqual(a.stop(), 0)

    def check_all(self):
        """Every signature that left verifies, and each has its own record."""
        a, load = self.a, self.load
        records = [x[2] for x in load.signed]
        self.assertEqual(len(set(records)), len(records))
        for reply in load.other:
            self.assertEqual(reply[2], ap.NOT_READY, reply)
        unique = {x[1][0]: x for x in load.signed}
        some = list(unique)[:: max(1, len(unique) // 5)]
        for rrsig in some:
            judge = a.validate(a.zone, load.keyset, [rrsig], a.zsk1)
            self.assertEqual(judge.returncode, 0, judge.out + judge.err)

    def test_frontend(self):
        self.kill_rounds("kskd-frontend", ["kskd-signer", "kskd-token"])
        # One login per worker: they were never restarted.
        self.assertEqual(len(self.a.log_lines("worker-login")), 2)

    def test_signer(self):
        self.kill_rounds("kskd-signer", ["kskd-frontend", "kskd-token"])
        self.assertEqual(len(self.a.log_lines("worker-login")), 2)

    def test_worker(self):
        self.kill_rounds("kskd-token", ["kskd-frontend", "kskd-signer"])


if __name__ == "__main__":
    unittest.main()
