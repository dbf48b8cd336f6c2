#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every algorithm, from the token to judges that are not ours: OpenSSL over
bytes built from RFC 4034, and BIND's and ldns's verifiers over a whole zone."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cryptoki
import judge
import peer
from cryptoki import Session, ds, tag
from spy import Spy

ZONE = "example.com."


class Algorithms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk algorithms.")
        cls.store = cryptoki.Store(cls.dir)
        cls.store.make_token("ksk")
        cls.keys = {}
        with Session(cls.store, "ksk") as t:
            for i, (name, algorithm, bits) in enumerate((
                    ("rsa256", 8, 2048), ("rsa512", 10, 2048),
                    ("rsa3072", 8, 3072), ("rsa4096", 8, 4096),
                    ("p256", 13, 0), ("p384", 14, 0), ("ed25519", 15, 0),
                    ("ed448", 16, 0))):
                public, _ = t.generate(algorithm, name, bytes([i + 1]), bits)
                cls.keys[name] = t.dnskey(public, algorithm)
        cls.spy = Spy(cls.dir)
        cls.keymap = "".join(peer.keymap_line(ZONE, "main", ds(ZONE, k))
                             for k in cls.keys.values())

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def setUp(self):
        self.workers = []

    def tearDown(self):
        for worker in self.workers:
            worker.close()

    def start(self, name, bend=None):
        if bend is None:
            worker = peer.Worker(self.store, "ksk", keymap=self.keymap)
        else:
            worker = self.spy.worker(self.store, "ksk", keymap=self.keymap,
                                     bend=bend)
        self.workers.append(worker)
        worker.ready().connect()
        key = self.keys[name]
        self.assertEqual(worker.keys([(0, ZONE, ds(ZONE, key), name)]),
                         {0: (key, "")})
        return worker, key

    def check(self, name, bend=None, more=()):
        """Signs once and lets OpenSSL judge -> signature"""
        worker, key = self.start(name, bend)
        window = peer.default_window()
        rdatas = sorted([key, *more])
        outcome, signature, why = worker.sign(slot=0, zone=ZONE, ttl=3600,
                                              rdatas=rdatas, window=window)
        self.assertEqual(outcome, peer.DONE, why)
        data = judge.signed_bytes(ZONE, 48, 3600, rdatas, window, key[3],
                                  tag(key))
        self.assertTrue(judge.Key(key).verify(data, signature))
        bad = bytearray(signature)
        bad[5] ^= 1
        self.assertFalse(judge.Key(key).verify(data, bytes(bad)))
        return window, signature

    def zone(self, name, bend=None):
        folder = tempfile.mkdtemp(dir=self.dir)
        key = self.keys[name]
        zsk, base = judge.make_zsk(folder, ZONE, key[3])
        window, signature = self.check(name, bend, [zsk])
        self.assertEqual(judge.judge_zone(folder, ZONE, key, zsk, base, 3600,
                                          window, signature), [])

    def test_judges_refuse_a_bad_signature(self):
        """The positive control's other half: they do look."""
        folder = tempfile.mkdtemp(dir=self.dir)
        key = self.keys["p256"]
        zsk, base = judge.make_zsk(folder, ZONE, 13)
        window, signature = self.check("p256", more=[zsk])
        bad = signature[:-1] + bytes([signature[-1] ^ 1])
        self.assertEqual(len(judge.judge_zone(folder, ZONE, key, zsk, base,
                                              3600, window, bad)), 2)

    def test_8_rsasha256(self):
        self.zone("rsa256")

    def test_8_rsasha256_3072_bits(self):
        _, signature = self.check("rsa3072")
        self.assertEqual(len(signature), 384)

    def test_8_rsasha256_4096_bits(self):
        _, signature = self.check("rsa4096")
        self.assertEqual(len(signature), 512)

    def test_8_without_raw_rsa(self):
        """A token that only hashes itself (CKM_SHA256_RSA_PKCS)."""
        self.zone("rsa256", bend="r")

    def test_10_rsasha512(self):
        self.zone("rsa512")

    def test_10_without_raw_rsa(self):
        self.check("rsa512", bend="r")

    def test_13_ecdsap256sha256(self):
        self.zone("p256")

    def test_13_der_signatures(self):
        for _ in range(20):
            _, signature = self.check("p256", bend="d")
            self.assertEqual(len(signature), 64)

    def test_13_bare_points(self):
        self.check("p256", bend="b")

    def test_14_ecdsap384sha384(self):
        self.zone("p384")

    def test_14_der_signatures(self):
        _, signature = self.check("p384", bend="d")
        self.assertEqual(len(signature), 96)

    def test_15_ed25519(self):
        self.zone("ed25519")

    def test_15_with_parameters_and_bare_point(self):
        self.check("ed25519", bend="eb")

    def test_16_ed448(self):
        self.zone("ed448")

    def test_rsa_larger_than_the_mechanism_takes(self):
        worker = self.spy.worker(self.store, "ksk", keymap=self.keymap,
                                 bend="kr")
        self.workers.append(worker)
        worker.ready().connect()
        large, small = self.keys["rsa3072"], self.keys["rsa256"]
        found = worker.keys([(0, ZONE, ds(ZONE, large), ""),
                             (1, ZONE, ds(ZONE, small), "")])
        self.assertEqual(found[1], (small, ""))
        self.assertEqual(found[0][0], b"")
        self.assertIn("2048", found[0][1])

    def many(self, name, width, count):
        """All of fixed width, all valid; r or s begins with a zero in about
        one of 128."""
        worker, key = self.start(name)
        public = judge.Key(key)
        zeroes = 0
        begin, end = peer.default_window()
        for first in range(0, count, 16):
            windows = {i: (begin - i, end + i)
                       for i in range(first, first + 16)}
            worker.send_jobs([dict(job=i, slot=0, zone=ZONE, rdatas=[key],
                                   window=w) for i, w in windows.items()])
            done = worker.signed()
            self.assertEqual(list(done), list(windows))
            for i, (outcome, signature, why) in done.items():
                self.assertEqual((outcome, why), (peer.DONE, ""))
                self.assertEqual(len(signature), width)
                data = judge.signed_bytes(ZONE, 48, 3600, [key], windows[i],
                                          key[3], tag(key))
                self.assertTrue(public.verify(data, signature))
                zeroes += signature[0] == 0 or signature[width // 2] == 0
        self.assertGreater(zeroes, 0)

    def test_2000_signatures_p256(self):
        self.many("p256", 64, 2000)

    def test_2000_signatures_p384(self):
        self.many("p384", 96, 2000)


if __name__ == "__main__":
    unittest.main()
