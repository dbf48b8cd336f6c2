#!/usr/bin/python3
"""A client that is refused again and again: every reply has its durable trace,
and the journal hardly grows."""
import os
import sqlite3
import sys
import unittest

import cbor2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

REFUSAL, REFUSALS = 3, 9
COUNT = 2000


class Flood(unittest.TestCase):
    def setUp(self):
        self.a = ap.standard()
        self.addCleanup(self.a.__exit__)

    def size(self):
        folder = self.a.path("state/journal")
        return sum(os.path.getsize(os.path.join(folder, x))
                   for x in os.listdir(folder))

    def records(self, kind):
        db = sqlite3.connect(self.a.path("state/journal/journal.db"))
        try:
            return [cbor2.loads(x) for x, in db.execute(
                "SELECT body FROM record WHERE kind = ? ORDER BY number",
                (kind,))]
        finally:
            db.close()

    def ask(self, peer, body, count):
        for _ in range(count):
            peer.send(ap.SIGN, body)
        return [peer.receive() for _ in range(count)]

    def test_the_same_again_and_again(self):
        a = self.a
        a.start()
        before = self.size()
        body = {1: a.keyset(a.zone, [a.zsk1])}
        with a.peer() as peer:
            for _ in range(COUNT // 100):
                for reply in self.ask(peer, body, 100):
                    self.assertEqual(reply[2], ap.REFUSED)
            # Who is refused so often may still have what is right.
            self.assertEqual(a.sign(peer, a.zone, [a.zsk1, a.zsk2])[2],
                             ap.DONE)
        self.assertLess(self.size() - before, 256 * 1024)
        a.stop()
        first, = self.records(REFUSAL)
        self.assertEqual(first[5][1], ap.wire_name(a.zone))
        counted = self.records(REFUSALS)
        self.assertLess(len(counted), 20)
        self.assertEqual(counted[-1][17][1], first[1])
        self.assertEqual(counted[-1][17][2], COUNT - 1)
        check = a.kskadm("journal", "check",
                         a.path("state/journal/journal.db"))
        self.assertEqual(check.returncode, 0, check.err)

    def test_always_another_zone(self):
        a = self.a
        a.start()
        with a.peer() as peer:
            seen = [peer.ask(ap.SIGN, {1: ap.rrset(
                f"z{i}.example.", ap.DNSKEY, 3600, [a.zsk1.rdata])})
                for i in range(100)]
        self.assertEqual([x[2] for x in seen[:64]], [ap.UNKNOWN_ZONE] * 64)
        self.assertEqual({x[2] for x in seen[64:]}, {6})
        self.assertLessEqual(int(seen[-1][5]), 60)
        a.stop()
        kept = self.records(REFUSAL)
        self.assertEqual(len(kept), 64)
        self.assertFalse([x for x in kept if 5 in x])
        self.assertEqual(self.records(REFUSALS)[-1][17][2], 36)


if __name__ == "__main__":
    unittest.main()
