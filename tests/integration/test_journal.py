#!/usr/bin/python3
"""The journal from outside: what journal-read gives, what kskctl makes of it,
what the audit key proves. The judge of the chain is hashlib over cbor2, that of
signatures the openssl command; both are written from PROTOCOL.md 8.
"""
import base64
import hashlib
import io
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cbor2  # noqa: E402

import appliance as ap  # noqa: E402

SANITIZED = True
JOURNAL_READ = 8
BEGIN, INTENT, RESULT = range(3)


# P-256's base point: a key that nobody here has.
STRANGER = ("6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
            "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5")
KSKCTL = os.path.join(ap.BUILD, "kskctl")
GOOD, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT, UNVERIFIED = range(7)
HEADER, RECORD, CHECKPOINT, MARK = range(4)


def chain(before, record):
    return hashlib.sha256(b"ksk-record-1" + before + record).digest()


def dump(value):
    return cbor2.dumps(value, canonical=True)


def items(data):
    """An export as [(kind, body, bytes of the item)]."""
    found, at = [], 0
    with io.BytesIO(data) as file:
        decoder = cbor2.CBORDecoder(file)
        while at < len(data):
            kind, body = decoder.decode()
            found.append((kind, body, data[at:file.tell()]))
            at = file.tell()
    return found


def follow(data):
    """Follows an export; returns (records, checkpoints, last hash)."""
    records, checkpoints, last, due = [], [], None, None
    for kind, body, raw in items(data):
        value = cbor2.loads(body)
        assert dump(value) == body and dump([kind, body]) == raw
        if kind == HEADER:
            assert due is None and value[1] == "ksk-journal-1"
            journal, due, last = value[2], value[3], value[4]
        elif kind == RECORD:
            assert value[1] == due, (value[1], due)
            last, due = chain(last, body), due + 1
            records.append((value, last))
        elif kind == CHECKPOINT:
            assert value[1] == journal
            assert value[3] == records[value[2] - records[0][0][1]][1]
            checkpoints.append(value)
        else:
            assert value == {1: due - 1, 2: last}
    assert kind == MARK
    return records, checkpoints, last


def number(value):
    return value.to_bytes(8, "big")


def verifies(folder, key, signature, signed):
    """ECDSA P-256, judged by openssl. key, signature: as PROTOCOL.md has
    them."""
    assert key[:4] == b"\0\0\3\x0d" and len(key) == 68 and \
        len(signature) == 64

    def integer(half):
        half = half.lstrip(b"\0") or b"\0"
        half = b"\0" + half if half[0] & 0x80 else half
        return b"\2" + bytes([len(half)]) + half
    both = integer(signature[:32]) + integer(signature[32:])
    files = {
        "key.der": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d"
                                 "030107034200") + b"\4" + key[4:],
        "sig.der": b"\x30" + bytes([len(both)]) + both, "signed": signed}
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    at = {n: os.path.join(folder, n) for n in files}
    return ap.sh("openssl", "dgst", "-sha256", "-verify", at["key.der"],
                 "-keyform", "DER", "-signature", at["sig.der"],
                 at["signed"], check=False).returncode == 0


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


class Cli(Journal):
    """kskctl with a profile and a folder of its own."""

    def setUp(self):
        self.dir = self.a.path(self.id())
        os.mkdir(self.dir)
        self.out = os.path.join(self.dir, "journal.ksk")
        self.profile = os.path.join(self.dir, "kskctl.yaml")
        self.write_profile("auditor")

    def write_profile(self, client, port=None):
        with open(self.profile, "w", encoding="ascii") as f:
            f.write(f'key: "{self.a.path(client + ".key")}"\n'
                    f'certificate: "{self.a.path(client + ".crt")}"\n'
                    "appliances:\n"
                    f'  - address: "127.0.0.1:{port or self.a.port}"\n'
                    f'    server-pins: ["{self.a.server_pin}"]\n')

    def ctl(self, *argv, code=GOOD):
        done = ap.sh(KSKCTL, "--config", self.profile, "journal", *argv,
                     check=False)
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.out}\n{done.err}")
        self.assertNotIn("Sanitizer", done.err)
        return done

    def data(self, path=None):
        with open(path or self.out, "rb") as f:
            return f.read()

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def export(self, *argv, code=GOOD, out=None):
        return self.ctl("export", "--out", out or self.out, *argv, code=code)


