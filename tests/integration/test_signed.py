#!/usr/bin/python3
"""Documents signed with openssl's own tool, as operators sign them, and every
way to get it wrong: `kskctl policy signers` names the keys and the reasons.
"""
import hashlib
import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

SANITIZED = True
TEXT = b"kind: policy\nversion: 7\nclients: []\nzones: []\n"


class Operator:
    def __init__(self, folder, name, *key):
        self.key = os.path.join(folder, f"{name}.key")
        self.crt = os.path.join(folder, f"{name}.crt")
        ap.sh("openssl", "req", "-x509", "-newkey", *key, "-nodes", "-keyout",
              self.key, "-out", self.crt, "-days", "30", "-subj",
              f"/CN={name}")
        self.pin = ap.Appliance.pin_of(self.crt)

    @property
    def who(self):
        return ["-signer", self.crt, "-inkey", self.key]


EC = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Signed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk signed.")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.ops = [Operator(cls.dir, "a", *EC),
                   Operator(cls.dir, "b", "rsa:2048"),
                   Operator(cls.dir, "c", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-384")]
        cls.text = cls.put("policy.yaml", TEXT)

    @classmethod
    def put(cls, name, data):
        path = os.path.join(cls.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def sign(self, *operators, more=(), text=None, name="out.cms",
             md="sha256"):
        """The command of the guides, one or several signers at once."""
        path = os.path.join(self.dir, name)
        ap.sh("openssl", "cms", "-sign", "-binary", "-nodetach",
              "-nosmimecap", "-md", md, "-outform", "DER", *more,
              *[w for o in operators for w in o.who],
              "-in", text or self.text, "-out", path)
        return path

    def resign(self, path, operator, name="re.cms", more=()):
        out = os.path.join(self.dir, name)
        ap.sh("openssl", "cms", "-resign", "-inform", "DER", "-outform",
              "DER", "-nosmimecap", "-md", "sha256", *more, *operator.who,
              "-in", path, "-out", out)
        return out

    def ask(self, path):
        done = ap.sh(os.path.join(ap.BUILD, "kskctl"), "--json", "policy",
                     "signers", path, check=False)
        return done, json.loads(done.stdout) if done.stdout else None

    def good(self, path, *operators):
        done, said = self.ask(path)
        self.assertEqual(done.returncode, 0, done.out + done.err)
        self.assertEqual([x["pin"] for x in said["signatures"] if x["good"]],
                         [o.pin for o in operators])
        self.assertEqual(said["hash"], hashlib.sha256(TEXT).hexdigest())

    def bad(self, path, why, *good):
        """One signature is bad for that reason; `good` ones still count."""
        done, said = self.ask(path)
        self.assertEqual(done.returncode, 5, done.out + done.err)
        self.assertIn(why, "".join(x["why"] for x in said["signatures"]))
        self.assertEqual([x["pin"] for x in said["signatures"] if x["good"]],
                         [o.pin for o in good])

    def refused(self, path, why):
        done, said = self.ask(path)
        self.assertEqual(done.returncode, 5, done.out + done.err)
        self.assertIsNone(said)
        self.assertIn(why, done.err)

    def test_one_after_the_other_and_together(self):
        a, b, c = self.ops
        first = self.sign(a)
        self.good(first, a)
        second = self.resign(first, b)
        done, said = self.ask(second)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual({x["pin"] for x in said["signatures"]},
                         {a.pin, b.pin})
        together = self.sign(a, b, c)
        self.assertEqual({x["pin"] for x in self.ask(together)[1]
                          ["signatures"]}, {a.pin, b.pin, c.pin})
        # What openssl itself thinks of ours: the same.
        ap.sh("openssl", "cms", "-verify", "-inform", "DER", "-in", second,
              "-noverify", "-binary", "-out", os.path.join(self.dir, "o"))

    def test_same_key_twice_is_one_key(self):
        a, _, _ = self.ops
        again = Operator(self.dir, "again", *EC)    # another certificate …
        ap.sh("openssl", "req", "-x509", "-key", a.key, "-out", again.crt,
              "-days", "30", "-subj", "/CN=renewed")
        again.key = a.key                           # … for the same key
        path = self.resign(self.sign(a), again)
        done, said = self.ask(path)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual({x["pin"] for x in said["signatures"]}, {a.pin})

    def test_noattr(self):
        self.bad(self.sign(self.ops[0], more=["-noattr"]), "-noattr")

    def test_nocerts(self):
        self.bad(self.sign(self.ops[0], more=["-nocerts"]), "-nocerts")

    def test_detached(self):
        path = os.path.join(self.dir, "d.cms")
        ap.sh("openssl", "cms", "-sign", "-binary", "-md", "sha256",
              "-outform", "DER", *self.ops[0].who, "-in", self.text, "-out",
              path)
        self.refused(path, "-nodetach")

    def test_weak_keys_and_digests(self):
        weak = Operator(self.dir, "weak", "rsa:1024")
        edwards = Operator(self.dir, "curve", "ec", "-pkeyopt",
                           "ec_paramgen_curve:secp256k1")
        self.bad(self.sign(weak), "2048")
        self.bad(self.sign(edwards), "P-256 or P-384")
        self.bad(self.sign(self.ops[0], md="sha1"), "-md sha256")
        self.good(self.sign(self.ops[0], md="sha384"), self.ops[0])

    def test_a_bad_one_leaves_the_others(self):
        weak = Operator(self.dir, "weak", "rsa:1024")
        path = self.resign(self.sign(weak), self.ops[1])
        self.bad(path, "2048", self.ops[1])

    def test_line_ends_changed(self):
        a, _, _ = self.ops
        # Without -binary openssl signs a text with other line ends.
        path = os.path.join(self.dir, "crlf.cms")
        ap.sh("openssl", "cms", "-sign", "-nodetach", "-md", "sha256",
              "-outform", "DER", *a.who, "-in", self.text, "-out", path)
        _, said = self.ask(path)
        self.assertNotEqual(said["hash"], hashlib.sha256(TEXT).hexdigest())

    def test_content_of_another_document(self):
        a, _, _ = self.ops
        with open(self.sign(a), "rb") as f:
            der = f.read()
        self.assertEqual(der.count(TEXT), 1)
        path = self.put("swapped.cms",
                        der.replace(TEXT, TEXT.replace(b"7", b"8")))
        self.bad(path, "over another document")

    def test_not_signed_data(self):
        path = os.path.join(self.dir, "e.cms")
        ap.sh("openssl", "cms", "-encrypt", "-binary", "-outform", "DER",
              "-in", self.text, "-out", path, self.ops[1].crt)
        self.refused(path, "not signed data")
        self.refused(self.text, "not a signed document")
        pem = os.path.join(self.dir, "p.cms")
        ap.sh("openssl", "cms", "-sign", "-binary", "-nodetach", "-md",
              "sha256", "-outform", "PEM", *self.ops[0].who, "-in", self.text,
              "-out", pem)
        self.refused(pem, "-outform DER")

    def test_streamed_is_the_same(self):
        self.good(self.sign(self.ops[0], more=["-stream"]), self.ops[0])

    def test_seventeen(self):
        many = [Operator(self.dir, f"m{i}", *EC) for i in range(17)]
        self.refused(self.sign(*many), "more than 16")
        self.assertEqual(self.ask(self.sign(*many[:16]))[0].returncode, 0)


if __name__ == "__main__":
    unittest.main()
