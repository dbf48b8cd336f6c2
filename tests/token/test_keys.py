#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which key a worker takes: by its public key, never by label or id alone, and
a reason for each key that it does not take."""
import os
import shutil
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cryptoki
import judge
import peer
from cryptoki import Session, ds

SANITIZED = True
ZONE = "example.com."


class Keys(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ksk keys.")
        self.store = cryptoki.Store(self.dir)
        self.store.make_token("ksk")
        self.workers = []

    def tearDown(self):
        for worker in self.workers:
            worker.close()
        shutil.rmtree(self.dir)

    def worker(self, *keys, label="ksk", **more):
        keymap = "".join(peer.keymap_line(ZONE, "main", ds(ZONE, k))
                         for k in keys)
        worker = peer.Worker(self.store, label, keymap=keymap, **more)
        self.workers.append(worker)
        return worker.ready().connect()

    def find(self, worker, key, label="", digest_type=2, slot=0):
        return worker.keys([(slot, ZONE, ds(ZONE, key, digest_type),
                             label)])[slot]

    def refused(self, worker, key, label, *words):
        found, why = self.find(worker, key, label)
        self.assertEqual(found, b"")
        for word in words:
            self.assertIn(word, why)
        self.assertLess(len(why), 400)
        outcome, signature, text = worker.sign(slot=0, zone=ZONE,
                                               rdatas=[key])
        self.assertEqual((outcome, signature), (peer.REFUSED, b""))
        self.assertIn("no usable key was found", text)
        return why

    def signs(self, worker, key, slot=0):
        """The signature is by this key: judged by OpenSSL."""
        window = peer.default_window()
        outcome, signature, why = worker.sign(slot=slot, zone=ZONE,
                                              rdatas=[key], window=window)
        self.assertEqual(outcome, peer.DONE, why)
        data = judge.signed_bytes(ZONE, 48, 3600, [key], window, key[3],
                                  cryptoki.tag(key))
        self.assertTrue(judge.Key(key).verify(data, signature))
        self.assertFalse(judge.Key(key).verify(data + b"x", signature))

    def test_ed25519_beside_p256(self):
        with Session(self.store, "ksk") as t:
            a = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
            b = t.dnskey(t.generate(15, "b", b"\2")[0], 15)
        worker = self.worker(a, b)
        found = worker.keys([(0, ZONE, ds(ZONE, a), "a"),
                             (7, ZONE, ds(ZONE, b), "b")])
        self.assertEqual(found, {0: (a, ""), 7: (b, "")})
        self.signs(worker, a)
        self.signs(worker, b, 7)

    def test_two_pairs_with_one_label(self):
        with Session(self.store, "ksk") as t:
            a, b = (t.dnskey(t.generate(13, "ksk", i)[0], 13)
                    for i in (b"\1", b"\2"))
        worker = self.worker(a, b)
        for key in (a, b):
            self.assertEqual(self.find(worker, key, "ksk"), (key, ""))
            self.signs(worker, key)

    def test_empty_ids(self):
        with Session(self.store, "ksk") as t:
            a, b = (t.dnskey(t.generate(13, label, b"")[0], 13)
                    for label in ("one", "two"))
        worker = self.worker(a, b)
        for key, label in ((a, "one"), (b, "two"), (a, "")):
            self.assertEqual(self.find(worker, key, label), (key, ""))
            self.signs(worker, key)

    def test_one_label_and_no_id(self):
        with Session(self.store, "ksk") as t:
            a, b = (t.dnskey(t.generate(13, "same", b"")[0], 13)
                    for _ in range(2))
        worker = self.worker(a, b)
        for key in (a, b):
            self.refused(worker, key, "same", "ambiguous", "CKA_ID")

    def test_one_id_two_labels(self):
        """The id alone does not decide; id and label together do."""
        with Session(self.store, "ksk") as t:
            a, b = (t.dnskey(t.generate(13, label, b"\5")[0], 13)
                    for label in ("one", "two"))
            c, d = (t.dnskey(t.generate(14, "x", b"\6")[0], 14)
                    for _ in range(2))
        worker = self.worker(a, b, c, d)
        for key in (a, b):
            self.assertEqual(self.find(worker, key), (key, ""))
            self.signs(worker, key)
        self.refused(worker, c, "", "ambiguous")
        self.refused(worker, d, "x", "ambiguous")

    def test_rsa_with_one_id_is_told_by_its_modulus(self):
        with Session(self.store, "ksk") as t:
            a, b = (t.dnskey(t.generate(8, "same", b"\1")[0], 8)
                    for _ in range(2))
        worker = self.worker(a, b)
        for key in (a, b):
            self.assertEqual(self.find(worker, key, "same"), (key, ""))
            self.signs(worker, key)

    def test_private_half_missing(self):
        with Session(self.store, "ksk") as t:
            public, private = t.generate(13, "a", b"\1")
            key = t.dnskey(public, 13)
            t.destroy(private)
        self.refused(self.worker(key), key, "a", "private half missing",
                     "restore")

    def test_public_half_missing(self):
        with Session(self.store, "ksk") as t:
            public, _ = t.generate(13, "a", b"\1")
            key = t.dnskey(public, 13)
            t.destroy(public)
        worker = self.worker(key)
        self.refused(worker, key, "a", "public half missing", "CKA_ID")
        self.refused(worker, key, "", "not found")

    def test_orphan_of_another_pair_is_not_taken(self):
        """A public key whose own private half is gone must not get the one of
        a pair that shares its id."""
        with Session(self.store, "ksk") as t:
            public, private = t.generate(13, "a", b"\1")
            key = t.dnskey(public, 13)
            t.destroy(private)
            other = t.dnskey(t.generate(13, "b", b"\1")[0], 13)
        worker = self.worker(key, other)
        self.refused(worker, key, "a", "ambiguous")
        self.assertEqual(self.find(worker, other, "b"), (other, ""))
        self.signs(worker, other)

    def test_extractable(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1", private=dict(
                EXTRACTABLE=True))[0], 13)
        self.refused(self.worker(key), key, "a", "extractable",
                     "key allow --extractable")

    def test_extractable_and_named_so(self):
        """The mark counts for its zone, token and key alone, and goes with
        the keymap in force."""
        with Session(self.store, "ksk") as t:
            out, other = (t.dnskey(t.generate(13, i, i.encode(), private=dict(
                EXTRACTABLE=True))[0], 13) for i in "ab")
        mark = dict(label="a extractable")
        marked = peer.keymap_line(ZONE, "main", ds(ZONE, out), **mark)
        plain = peer.keymap_line(ZONE, "main", ds(ZONE, other))
        worker = peer.Worker(self.store, "ksk", keymap=marked + plain)
        self.workers.append(worker)
        worker.ready().connect()
        self.assertEqual(self.find(worker, out, "a"), (out, ""))
        self.signs(worker, out)
        self.refused(worker, other, "b", "extractable")
        for line in (peer.keymap_line("example.net.", "main", ds(
                "example.net.", out), **mark),
                peer.keymap_line(ZONE, "second", ds(ZONE, out), **mark)):
            worker = peer.Worker(self.store, "ksk", keymap=line)
            self.workers.append(worker)
            self.refused(worker.ready().connect(), out, "a", "keymap")

    def test_not_sensitive(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1", private=dict(
                SENSITIVE=False))[0], 13)
        self.refused(self.worker(key), key, "a", "not sensitive")

    def test_not_for_signing(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1", private=dict(
                SIGN=False))[0], 13)
        self.refused(self.worker(key), key, "a", "not for signing",
                     "CKA_SIGN")

    def test_allowed_mechanisms(self):
        """The mechanism is one that the key allows; a key that allows none
        has a reason before its first signature."""
        def allow(*types):
            return dict(ALLOWED_MECHANISMS=struct.pack(f"@{len(types)}L",
                                                       *types))
        rsa_pkcs, sha256_rsa, ecdsa, aes = 0x1, 0x40, 0x1041, 0x1082
        with Session(self.store, "ksk") as t:
            a = t.dnskey(t.generate(8, "a", b"\1",
                                    private=allow(sha256_rsa))[0], 8)
            b = t.dnskey(t.generate(8, "b", b"\2",
                                    private=allow(aes, rsa_pkcs))[0], 8)
            c = t.dnskey(t.generate(13, "c", b"\3",
                                    private=allow(ecdsa))[0], 13)
            d = t.dnskey(t.generate(13, "d", b"\4",
                                    private=allow(rsa_pkcs, aes))[0], 13)
        worker = self.worker(a, b, c, d)
        for slot, key in enumerate((a, b, c)):
            self.assertEqual(self.find(worker, key, slot=slot), (key, ""))
            self.signs(worker, key, slot)
        self.refused(worker, d, "d", "CKA_ALLOWED_MECHANISMS")

    def test_exponent(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(8, "a", b"\1", public=dict(
                EXPONENT=b"\x01\x00\x00\x00\x01"))[0], 8)
        self.refused(self.worker(key), key, "a", "65537", "exponent")

    def test_kinds_that_dnssec_has_not(self):
        """A key of the label that is wanted, and why it is not used."""
        curves = {"p521": bytes.fromhex("06052b81040023"),
                  "k1": bytes.fromhex("06052b8104000a")}
        with Session(self.store, "ksk") as t:
            public, private = t.generate(13, "gone", b"\1")
            key = t.dnskey(public, 13)
            t.destroy(public)
            t.destroy(private)
            for label, params in curves.items():
                t.generate(13, label, label.encode(),
                           public=dict(EC_PARAMS=params))
        worker = self.worker(key)
        for label in curves:
            self.refused(worker, key, label, "can't be read",
                         "its curve is none that DNSSEC uses")
        self.refused(worker, key, "gone", "not found")

    def test_not_found_names_what_is_there(self):
        with Session(self.store, "ksk") as t:
            other = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
            rsa = t.dnskey(t.generate(8, "a", b"\2")[0], 8)
            public, private = t.generate(13, "a", b"\3")
            key = t.dnskey(public, 13)
            t.destroy(public)
            t.destroy(private)
        why = self.refused(self.worker(key), key, "a", "not found")
        self.assertIn(f"{cryptoki.tag(other)}/13", why)
        self.assertIn(f"{cryptoki.tag(rsa)}/8 (RSA)", why)

    def test_nothing_there(self):
        with Session(self.store, "ksk") as t:
            public, private = t.generate(13, "a", b"\1")
            key = t.dnskey(public, 13)
            t.destroy(public)
            t.destroy(private)
        self.refused(self.worker(key), key, "a", "not found",
                     "kskadm key generate")

    def test_wrong_label_is_named(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "right\n\xfc", b"\1")[0], 13)
        why = self.refused(self.worker(key), key, "wrong", "wrong label")
        self.assertIn('"right', why)
        self.assertTrue(why.isprintable() and why.isascii())

    def test_same_label_and_id_other_key(self):
        """A standby token with other keys (C44) is not used, and both
        fingerprints are shown."""
        self.store.make_token("standby")
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "k", b"\1")[0], 13)
        with Session(self.store, "standby") as t:
            other = t.dnskey(t.generate(13, "k", b"\1")[0], 13)
        worker = self.worker(key, label="standby")
        self.refused(worker, key, "k", "not found",
                     f"{cryptoki.tag(other)}/13", f"DS {cryptoki.tag(key)} ")

    def test_ds_sha384(self):
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
        worker = self.worker(key)
        self.assertEqual(self.find(worker, key, "a", 4), (key, ""))
        self.signs(worker, key)

    def test_ds_of_another_zone(self):
        """The same key has another DS at another owner."""
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
        worker = self.worker(key)
        found = worker.keys([(0, "example.net.", ds(ZONE, key), "a")])
        self.assertEqual(found[0][0], b"")

    def test_duplicate_public_object(self):
        """Another public object of the same key changes nothing."""
        with Session(self.store, "ksk") as t:
            public, _ = t.generate(13, "a", b"\1")
            key = t.dnskey(public, 13)
            t.create(dict(CLASS=cryptoki.CKO_PUBLIC, TOKEN=True,
                          KEY_TYPE=cryptoki.CKK_EC, LABEL="a", ID=b"",
                          EC_PARAMS=cryptoki.CURVE[13],
                          EC_POINT=t.get(public, "EC_POINT")))
        worker = self.worker(key)
        self.assertEqual(self.find(worker, key, "a"), (key, ""))
        self.signs(worker, key)

    def test_stray_objects(self):
        """300 strays slow the look-up of 24 keys by one pass at most."""
        with Session(self.store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
            point = t.get(t.find(dict(CLASS=2, LABEL="a"))[0], "EC_POINT")
            for i in range(300):
                t.create(dict(CLASS=cryptoki.CKO_PUBLIC, TOKEN=True,
                              KEY_TYPE=cryptoki.CKK_EC, LABEL=f"s{i}",
                              ID=i.to_bytes(2, "big"), EC_POINT=point,
                              EC_PARAMS=cryptoki.CURVE[13]))
        worker = self.worker(*[key] * 6)
        begin = time.monotonic()
        found = worker.keys([(i, ZONE, ds(ZONE, key), "a")
                             for i in range(24)])
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(set(found.values()), {(key, "")})
        self.signs(worker, key)

    def test_slot_is_set_again(self):
        """A key that was missing is found once it is there."""
        with Session(self.store, "ksk") as t:
            public, private = t.generate(13, "a", b"\1",
                                         private=dict(SIGN=False))
            bad = t.dnskey(public, 13)
            good = t.dnskey(t.generate(13, "b", b"\2")[0], 13)
        worker = self.worker(bad, good)
        self.refused(worker, bad, "a", "not for signing")
        self.assertEqual(self.find(worker, good, "b"), (good, ""))
        self.signs(worker, good)


if __name__ == "__main__":
    unittest.main()