class Exporting(Cli):
    """An appliance without an audit key: its journal is chained, not proven.
    """

    def test_an_export_grows(self):
        self.sign(2)
        self.export()
        first = self.data()
        records, _, last = follow(first)
        self.assertEqual([(dump(v), h) for v, h in records],
                         self.read_all()[0])
        # Nothing new: nothing is written.
        self.assertIn("0 records added", self.export().err)
        self.assertEqual(self.data(), first)
        self.sign(200)
        done = self.export()
        self.assertIn("400 records added", done.err)
        grown = self.data()
        self.assertTrue(grown.startswith(first))
        self.assertEqual(len(follow(grown)[0]), len(records) + 400)
        self.assertEqual(self.ctl("verify", self.out).err, "")

    def test_verify_says_what_it_found(self):
        self.sign(1)
        self.export()
        records, _, last = follow(self.data())
        out = self.ctl("verify", self.out).out
        self.assertIn(f"records: 0 to {len(records) - 1}, all chained", out)
        self.assertIn(last.hex(), out)
        self.assertIn("proven: nothing", out)
        told = json.loads(self.ctl("--json", "verify", self.out).out)
        self.assertEqual(told["last"], len(records) - 1)
        self.assertEqual(told["hash"], last.hex())
        self.assertEqual(told["proven"], False)
        self.assertEqual(told["checkpoints"], 0)

    def test_from_the_middle(self):
        self.sign(2)
        self.export("--from", "3")
        records, _, _ = follow(self.data())
        self.assertEqual(records[0][0][1], 3)
        self.assertEqual(records[0][1], self.read_all()[0][3][1])
        self.ctl("verify", self.out)
        self.sign(1)
        self.export("--from", "3")
        self.export()
        self.assertIn("--from", self.export("--from", "4",
                                            code=BAD_INPUT).err)

    def test_what_was_cut_off_is_fetched_again(self):
        self.sign(2)
        self.export()
        whole = self.data()
        for cut in (1, 30, 60, 200, len(whole) - 1):
            self.write("journal.ksk", whole[:-cut])
            self.assertIn(UNVERIFIED, (self.ctl(
                "verify", self.out, code=UNVERIFIED).returncode,))
            self.export()
            self.assertEqual(follow(self.data())[2], follow(whole)[2])
            self.ctl("verify", self.out)

    def test_a_damaged_export_is_not_appended_to(self):
        self.sign(2)
        self.export()
        whole = self.data()
        for at in (0, 20, len(whole) // 2, len(whole) - 3):
            bad = bytearray(whole)
            bad[at] ^= 0x20
            self.write("journal.ksk", bad)
            self.export(code=UNVERIFIED)
            self.assertEqual(self.data(), bytes(bad))
            self.ctl("verify", self.out, code=UNVERIFIED)

    def test_every_record_dropped_swapped_or_changed_is_found(self):
        self.sign(2)
        self.export()
        parts = items(self.data())
        at = [i for i, p in enumerate(parts) if p[0] == RECORD]

        def refused(changed):
            path = self.write("bad", b"".join(p[2] for p in changed))
            return self.ctl("verify", path, code=UNVERIFIED).err
        for i in at:
            refused(parts[:i] + parts[i + 1:])
            refused(parts[:i + 1] + parts[i:])
            value = cbor2.loads(parts[i][1])
            value[2] += 1
            refused(parts[:i] + [(RECORD, b"", dump([RECORD, dump(value)]))]
                    + parts[i + 1:])
        for i, j in zip(at, at[1:]):
            swapped = list(parts)
            swapped[i], swapped[j] = parts[j], parts[i]
            self.assertIn("missing, or out of order", refused(swapped))

    def test_another_journal_is_not_mixed_in(self):
        self.sign(1)
        self.export()
        before = self.data()
        header = cbor2.loads(items(before)[0][1])
        header[2] = bytes(16)
        other = dump([HEADER, dump(header)]) + before[
            len(items(before)[0][2]):]
        self.write("journal.ksk", other)
        done = self.export(code=UNREACHABLE)
        self.assertIn("another journal", done.err)
        self.assertEqual(self.data(), other)

    def test_a_journal_that_was_taken_back_is_noticed(self):
        self.sign(1)
        self.export()
        records, _, last = follow(self.data())
        # As if the appliance had gone on, and then lost that.
        extra = dump({1: len(records), 2: 1, 3: 5, 8: 1})
        self.write("journal.ksk", self.data() + dump([RECORD, extra]) + dump(
            [MARK, dump({1: len(records), 2: chain(last, extra)})]))
        before = self.data()
        self.assertIn("taken back", self.export(code=UNVERIFIED).err)
        self.sign(1)
        self.assertIn("is not the one", self.export(code=UNVERIFIED).err)
        self.assertEqual(self.data(), before)

    def test_show(self):
        signed = self.sign(1)
        self.export()
        out = self.ctl("show", self.out).out
        lines = [x for x in out.splitlines() if not x.startswith(" ")]
        self.assertEqual(len(lines), len(follow(self.data())[0]))
        self.assertIn(" begin", lines[0])
        ksk = self.a.ksks["ksk1"]
        self.assertIn(f"rrsig by key {ap.key_tag(ksk)} ECDSAP256SHA256: ",
                      out)
        told = [json.loads(x) for x in self.ctl(
            "--json", "show", self.out).out.splitlines()]
        self.assertEqual([t["record"] for t in told],
                         list(range(len(told))))
        result = told[signed[2]]
        self.assertEqual((result["kind"], result["zone"], result["type"]),
                         ("result", "lab.example.", "DNSKEY"))
        self.assertEqual(result["hash"], signed[3].hex())
        self.assertEqual(result["rrsigs"][0]["key-tag"], ap.key_tag(ksk))
        self.assertEqual(
            ap.sh("date", "-u", "-d", result["rrsigs"][0]["expiration"],
                  "+%s").out.strip(), str(signed[5][2]))
        intent = told[result["intent"]]
        self.assertEqual(intent["kind"], "intent")
        self.assertIn(ap.ds_text(self.a.zone, ksk).lower(),
                      [x.lower() for x in intent["signers"]])
        self.assertEqual(
            {r["key-tag"] for r in intent["set"]["records"]},
            {ap.key_tag(ksk), self.a.zsk1.tag, self.a.zsk2.tag})
        # By zone.
        of_zone = self.ctl("show", self.out, "--zone", "LAB.example").out
        self.assertEqual(of_zone.count("\n  hash: "), sum(
            t.get("zone") == "lab.example." for t in told))
        self.assertEqual(self.ctl("show", self.out, "--zone",
                                  "nobody.example").out, "")

    def test_show_stops_at_what_is_not_chained(self):
        self.sign(1)
        self.export()
        parts = items(self.data())
        path = self.write("bad", b"".join(
            p[2] for i, p in enumerate(parts) if i != 3))
        done = self.ctl("show", path, code=UNVERIFIED)
        self.assertEqual(done.out.count("  hash: "), 2)
        self.assertIn("record 2 is due", done.err)

    def test_what_is_no_export(self):
        for data in (b"", b"hello\n", os.urandom(100)):
            path = self.write("no", data)
            for verb in ("verify", "show"):
                done = self.ctl(verb, path, code=UNVERIFIED)
                self.assertEqual("holds no record" in done.err, not data)
            if data:
                self.export(out=path, code=UNVERIFIED)
        link = os.path.join(self.dir, "link")
        os.symlink("elsewhere", link)
        self.assertIn("a symbolic link",
                      self.export(out=link, code=BAD_INPUT).err)
        self.assertFalse(os.path.exists(link))
        missing = os.path.join(self.dir, "missing")
        self.ctl("verify", missing, code=BAD_INPUT)
        self.ctl("show", missing, code=BAD_INPUT)

    def test_the_right_is_needed(self):
        self.write_profile("auto")
        self.assertIn("the right journal", self.export(code=REFUSED).err)
        self.assertFalse(os.path.exists(self.out))

    def test_nobody_there(self):
        self.write_profile("auditor", port=ap.free_port())
        self.ctl("--tries", "1", "export", "--out", self.out,
                 code=UNREACHABLE)
        self.assertFalse(os.path.exists(self.out))

    def test_no_checkpoint_without_an_audit_key(self):
        out = os.path.join(self.dir, "checkpoint")
        self.ctl("checkpoint", "--out", out, code=LATER)
        self.assertFalse(os.path.exists(out))

    def test_status_without_an_audit_key_proves_nothing(self):
        self.write_profile("auto")
        key = self.write("key", b"0 3 13 " + base64.b64encode(
            bytes.fromhex(STRANGER)))
        done = ap.sh(KSKCTL, "--config", self.profile, "status",
                     "--audit-key", key, check=False)
        self.assertNotEqual(done.returncode, GOOD)
        self.assertEqual(done.out, "")
        self.assertIn("no audit key", done.err)

    def test_usage(self):
        for argv in ((), ("erase",), ("export",), ("verify",),
                     ("verify", "a", "b"), ("export", "--out", "a", "b"),
                     ("show", "a", "--from", "1"), ("show", "--out", "a", "b"),
                     ("export", "--out", "a", "--from", "x"),
                     ("verify", "a", "--zone", "b"),
                     ("verify", "a", "--checkpoint", "b"),
                     ("show", "a", "--zone", "..")):
            self.ctl(*argv, code=USAGE)


class Proving(Cli):
    """What the audit key adds."""

    @classmethod
    def prepare(cls):
        cls.key_text = cls.a.kskadm("key", "generate", "--token", "main",
                                    "--audit").out
        cls.key = base64.b64decode(re.search(
            r"^0 3 13 (\S+)$", cls.key_text, re.M).group(1))
        cls.key = b"\0\0\3\x0d" + cls.key
        cls.key_file = cls.a.write("audit.key", cls.key_text)

    def sign_until_checkpoint(self):
        """Over 1,000 records more, so that a checkpoint is due."""
        with self.a.peer() as peer, self.a.peer("auditor") as reader:
            for _ in range(10):
                for _ in range(51):
                    peer.send(ap.SIGN, {1: self.a.keyset(
                        self.a.zone, [self.a.zsk1, self.a.zsk2])})
                for _ in range(51):
                    self.assertEqual(peer.receive()[2], ap.DONE)
            head = reader.ask(JOURNAL_READ, {1: 0, 2: 0})[3][3]

            def there():
                newest = reader.ask(JOURNAL_READ, {1: 0, 2: 0})[3][2]
                return newest and newest[-1][2] > head - 1100 and newest[-1]
            return ap.wait_for(there, 20)

    def judge(self, checkpoint):
        return verifies(
            self.dir, self.key, checkpoint[6], b"ksk-checkpoint-1"
            + checkpoint[1] + number(checkpoint[2]) + checkpoint[3]
            + number(checkpoint[4]))

    def test_the_key_is_told(self):
        self.assertEqual(self.read(first=0, most=0)[6], self.key)

    def test_checkpoints_prove_the_journal(self):
        newest = self.sign_until_checkpoint()
        self.assertEqual(newest[5], self.key)
        self.assertTrue(self.judge(newest))
        self.assertFalse(self.judge({**newest, 2: newest[2] + 1}))
        status = self.peer().ask(ap.STATUS)[3]
        self.assertGreaterEqual(status[15], newest[2])
        self.export("--audit-key", self.key_file)
        records, checkpoints, _ = follow(self.data())
        self.assertTrue(checkpoints)
        for checkpoint in checkpoints:
            self.assertTrue(self.judge(checkpoint))
        told = json.loads(self.ctl(
            "--json", "verify", self.out, "--audit-key",
            self.key_file).out)
        self.assertEqual(told["proven"], True)
        self.assertEqual(told["checkpoint"], checkpoints[-1][2])
        self.assertIn("proven: to record", self.ctl(
            "verify", self.out, "--audit-key", self.key_file).out)
        # With somebody else's key nothing is believed.
        stranger = self.write("stranger", b"0 3 13 " + base64.b64encode(
            bytes.fromhex(STRANGER)))
        self.assertIn("another audit key", self.ctl(
            "verify", self.out, "--audit-key", stranger,
            code=UNVERIFIED).err)
        self.ctl("verify", self.out, "--audit-key", stranger, "--audit-key",
                 self.key_file)
        self.forge(records, checkpoints)
        self.cut()

    def forge(self, records, checkpoints):
        """Who has no audit key can chain, but not sign."""
        parts = items(self.data())
        last, out = None, b""
        for kind, body, raw in parts:
            value = cbor2.loads(body)
            if kind == HEADER:
                last = value[4]
            elif kind == RECORD:
                if value[1] == 2:
                    value[2] += 1
                body = dump(value)
                last, raw = chain(last, body), dump([RECORD, body])
            elif kind == MARK:
                raw = dump([MARK, dump({1: value[1], 2: last})])
            elif kind == CHECKPOINT:
                raw = dump([CHECKPOINT, dump({**value, 3: last})]) \
                    if value[2] == self.number_before(parts, raw) else b""
            out += raw
        forged = self.write("forged", out)
        self.ctl("verify", forged)
        self.assertIn("does not verify", self.ctl(
            "verify", forged, "--audit-key", self.key_file,
            code=UNVERIFIED).err)

    @staticmethod
    def number_before(parts, raw):
        """The number of the record in front of a checkpoint."""
        at = next(i for i, p in enumerate(parts) if p[2] is raw)
        return next(cbor2.loads(p[1])[1] for p in reversed(parts[:at])
                    if p[0] == RECORD)

    def cut(self):
        """A tail that was cut off at a mark is found with a checkpoint that
        was kept elsewhere."""
        short = os.path.join(self.dir, "short")
        self.export(out=short)
        early = self.data(short)
        self.sign_until_checkpoint()
        kept = os.path.join(self.dir, "kept")
        self.ctl("checkpoint", "--out", kept, "--audit-key", self.key_file)
        (kind, body, _), = items(self.data(kept))
        self.assertEqual(kind, CHECKPOINT)
        self.assertTrue(self.judge(cbor2.loads(body)))
        self.export(out=short)
        with_kept = ("--audit-key", self.key_file, "--checkpoint", kept)
        self.ctl("verify", short, *with_kept)
        self.write("short", early)
        self.ctl("verify", short, "--audit-key", self.key_file)
        self.assertIn("cut off", self.ctl(
            "verify", short, *with_kept, code=UNVERIFIED).err)
        # A later export of the same journal says as much.
        self.export(out=self.out)
        self.ctl("verify", short, "--audit-key", self.key_file,
                 "--checkpoint", self.out, code=UNVERIFIED)
        # What is kept must be right itself.
        bad = bytearray(self.data(kept))
        bad[-1] ^= 1
        broken = self.write("broken", bad)
        self.assertIn("does not verify", self.ctl(
            "verify", short, "--audit-key", self.key_file, "--checkpoint",
            broken, code=UNVERIFIED).err)

    def test_nonces_are_answered_with_proofs(self):
        peer = self.peer()
        journal = self.read(first=0, most=0)[5]
        for ask in (lambda n: peer.ask(ap.STATUS, nonce=n),
                    lambda n: self.a.sign(
                        peer, self.a.zone, [self.a.zsk1, self.a.zsk2],
                        nonce=n),
                    lambda n: peer.ask(
                        ap.KEYS, {1: ap.wire_name("no.example.")}, nonce=n)):
            nonce = os.urandom(32)
            reply = ask(nonce)
            proof = cbor2.loads(reply[6])
            self.assertEqual(dump(proof), reply[6])
            self.assertEqual(proof[1], journal)
            self.assertEqual(proof[5], 0)
            self.assertLess(abs(proof[4] - time.time()), 60)
            if reply[2] == ap.DONE and 8 in reply[3]:
                self.assertGreaterEqual(proof[2], reply[3][8])
            signed = proof[1] + number(proof[2]) + proof[3] + \
                number(proof[4]) + bytes([proof[5]])
            self.assertTrue(verifies(self.dir, self.key, proof[6],
                                     b"ksk-proof-1" + nonce + signed))
            self.assertFalse(verifies(self.dir, self.key, proof[6],
                                      b"ksk-proof-1" + bytes(32) + signed))
        record = self.read(first=proof[2], most=1)
        self.assertEqual(chain(record[7], record[1][0]), proof[3])

    def test_status_is_proven(self):
        self.write_profile("auto")
        argv = (KSKCTL, "--config", self.profile, "status", "--audit-key")
        done = ap.sh(*argv, self.key_file)
        self.assertRegex(done.out, r"(?m)^proven: this state and record \d+ "
                         r"of journal [0-9a-f]{32}, .* by the audit key$")
        told = json.loads(ap.sh(*argv, self.key_file, "--json").out)
        self.assertGreaterEqual(told["proven"]["record"],
                                told["journal"]["record"])
        # Without the option it is not asked for.
        self.assertNotIn("proven", ap.sh(*argv[:-1]).out)
        stranger = self.write("stranger", b"0 3 13 " + base64.b64encode(
            bytes.fromhex(STRANGER)))
        done = ap.sh(*argv, stranger, check=False)
        self.assertEqual((done.returncode, done.out), (UNVERIFIED, ""))
        self.assertIn("not the audit key's", done.err)
        for bad in ("missing", "empty"):
            self.write("empty", b"")
            done = ap.sh(*argv, os.path.join(self.dir, bad), check=False)
            self.assertEqual(done.returncode, BAD_INPUT)

    def test_many_nonces(self):
        peer = self.peer()
        nonces = {}
        for _ in range(40):
            nonce = os.urandom(32)
            nonces[peer.send(ap.STATUS, nonce=nonce)] = nonce
        for _ in range(40):
            reply = peer.receive()
            proof = cbor2.loads(reply[6])
            self.assertTrue(verifies(
                self.dir, self.key, proof[6], b"ksk-proof-1"
                + nonces.pop(reply[1]) + proof[1] + number(proof[2])
                + proof[3] + number(proof[4]) + bytes([proof[5]])))


if __name__ == "__main__":
    sys.exit(unittest.main())
