#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A KSK's way from one token into another: kskadm backup recipient, key backup,
key restore, and a whole appliance that signs with what was restored. What
is refused changes nothing."""
import hashlib
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault")]
import cbor2  # noqa: E402
import cryptoki  # noqa: E402
import modules  # noqa: E402
from fault import Fault  # noqa: E402
from modules import ap  # noqa: E402

SANITIZED = True
USAGE, FILE, MODULE, TOKEN, KEY = 2, 7, 8, 9, 13
KEY_MISSING = 3
ZONE = "example.com."
ALGORITHMS = {"p256": (13, None), "p384": (14, None), "rsa": (8, 2048),
              "rsa512": (10, 3072)}


def content(path):
    with open(path, "rb") as f:
        return f.read()


def sealed(fields):
    """A file of these fields, with the digest that belongs to it."""
    fields = {k: v for k, v in fields.items() if k != 12}
    whole = cbor2.dumps({**fields, 12: bytes(32)}, canonical=True)[:-32]
    return whole + hashlib.sha256(whole).digest()


class Two:
    """Box `a` with the key, box `b` with the token that receives it."""

    def __init__(self, test):
        self.test = test
        self.a, self.b = self.box("from"), self.box("to")

    def box(self, name):
        a = ap.Appliance(name=name)
        self.test.addCleanup(a.__exit__)
        return a.make()

    def generate(self, label="k", algorithm=13, bits=None, zone=ZONE):
        more = ["--bits", bits] if bits else []
        out = self.a.kskadm(
            "key", "generate", "--token", "main", "--zone", zone,
            "--algorithm", algorithm, "--label", label, "--extractable",
            *more).out
        return ap.dnskey_rdata(next(x for x in out.splitlines()
                                    if " DNSKEY " in x))

    def recipient(self, box=None, label="in", check=True):
        """-> path, fingerprint"""
        box = box or self.b
        path = box.path(f"{label}.recipient")
        done = box.kskadm("backup", "recipient", "--token", "main", "--label",
                          label, "--output", path, check=check)
        return (path, done.out.strip()) if check else done

    def backup(self, recipient, label="k", zone=ZONE, algorithm=None,
               check=True, name=None, **change):
        path = self.a.path(name or f"{label}.backup")
        options = dict(token="main", label=label, zone=zone, to=recipient[0],
                       fingerprint=recipient[1], output=path)
        options.update(change)
        if algorithm:
            options["algorithm"] = algorithm
        argv = [x for k, v in options.items() for x in (f"--{k}", v)]
        done = self.a.kskadm("key", "backup", *argv, check=check)
        return path if check else done

    def restore(self, path, zone=ZONE, *more, box=None, check=True):
        return (box or self.b).kskadm(
            "key", "restore", "--token", "main", "--zone", zone, *more, path,
            check=check)


class Objects:
    """Every object of a box's token, seen from outside of kskadm."""

    def __init__(self, box):
        self.box = box
        self.conf = box.path("etc/softhsm2.conf")

    def open(self):
        return cryptoki.Session(self, "ksk", content(
            self.box.path("etc/pin.main")).decode().strip())

    def count(self):
        with self.open() as t:
            return len(t.find({}))


