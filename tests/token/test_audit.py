#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The audit key and the anchor of kskd-token, with a peer in Python: what is
signed is what PROTOCOL.md says, by a key of one purpose; the anchor is a data
object that other tools see, made anew each time."""
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cryptoki
import judge
import peer
from cryptoki import Session, ds

SANITIZED = True
ZONE = "example.com."
AUDIT_ASK, AUDIT_FOUND, ATTEST, ATTESTED, ANCHOR_READ, ANCHOR_FOUND, \
    ANCHOR_WRITE, ANCHOR_WRITTEN = range(0x34, 0x3c)
DONE, REFUSED, FAILED = range(3)
DATA = 0


def head(number, journal=b"j" * 16, digest=b"h" * 32, time=1800000000):
    return journal + struct.pack(">Q", number) + digest + \
        struct.pack(">Q", time)


def root_ds(rdata):
    """The DS of a key at the root: its owner is one zero byte."""
    return cryptoki.tag(rdata), rdata[3], 2, \
        hashlib.sha256(b"\0" + rdata).digest()


class Audit(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ksk audit.")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir)
        self.store = cryptoki.Store(self.dir)
        self.store.make_token("ksk")
        with Session(self.store, "ksk") as t:
            self.audit = t.dnskey(t.generate(13, "audit", b"\1")[0], 13)
            self.ksk = t.dnskey(t.generate(13, "ksk", b"\2")[0], 13)
        self.line = peer.audit_line("main", root_ds(self.audit))
        self.ksk_line = peer.keymap_line(ZONE, "main", ds(ZONE, self.ksk))

    def start(self, keymap=None, anchor=True):
        w = peer.Worker(self.store, "ksk", anchor=anchor, keymap=self.line +
                        self.ksk_line if keymap is None else keymap)
        self.addCleanup(w.close)
        return w.ready().connect()

    def ask(self, w, number, body=b""):
        peer.send(w.link, struct.pack(">H", number) + body)
        nr, reader = peer.receive(w.link)
        self.assertEqual(nr, number + 1)
        return reader

    def find(self, w):
        r = self.ask(w, AUDIT_ASK)
        return r.block(), r.block().decode()

    def attest(self, w, number=7, nonce=None, state=0):
        r = self.ask(w, ATTEST, bytes([nonce is not None]) +
                     (nonce or bytes(32)) + head(number) + bytes([state]))
        return r.number(1), r.block(), r.block().decode()

    def anchors(self, w):
        r = self.ask(w, ANCHOR_READ)
        ok, count = r.number(1), r.number(1)
        found = [r.take(64) for _ in range(count)]
        return ok, found, r.block().decode()

    def write(self, w, number, **more):
        r = self.ask(w, ANCHOR_WRITE, head(number, **more))
        return r.number(1), r.block().decode()

    # -- the audit key --
    def test_checkpoint_and_proof(self):
        w = self.start()
        key, why = self.find(w)
        self.assertEqual((key, why), (b"\0\0" + self.audit[2:], ""))
        judged = judge.Key(self.audit)
        outcome, signature, why = self.attest(w)
        self.assertEqual((outcome, why), (DONE, ""))
        self.assertTrue(judged.verify(
            b"ksk-checkpoint-1" + head(7), signature))
        outcome, signature, _ = self.attest(w, 8, b"n" * 32, 3)
        self.assertEqual(outcome, DONE)
        proof = b"ksk-proof-1" + b"n" * 32 + head(8) + b"\3"
        self.assertTrue(judged.verify(proof, signature))
        self.assertFalse(judged.verify(proof[:-1] + b"\4", signature))

    def test_it_signs_no_rrset(self):
        """Though the keymap of a careless hand gives it to a zone too."""
        w = self.start(self.line + peer.keymap_line(
            ZONE, "main", ds(ZONE, self.audit)))
        w.keys([(0, ZONE, ds(ZONE, self.audit), "")])
        outcome, signature, why = w.sign(slot=0, zone=ZONE,
                                         rdatas=[self.audit])
        self.assertEqual((outcome, signature), (REFUSED, b""))
        self.assertIn("audit key", why)
        key, why = self.find(w)
        self.assertEqual(key, b"")
        self.assertIn("one purpose", why)

    def test_a_ksk_signs_no_checkpoint(self):
        w = self.start(self.ksk_line)
        key, why = self.find(w)
        self.assertEqual(key, b"")
        self.assertIn("--audit", why)
        self.assertEqual(self.attest(w)[0], REFUSED)

    def test_it_is_asked_for_on_each_link(self):
        w = self.start()
        self.assertEqual(self.attest(w)[0], REFUSED)
        self.find(w)
        self.assertEqual(self.attest(w)[0], DONE)
        w.connect(2)
        self.assertEqual(self.attest(w)[0], REFUSED)

    def test_taken_out_of_the_keymap(self):
        w = self.start()
        self.find(w)
        self.assertEqual(w.prepare(1, self.ksk_line), (True, ""))
        peer.send(w.control, struct.pack(">HI", peer.COMMIT, 1))
        self.assertEqual(self.attest(w)[0], REFUSED)

    def test_broken_packet(self):
        w = self.start()
        peer.send(w.link, struct.pack(">H", ATTEST) + b"\2" + bytes(97))
        self.assertEqual(w.wait(), 15)

    # -- the anchor --
    def listed(self):
        out = subprocess.run(
            ["pkcs11-tool", "--module", cryptoki.SOFTHSM, "--token-label",
             "ksk", "--login", "--pin", "1234", "--list-objects", "--type",
             "data"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=self.store.environment(), text=True, check=True).stdout
        return out.count("ksk-anchor")

    def test_written_and_read(self):
        w = self.start()
        self.assertEqual(self.anchors(w), (1, [], ""))
        self.assertEqual(self.write(w, 5), (1, ""))
        self.assertEqual(self.anchors(w), (1, [head(5)], ""))
        self.assertEqual(self.write(w, 9), (1, ""))
        self.assertEqual(self.anchors(w), (1, [head(9)], ""))
        w.close()
        self.assertEqual(self.listed(), 1)
        # Another process finds it.
        self.assertEqual(self.anchors(self.start())[1], [head(9)])

    def test_two_after_a_crash(self):
        w = self.start()
        self.write(w, 5)
        w.close()
        with Session(self.store, "ksk") as t:
            t.create(dict(CLASS=DATA, TOKEN=True, PRIVATE=True,
                          APPLICATION="ksk", LABEL="ksk-anchor",
                          VALUE=b"\1" + head(6)))
        w = self.start()
        self.assertEqual(set(self.anchors(w)[1]), {head(5), head(6)})
        self.assertEqual(self.write(w, 7), (1, ""))
        self.assertEqual(self.anchors(w)[1], [head(7)])

    def test_strange_object(self):
        with Session(self.store, "ksk") as t:
            t.create(dict(CLASS=DATA, TOKEN=True, PRIVATE=True,
                          APPLICATION="ksk", LABEL="ksk-anchor",
                          VALUE=b"\1" + head(6) + b"x"))
            t.create(dict(CLASS=DATA, TOKEN=True, PRIVATE=True,
                          APPLICATION="other", LABEL="ksk-anchor",
                          VALUE=b"of somebody else"))
        w = self.start()
        ok, found, why = self.anchors(w)
        self.assertEqual((ok, found), (0, []))
        self.assertIn("not one of this program", why)

    def test_not_configured(self):
        w = self.start(anchor=False)
        ok, why = self.write(w, 5)
        self.assertEqual(ok, 0)
        self.assertIn("no anchor", why)
        self.assertEqual(self.anchors(w), (1, [], ""))


if __name__ == "__main__":
    unittest.main()
