#!/usr/bin/python3
"""The journal from outside: what journal-read gives, and what kskctl makes of
it. The judge of the chain is hashlib over cbor2, written from PROTOCOL.md 8.
"""
import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cbor2  # noqa: E402

import appliance as ap  # noqa: E402

SANITIZED = True
JOURNAL_READ = 8
BEGIN, INTENT, RESULT, REFUSAL = 0, 1, 2, 3


def chain(before, record):
    return hashlib.sha256(b"ksk-record-1" + before + record).digest()


class Journal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = ap.standard()
        try:
            cls.a.add_client("auditor", "journal")
            cls.prepare()
            cls.a.write_policy()
            cls.a.start()
        except BaseException:
            cls.a.__exit__()
            raise

    @classmethod
    def prepare(cls):
        """What else the appliance needs before it starts."""

    @classmethod
    def tearDownClass(cls):
        status = cls.a.stop(check=False)
        log = cls.a.log_text()
        cls.a.__exit__()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"kskd ended with {status}\n{log}")

    def peer(self, client="auto"):
        peer = self.a.peer(client)
        self.addCleanup(peer.close)
        return peer

    def sign(self, count=1):
        """Signed answers, each with two records."""
        peer = self.peer()
        for _ in range(count):
            reply = self.a.sign(peer, self.a.zone, [self.a.zsk1, self.a.zsk2])
            self.assertEqual(reply[2], ap.DONE, reply)
        return reply[3]

    def read(self, **body):
        """One journal-read; fields by name."""
        keys = {"first": 1, "most": 2, "after": 3}
        reply = self.peer("auditor").ask(
            JOURNAL_READ, {keys[k]: v for k, v in body.items()})
        self.assertEqual(reply[2], ap.DONE, reply)
        return reply[3]

    def read_all(self):
        """All records as (encoding, hash)."""
        records, before = [], bytes(32)
        while True:
            body = self.read(first=len(records), most=1000)
            self.assertEqual(body[7], before)
            for record in body[1]:
                self.assertEqual(cbor2.loads(record)[1], len(records))
                before = chain(before, record)
                records.append((record, before))
            if not body[1]:
                return records, body


class Reading(Journal):
    def test_the_chain_is_what_python_computes(self):
        signed = self.sign(3)
        records, body = self.read_all()
        self.assertEqual((body[3], body[4]),
                         (len(records) - 1, records[-1][1]))
        self.assertEqual(records[signed[2]][1], signed[3])
        status = self.peer().ask(ap.STATUS)[3]
        self.assertEqual((status[8], status[9]), (body[3], body[4]))
        result = cbor2.loads(records[signed[2]][0])
        self.assertEqual(result[3], RESULT)
        self.assertEqual(result[10], signed[1])
        intent = cbor2.loads(records[result[8]][0])
        self.assertEqual(intent[3], INTENT)
        self.assertEqual(intent[5], self.a.keyset(
            self.a.zone, [self.a.zsk1, self.a.zsk2]))
        self.assertEqual(cbor2.loads(records[0][0])[3], BEGIN)
        for record, _ in records:
            self.assertEqual(
                cbor2.dumps(cbor2.loads(record), canonical=True), record)

    def test_pages(self):
        self.sign(2)
        whole, _ = self.read_all()
        for first in range(len(whole)):
            body = self.read(first=first, most=2)
            self.assertEqual(body[1], [r for r, _ in whole[first:first + 2]])
            self.assertEqual(
                body[7], whole[first - 1][1] if first else bytes(32))
        nothing = self.read(first=2**64 - 1, most=5)
        self.assertEqual((nothing[1], nothing[2]), ([], []))
        self.assertEqual(nothing[7], nothing[4])
        self.assertEqual(self.read(first=0, most=0)[1], [])

    def test_only_with_the_right(self):
        reply = self.peer("auto").ask(JOURNAL_READ, {1: 0, 2: 1})
        self.assertEqual(reply[2], ap.NOT_AUTHORISED, reply)
        self.assertIn("journal", reply[5])
        self.assertNotIn(3, reply)
        # … and that right gives no other.
        reply = self.peer("auditor").ask(ap.STATUS)
        self.assertEqual(reply[2], ap.NOT_AUTHORISED, reply)

    def test_what_is_malformed(self):
        for body in ({}, {1: 0}, {2: 1}, {1: 0, 2: 1, 4: 0}, {1: b"", 2: 1}):
            with self.a.peer("auditor") as peer:
                reply = peer.ask(JOURNAL_READ, body)
                self.assertEqual(reply[2], ap.MALFORMED, body)

    def test_readers_do_not_keep_signers_waiting(self):
        """Many reads wait, but not in front of an answer."""
        reader = self.peer("auditor")
        for _ in range(60):
            reader.send(JOURNAL_READ, {1: 0, 2: 256})
        before = self.sign()
        got = [reader.receive() for _ in range(60)]
        self.assertEqual({r[2] for r in got}, {ap.DONE})
        self.assertEqual({r[1] for r in got}, set(range(1, 61)))
        self.assertLessEqual(before[2], self.read(first=0, most=0)[3])


if __name__ == "__main__":
    sys.exit(unittest.main())