class Backup(unittest.TestCase):
    def setUp(self):
        self.two = Two(self)

    def state(self, box):
        keymap = box.path("etc/keymap")
        return (Objects(box).count(), sorted(os.listdir(box.path("etc"))),
                content(keymap) if os.path.exists(keymap) else b"")

    # -- the way through --
    def signs(self, box, zones):
        """{zone: label}; the appliance signs, BIND judges."""
        box.add_client("auto")
        zsks = {}
        for zone, label in zones.items():
            algorithm = box.ksks[label][3]
            zsks[zone] = ap.Zsk(box.path(f"zsk {label}"), zone, algorithm,
                                2048 if algorithm < 13 else None)
            box.add_zone(zone, [label], {"alpha": [zsks[zone]]},
                         algorithms=f"[{algorithm}]")
        box.write_policy()
        box.start()
        for zone in zones:
            keyset = box.keyset(zone, [zsks[zone]])
            with box.peer() as client:
                reply = client.ask(ap.SIGN, {1: keyset})
            self.assertEqual(reply[2], ap.DONE, (zone, reply))
            done = box.validate(zone, keyset, reply[3][1], zsks[zone])
            self.assertEqual(done.returncode, 0, done.err + done.out)
        self.assertEqual(box.stop(), 0)

    def test_keys_of_token_a_sign_from_token_b(self):
        two = self.two
        to = two.recipient()
        zones = {}
        for label, (algorithm, bits) in ALGORITHMS.items():
            zone = f"{label}.example."
            key = two.generate(label, algorithm, bits, zone)
            path = two.backup(to, label, zone, algorithm
                              if algorithm == 10 else None)
            out = two.restore(path, zone).out
            self.assertIn(ap.dnskey_line(zone, key).split(None, 2)[2], out)
            self.assertIn(ap.ds_text(zone, key), out)
            zones[zone] = label
            two.a.ksks[label] = two.b.ksks[label] = key
        self.assertNotIn("extractable",
                         content(two.b.path("etc/keymap")).decode())
        lines = two.b.kskadm("key", "list").out.splitlines()
        self.assertEqual(sum(x.endswith(" usable") for x in lines), 4, lines)
        # The recipient is shown for what it is.
        self.assertIn("not for signing", "".join(
            x for x in lines if x.split()[1] == "in"))
        self.signs(two.b, zones)
        self.signs(two.a, zones)

    def test_the_mark_goes_and_the_appliance_says_why(self):
        """On the first box the key signs because the keymap names it so."""
        two, a = self.two, self.two.a
        a.ksks["k"] = two.generate()
        keymap = content(a.path("etc/keymap")).decode()
        self.assertTrue(keymap.endswith(" k extractable\n"), keymap)
        a.write("etc/keymap", keymap.replace(" extractable", ""))
        a.add_client("auto")
        zsk = ap.Zsk(a.path("zsk"), ZONE)
        a.add_zone(ZONE, ["k"], {"alpha": [zsk]})
        a.write_policy()
        a.start(ready=False)

        def ask(op, *body):
            try:
                with a.peer() as client:
                    return client.ask(op, *body)
            except OSError:
                return None
        ap.wait_for(lambda: (ask(ap.STATUS) or {3: {4: 0}})[3][4] ==
                    KEY_MISSING)
        keys = ask(ap.KEYS, {1: ap.wire_name(ZONE)})
        self.assertIn("extractable", repr(keys))
        reply = ask(ap.SIGN, {1: a.keyset(ZONE, [zsk])})
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn("key-missing", reply[5])

    def test_on_to_a_third_token(self):
        """Restored with --extractable a key can go on; without it can't."""
        two = self.two
        key = two.generate()
        path = two.backup(two.recipient())
        two.restore(path, ZONE, "--extractable")
        self.assertIn(" extractable\n",
                      content(two.b.path("etc/keymap")).decode())
        third = two.box("third")
        to = two.recipient(third)
        two.a, two.b = two.b, third
        path = two.backup(to)
        self.assertIn(ap.ds_text(ZONE, key), two.restore(path).out)
        two.a = third
        done = two.backup(to, name="again", check=False)
        self.assertEqual(done.returncode, KEY, done.err)
        self.assertIn("never leaves", done.err)

    def test_an_id_that_is_taken(self):
        """The restored key gets another one: ids must differ."""
        two = self.two
        two.generate()
        fields = cbor2.loads(content(two.backup(two.recipient())))
        two.b.add_ksk("other.example.", "other")
        other = two.b.kskadm("key", "list").out
        taken = next(x.split()[2] for x in other.splitlines()
                     if x.split()[1] == "other")
        fields[6] = bytes.fromhex(taken)
        two.b.write("etc/x", "")
        with open(two.b.path("etc/x"), "wb") as f:
            f.write(sealed(fields))
        two.restore(two.b.path("etc/x"))
        lines = {x.split()[1]: x.split() for x in
                 two.b.kskadm("key", "list").out.splitlines()}
        self.assertEqual(lines["k"][-1], "usable")
        self.assertEqual(lines["other"][-1], "usable")
        self.assertNotEqual(lines["k"][2], taken)

    # -- what is refused --
    def refused(self, done, words, code=KEY):
        self.assertEqual(done.returncode, code, done.err)
        self.assertIn(words, done.err)
        self.assertEqual(done.out, "")

    def test_backups_that_are_refused(self):
        two = self.two
        two.generate()
        two.a.add_ksk("stays.example.", "stays")
        to = two.recipient()
        before = self.state(two.a)

        def no(words, code=KEY, **change):
            change.setdefault("name", "k.backup")
            self.refused(two.backup(to, check=False, **change), words, code)
            self.assertFalse(os.path.exists(two.a.path("k.backup")))
            self.assertEqual(self.state(two.a), before)
        no("never leaves its token", label="stays")
        no("0 public keys", label="nobody")
        no("is not the recipient that is meant", fingerprint="0" * 64)
        no("is not the recipient that is meant", fingerprint=to[1][:-1])
        no("can't be", FILE, to=two.a.path("nothing"))
        # Nothing is overwritten.
        two.a.write("k.backup", "mine")
        self.refused(two.backup(to, check=False), "already", FILE)
        self.assertEqual(content(two.a.path("k.backup")), b"mine")
        os.remove(two.a.path("k.backup"))
        # A recipient that was changed, with the fingerprint of the change.
        whole = content(to[0])
        fields = cbor2.loads(whole)
        for words, changed in (
                ("cut off", whole[:-1]), ("cut off", whole + b"\0"),
                ("changed", whole[:100] + bytes([whole[100] ^ 1]) +
                 whole[101:]),
                ("no file of kind", b"ksk"),
                ("no file of kind", sealed({**fields, 1: "ksk-key-backup"})),
                ("version 2", sealed({**fields, 2: 2})),
                ("not known here", sealed({**fields, 6: 0x260})),
                # SHA-256: SoftHSM has SHA-1 alone.
                ("C_WrapKey", sealed({**fields, 6: 0x250})),
                ("not known here", sealed({**fields, 7: 0x1082}))):
            with open(two.a.path("bad"), "wb") as f:
                f.write(changed)
            no(words, to=two.a.path("bad"),
               fingerprint=hashlib.sha256(changed).hexdigest())

    def test_restores_that_are_refused(self):
        two = self.two
        two.generate()
        two.generate("other")
        to = two.recipient()
        whole = content(two.backup(to))
        fields = cbor2.loads(whole)
        other = cbor2.loads(content(two.backup(to, "other")))
        before = self.state(two.b)

        def no(words, data, zone=ZONE, code=KEY, box=two.b):
            with open(two.b.path("bad"), "wb") as f:
                f.write(data)
            self.refused(two.restore(two.b.path("bad"), zone, box=box,
                                     check=False), words, code)
            if box is two.b:
                self.assertEqual(self.state(two.b), before)

        def wrapped(**change):
            return sealed({**fields, 11: {**fields[11], **{
                int(k[1:]): v for k, v in change.items()}}})
        aes, private = fields[11][1], fields[11][2]
        for at in (0, 1, 40, len(whole) // 2, len(whole) - 1):
            no("", whole[:at])
        no("cut off", whole + b"\0")
        no("changed", whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
        no("no file of kind", content(to[0]))
        no("version 7", sealed({**fields, 2: 7}))
        no("a key for example.com.", whole, "example.net.")
        no("is no KSK", sealed({**fields, 4: b"\1\0" + fields[4][2:]}))
        no("does not unwrap with", sealed({**fields, 10: 0x1082}))
        no("for another key than this token's",
           sealed({**fields, 8: bytes(32)}))
        no("0 RSA keys labelled", sealed({**fields, 7: b"elsewhere"}))
        # Wrapped bytes: changed, of another backup, of another key.
        no("refuses the wrapped key", wrapped(
            _1=aes[:-1] + bytes([aes[-1] ^ 1])))
        no("refuses the wrapped key", wrapped(
            _2=private[:-1] + bytes([private[-1] ^ 1])))
        no("refuses the wrapped key", wrapped(_2=private[:-8]))
        no("refuses the wrapped key", wrapped(_2=other[11][2]))
        no("is not that of its public key", sealed({**fields, 11: other[11]}))
        # A token that is not the recipient, and one that only looks like it.
        third = two.box("third")
        no("0 RSA keys labelled", whole, box=third)
        two.recipient(third)
        no("for another key than this token's", whole, box=third)
        self.assertFalse(os.path.exists(third.path("etc/keymap")))
        # Twice.
        with open(two.b.path("good"), "wb") as f:
            f.write(whole)
        two.restore(two.b.path("good"))
        before = self.state(two.b)
        no("is on the token already", whole)
        no("this key (\"new\") is on the token already",
           sealed({**fields, 5: b"new"}))

    def test_recipients_that_are_refused(self):
        two = self.two
        two.recipient()
        before = self.state(two.b)
        self.refused(two.recipient(check=False), "already", FILE)
        os.remove(two.b.path("in.recipient"))
        self.refused(two.recipient(check=False), "in use")
        self.assertFalse(os.path.exists(two.b.path("in.recipient")))
        for label in ("", "x" * 100):
            self.refused(two.recipient(label=label, check=False),
                         "a label has", USAGE)
        self.assertEqual(self.state(two.b), before)

    def test_keys_that_this_token_can_not_wrap(self):
        """SoftHSM wraps no Edwards keys: no such key is made."""
        two = self.two
        before = self.state(two.a)
        for algorithm in (15, 16):
            done = two.a.kskadm(
                "key", "generate", "--token", "main", "--zone", ZONE,
                "--algorithm", algorithm, "--label", "k", "--extractable",
                check=False)
            self.refused(done, "can't be backed up from this token, and "
                         "none was made")
        self.assertEqual(self.state(two.a), before)

    def test_a_token_that_fails_half_way(self):
        """Each call of a restore that changes the token, failing once."""
        two = self.two
        key = two.generate()
        path = two.backup(two.recipient())
        fault = Fault(two.b.path("fault"), build=ap.BUILD)
        self.addCleanup(fault.close)
        before = self.state(two.b)
        conf = content(two.b.path("etc/kskd.yaml")).decode()
        two.b.write("etc/kskd.yaml", conf.replace(
            f"module: {ap.SOFTHSM}", f'module: "{fault.module}"'))
        for call, skip in (("C_UnwrapKey", 0), ("C_UnwrapKey", 1),
                           ("C_UnwrapKey", 2), ("C_CreateObject", 0),
                           ("C_Sign", 0)):
            with fault.fail(call, "CKR_DEVICE_ERROR", skip=skip, times=1):
                self.refused(two.restore(path, check=False),
                             f"{call}", TOKEN)
            self.assertEqual(self.state(two.b), before, (call, skip))
        # A signature by another key is noticed before anything is written.
        with fault.flip():
            self.refused(two.restore(path, check=False), "is not that of")
        self.assertEqual(self.state(two.b), before)
        self.assertIn(ap.ds_text(ZONE, key), two.restore(path).out)


    def test_a_process_that_dies_half_way(self):
        """Wherever it is ended, the same command completes the restore."""
        two = self.two
        key = two.generate()
        path = two.backup(two.recipient())
        fault = Fault(two.b.path("fault"), build=ap.BUILD)
        self.addCleanup(fault.close)
        before = self.state(two.b)
        conf = content(two.b.path("etc/kskd.yaml")).decode()
        two.b.write("etc/kskd.yaml", conf.replace(
            f"module: {ap.SOFTHSM}", f'module: "{fault.module}"'))
        for call, skip in (("C_UnwrapKey", 1), ("C_CreateObject", 0)):
            with fault.crash(call, skip=skip):
                done = two.restore(path, check=False)
            self.assertEqual(done.returncode, MODULE, done.err)
            self.assertEqual(self.state(two.b), before, (call, skip))
        with fault.crash("C_UnwrapKey", skip=2):
            done = two.restore(path, check=False)
        self.assertEqual(done.returncode, MODULE, done.err)
        self.assertFalse(os.path.exists(two.b.path("etc/keymap")))
        half = self.state(two.b)
        self.assertNotEqual(half, before)
        line = next(x for x in two.b.kskadm("key", "list").out.splitlines()
                    if x.split()[1] == "k")
        self.assertIn("private half missing", line)
        # A restore that fails leaves the half that it found.
        with fault.fail("C_UnwrapKey", "CKR_DEVICE_ERROR", skip=2, times=1):
            self.refused(two.restore(path, check=False), "C_UnwrapKey", TOKEN)
        self.assertEqual(self.state(two.b), half)
        self.assertIn(ap.ds_text(ZONE, key), two.restore(path).out)
        self.refused(two.restore(path, check=False), "kskadm key allow")

    def test_a_public_half_of_another_key(self):
        """The label alone does not make it the half that is meant."""
        two = self.two
        two.generate()
        path = two.backup(two.recipient())
        other = two.b.kskadm("key", "generate", "--token", "main", "--zone",
                             ZONE, "--algorithm", 13, "--label", "k")
        self.assertIn("DNSKEY", other.out)
        with Objects(two.b).open() as token:
            private, = token.find(dict(CLASS=cryptoki.CKO_PRIVATE, LABEL="k"))
            token.destroy(private)
        before = self.state(two.b)
        self.refused(two.restore(path, check=False), "on the token already")
        self.assertEqual(self.state(two.b), before)


class OnTpm(unittest.TestCase):
    """tpm2-pkcs11 can neither send nor receive, and says so."""

    def test_reasons(self):
        m = modules.Tpm()
        self.addCleanup(m.stop)
        m.start()
        a = ap.Appliance(module=m)
        self.addCleanup(a.__exit__)
        a.make()
        done = a.kskadm("key", "generate", "--token", "main", "--zone", ZONE,
                        "--algorithm", 13, "--label", "k", "--extractable",
                        check=False)
        self.assertEqual(done.returncode, KEY, done.err)
        self.assertIn("can't be backed up from this token, and none was "
                      "made: the token has no mechanism for", done.err)
        done = a.kskadm("backup", "recipient", "--token", "main", "--label",
                        "in", "--output", a.path("in"), check=False)
        self.assertEqual(done.returncode, KEY, done.err)
        self.assertIn("use the vendor's own backup", done.err)
        self.assertFalse(os.path.exists(a.path("in")))
        self.assertEqual(a.kskadm("key", "list").out, "")


if __name__ == "__main__":
    unittest.main()
