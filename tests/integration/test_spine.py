#!/usr/bin/python3
"""The main job: a DNSKEY RRset goes in over TLS, its RRSIG comes out of the
token. The peer is written from PROTOCOL.md alone; the judge is dnssec-verify.
"""
import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

SANITIZED = True


def rules(reply):
    return {r[1] for r in reply.get(4, [])}


class Spine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = ap.standard()
        cls.a.ed = None
        try:
            cls.a.add_client("reader", "read")
            cls.a.add_client("other", "read, sign")
            for zone, algorithm, bits in (
                    ("rsa8.example.", 8, 2048), ("rsa10.example.", 10, 2048),
                    ("p384.example.", 14, None), ("ed.example.", 15, None)):
                label = "ksk-" + zone[:4]
                cls.a.add_ksk(zone, label, algorithm, bits)
                zsk = ap.Zsk(cls.a.path(zone), zone, algorithm, bits)
                more = {"algorithms": f"[{algorithm}]"}
                cls.a.add_zone(zone, [label], {"alpha": [zsk]}, **more)
                setattr(cls.a, label, zsk)
            ksk = cls.a.ksks["ksk1"]
            cls.a.zones[0][4]["parent-ds"] = (
                "{seen: 2026-01-01T00:00:00Z, ds: ["
                f'"{ap.ds_text(cls.a.zone, ksk)}"]}}')
            cls.a.write_policy()
            cls.a.start()
        except BaseException:
            cls.a.__exit__()
            raise

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

    def test_signed_set_is_validated_by_dnssec_verify(self):
        a = self.a
        body = {1: a.keyset(a.zone, [a.zsk1, a.zsk2])}
        reply = self.peer().ask(ap.SIGN, body)
        self.assertEqual(reply[2], ap.DONE, reply)
        self.assertEqual(len(reply[3][1]), 1)
        self.assertEqual(reply[3][4], a.version)
        for zsk in (a.zsk1, a.zsk2):
            judge = a.validate(a.zone, body[1], reply[3][1], zsk)
            self.assertEqual(judge.returncode, 0, judge.out + judge.err)
        # The judge can tell: one changed byte of the signature is refused.
        bad = reply[3][1][0][:-1] + bytes([reply[3][1][0][-1] ^ 1])
        judge = a.validate(a.zone, body[1], [bad], a.zsk1)
        self.assertNotEqual(judge.returncode, 0)

    def test_every_algorithm_of_the_token(self):
        a = self.a
        for zone, label in (("rsa8.example.", "ksk-rsa8"),
                            ("rsa10.example.", "ksk-rsa1"),
                            ("p384.example.", "ksk-p384"),
                            ("ed.example.", "ksk-ed.e")):
            zsk = getattr(a, label)
            body = {1: a.keyset(zone, [zsk])}
            reply = self.peer().ask(ap.SIGN, body)
            self.assertEqual(reply[2], ap.DONE, (zone, reply))
            judge = a.validate(zone, body[1], reply[3][1], zsk)
            self.assertEqual(judge.returncode, 0, judge.out + judge.err)

    def test_unlisted_key_is_refused_by_name(self):
        a = self.a
        stranger = ap.Zsk(a.path("stranger"), a.zone)
        reply = a.sign(self.peer(), a.zone, [a.zsk1, a.zsk2, stranger])
        self.assertEqual(reply[2], ap.REFUSED)
        self.assertIn("key-allowed", rules(reply))
        refusal = [r for r in reply[4] if r[1] == "key-allowed"][0]
        self.assertEqual(refusal[3], stranger.tag)
        self.assertNotIn(3, reply)

    def test_all_failing_rules_come_back_at_once(self):
        a = self.a
        stranger = ap.Zsk(a.path("stranger2"), a.zone)
        keyset = a.keyset(a.zone, [a.zsk1, stranger], ksks=[])
        keyset[3] = 7200
        reply = self.peer().ask(ap.SIGN, {1: keyset})
        self.assertEqual(reply[2], ap.REFUSED)
        self.assertLessEqual({"ttl", "key-allowed", "provider-present",
                              "ksk-present"}, rules(reply))
        beta = [r for r in reply[4] if r[1] == "provider-present"][0]
        self.assertEqual(beta[4], "beta")

    def test_who_may(self):
        a = self.a
        reply = a.sign(self.peer("reader"), a.zone, [a.zsk1, a.zsk2])
        self.assertEqual(reply[2], ap.NOT_AUTHORISED)
        self.assertIn("client", rules(reply))
        reply = a.sign(self.peer("other"), a.zone, [a.zsk1, a.zsk2])
        self.assertEqual(reply[2], ap.NOT_AUTHORISED)
        reply = self.peer("other").ask(
            ap.KEYS, {1: ap.wire_name(a.zone)})
        self.assertEqual(reply[2], ap.NOT_AUTHORISED)
        body = {1: ap.rrset("nowhere.example.", ap.DNSKEY, 3600,
                            [a.zsk1.rdata])}
        reply = self.peer().ask(ap.SIGN, body)
        self.assertEqual(reply[2], ap.UNKNOWN_ZONE)
        self.assertEqual(rules(reply), {"zone"})

    def test_cds_and_cdnskey(self):
        a = self.a
        ksk = a.ksks["ksk1"]
        words = ap.ds_text(a.zone, ksk).split()
        cds = int(words[0]).to_bytes(2, "big") + bytes(
            [int(words[1]), 2]) + bytes.fromhex(words[3])
        self.assertEqual(a.sign(self.peer(), a.zone,
                                [a.zsk1, a.zsk2])[2], ap.DONE)
        for kind, rdata in ((ap.CDS, cds), (ap.CDNSKEY, ksk)):
            body = {1: ap.rrset(a.zone, kind, 3600, [rdata])}
            reply = self.peer().ask(ap.SIGN, body)
            self.assertEqual(reply[2], ap.DONE, reply)
            self.assertEqual(int.from_bytes(reply[3][1][0][:2], "big"), kind)
        wrong = cds[:-1] + bytes([cds[-1] ^ 1])
        reply = self.peer().ask(
            ap.SIGN, {1: ap.rrset(a.zone, ap.CDS, 3600, [wrong])})
        self.assertEqual(reply[2], ap.REFUSED)
        self.assertIn("cds", rules(reply))
        delete = bytes(4) + b"\0"
        reply = self.peer().ask(
            ap.SIGN, {1: ap.rrset(a.zone, ap.CDS, 3600, [delete])})
        self.assertEqual(reply[2], ap.REFUSED)

    def test_keys_and_status(self):
        a = self.a
        peer = self.peer()
        keys = peer.ask(ap.KEYS, {1: ap.wire_name(a.zone)})
        self.assertEqual(keys[2], ap.DONE, keys)
        status = peer.ask(ap.STATUS)
        self.assertEqual(status[2], ap.DONE, status)
        self.assertEqual(status[3][1].hex(), a.id)
        with open(a.path("etc/policy.yaml"), "rb") as f:
            self.assertEqual(status[3][7],
                             hashlib.sha256(f.read()).digest())
        self.assertIn(a.ksks["ksk1"], self.flat(keys))
        for zsk in (a.zsk1, a.zsk2):
            digest = bytes.fromhex(zsk.ds.split()[3])
            self.assertTrue([x for x in self.flat(keys) if isinstance(
                x, bytes) and x.endswith(digest)])

    def flat(self, value):
        if isinstance(value, dict):
            return [x for v in value.values() for x in self.flat(v)]
        if isinstance(value, list):
            return [x for v in value for x in self.flat(v)]
        return [value]

    def test_dry_run_signs_nothing(self):
        a = self.a
        peer = self.peer()
        before = peer.ask(ap.STATUS)[3]
        reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2], body={6: True})
        self.assertEqual(reply[2], ap.DONE)
        self.assertNotIn(1, reply[3])
        reply = a.sign(peer, a.zone, [a.zsk1], body={6: True})
        self.assertEqual(reply[2], ap.REFUSED)
        after = peer.ask(ap.STATUS)[3]
        self.assertEqual((after[8], after[9]), (before[8], before[9]))

    def test_window(self):
        a = self.a
        peer = self.peer()
        now = peer.ask(ap.STATUS)[3][3]
        window = {1: now - 600, 2: now + 5 * 86400}
        reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2], body={2: window})
        self.assertEqual(reply[2], ap.DONE, reply)
        rdata = reply[3][1][0]
        self.assertEqual(int.from_bytes(rdata[8:12], "big"), window[2])
        self.assertEqual(int.from_bytes(rdata[12:16], "big"), window[1])
        for bad in ({1: now + 7200, 2: now + 5 * 86400},
                    {1: now - 600, 2: now + 60 * 86400},
                    {1: now, 2: now + 60}, {1: now, 2: now - 60}):
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2], body={2: bad})
            self.assertEqual(reply[2], ap.REFUSED, bad)
            self.assertIn("window", rules(reply))

    def test_pipelining(self):
        a = self.a
        peer = self.peer()
        keyset = a.keyset(a.zone, [a.zsk1, a.zsk2])
        sent = {}
        for i in range(100):
            op = (ap.SIGN, ap.STATUS, ap.KEYS)[i % 3]
            body = {ap.SIGN: {1: keyset}, ap.STATUS: None,
                    ap.KEYS: {1: ap.wire_name(a.zone)}}[op]
            sent[peer.send(op, body)] = op
        records = []
        for _ in range(100):
            reply = peer.receive()
            op = sent.pop(reply[1])
            self.assertEqual(reply[2], ap.DONE)
            if op == ap.SIGN:
                records.append(reply[3][2])
        self.assertFalse(sent)
        self.assertEqual(len(set(records)), len(records))

    def test_records_are_chained_and_counted(self):
        a = self.a
        peer = self.peer()
        before = peer.ask(ap.STATUS)[3][8]
        reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
        # an intent and a result
        self.assertGreaterEqual(reply[3][2], before + 2)
        head = peer.ask(ap.STATUS)[3]
        if head[8] == reply[3][2]:
            self.assertEqual(head[9], reply[3][3])
        reply = a.sign(peer, a.zone, [a.zsk1])
        self.assertEqual(reply[2], ap.REFUSED)
        self.assertGreater(peer.ask(ap.STATUS)[3][8], head[8])

    def test_malformed_gets_one_reply_then_the_end(self):
        for message in (b"\xff", b"\xa1\x01\x01", b"\x81\x01",
                        bytes.fromhex("a201180502010a"),
                        bytes.fromhex("a2180101020100")):
            peer = self.peer()
            peer.send_bytes(message)
            reply = peer.receive()
            self.assertEqual(reply[2], ap.MALFORMED, message)
            with self.assertRaises((ConnectionError, OSError)):
                peer.receive()
        # Nobody else is troubled.
        self.assertEqual(self.peer().ask(ap.STATUS)[2], ap.DONE)

    def test_what_is_not_done_is_said(self):
        a = self.a
        peer = self.peer()
        for op in (12, 99):
            reply = peer.ask(op, {1: 1})
            self.assertEqual(reply[2], ap.UNSUPPORTED, (op, reply))
        reply = peer.ask(ap.STATUS, nonce=bytes(32))
        self.assertEqual(reply[2], ap.UNSUPPORTED)

    def test_too_many_keys_is_too_large_and_harmless(self):
        a = self.a
        peer = self.peer()
        keys = [a.zsk1.rdata[:-2] + i.to_bytes(2, "big") for i in range(200)]
        reply = peer.ask(ap.SIGN,
                         {1: ap.rrset(a.zone, ap.DNSKEY, 3600, keys)})
        self.assertEqual(reply[2], ap.TOO_LARGE)
        self.assertEqual(peer.ask(ap.STATUS)[2], ap.DONE)

    def test_mixed_case_owner_is_malformed_never_another_zone(self):
        a = self.a
        peer = self.peer()
        keyset = a.keyset(a.zone, [a.zsk1, a.zsk2])
        keyset[1] = keyset[1].replace(b"lab", b"LAB")
        reply = peer.ask(ap.SIGN, {1: keyset})
        self.assertEqual(reply[2], ap.MALFORMED)


if __name__ == "__main__":
    unittest.main()
