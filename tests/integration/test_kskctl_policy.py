#!/usr/bin/python3
"""`kskctl policy sign|submit|show|diff` with a whole appliance: what it signs is
what openssl's own command makes, and what stands is shown and compared.
"""
import json
import os
import shlex
import shutil
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

ZONE = "lab.example."
DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT = range(6)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = a = q.Quorum()
        cls.addClassCleanup(a.__exit__)
        a.make_quorum()
        a.add_ksk(ZONE, "ksk1")
        a.add_client("auto")
        zsk = ap.Zsk(a.path("alpha"), ZONE)
        a.add_zone(ZONE, ["ksk1"], {"alpha": [zsk]})
        cls.home = a.path("home")
        os.mkdir(cls.home, 0o700)
        done = cls.ctl("enroll", "--name", "boss", "--appliance",
                       f"127.0.0.1:{a.port}", "--server-pin", a.server_pin)
        cls.pin = done.out.split("pin: ")[1].split(",")[0]
        a.clients["boss2"] = (cls.pin, "read, submit, journal")
        pins = ", ".join((cls.pin, a.clients["boss"][0]))
        a.quorum_config(**{"bootstrap-clients": f"[{pins}]"})
        a.start(ready=False)
        a.wait_up(state=7)

    @classmethod
    def ctl(cls, *argv, code=DONE, env=None):
        done = ap.sh(os.path.join(ap.BUILD, "kskctl"), "--config",
                     os.path.join(cls.home, "profile"), *argv, check=False,
                     env=env)
        if done.returncode != code:
            raise AssertionError(f"{argv} -> {done.returncode}, not {code}\n"
                                 f"{done.out}{done.err}{cls.a.log_text()}")
        return done

    def sign(self, name, source, out, *more, code=DONE):
        op = self.a.ops[name]
        return self.ctl("policy", "sign", "--certificate", op.crt, "--key",
                        op.key, "--out", out, *more, source, code=code)

    def records(self, export):
        return [json.loads(x) for x in self.ctl(
            "--json", "journal", "show", export).out.splitlines()]

    def stands(self):
        return json.loads(self.ctl("--json", "policy", "show").out)

    def next_text(self, name):
        stands = self.stands()
        replaces = stands["policy-hash"] if stands["policy-version"] else \
            "none"
        self.a.version = stands["policy-version"]
        # As in the sample: what it is does not stand in the first line.
        text = "# What may be signed.\n" + self.a.signed_policy_text(replaces)
        return text, self.a.write(name, text)


class Policy(Case):
    def test_a_policy(self):
        a = self.a
        text, path = self.next_text("p.yaml")
        one, two = a.path("p.1"), a.path("p.2")
        out = self.sign("anna", path, one).out
        self.assertIn(f"document {q.hash_of(text)}", out)
        self.assertIn(f"good {a.ops['anna'].pin}", out)
        done = self.ctl("policy", "submit", one, code=REFUSED)
        self.assertIn("quorum", done.err)
        out = self.sign("bert", one, two).out
        self.assertEqual(out.count("good "), 2)
        self.assertEqual(
            self.ctl("policy", "submit", "--dry-run", two).out,
            f"policy {q.hash_of(text)}\n")
        self.assertNotEqual(self.stands()["policy-hash"], q.hash_of(text))
        done = json.loads(self.ctl("--json", "policy", "submit", two).out)
        self.assertEqual((done["kind"], done["document"]),
                         ("policy", q.hash_of(text)))
        self.assertEqual(self.stands()["policy-hash"], q.hash_of(text))
        self.assertEqual(self.ctl("policy", "show", "policy").out, text)
        self.assertEqual(self.ctl("policy", "show", "authority").out, a.first)
        back = a.path("back.cms")
        self.ctl("policy", "show", "--signed", "--out", back, "policy")
        with open(back, "rb") as f, open(two, "rb") as g:
            self.assertEqual(f.read(), g.read())
        # The journal says who signed it.
        export = a.path("journal.ksk")
        self.ctl("journal", "export", "--out", export)
        said = self.ctl("journal", "show", export).out
        for name in ("anna", "bert"):
            self.assertIn(f"signed by: {a.ops[name].pin}", said)
        self.assertNotIn(a.ops["carl"].pin, said)
        record = [x for x in self.records(export)
                  if x["kind"] == "policy"][0]
        self.assertEqual(len(record["document"]["operators"]), 2)
        # How the next one differs.
        self.assertEqual(self.ctl("policy", "diff", path).out, "")
        other = a.write("other.yaml", text.replace("ttl: 1h", "ttl: 2h"))
        said = self.ctl("policy", "diff", other).out
        self.assertRegex(said, r"(?m)^-    ttl: 1h\n\+    ttl: 2h$")
        done = self.ctl("policy", "submit", two, code=REFUSED)
        self.assertIn("version", done.err)

    def test_the_command(self):
        """What is printed does the same when a shell runs it."""
        a = self.a
        _, path = self.next_text("it's here.yaml")
        op, out = a.ops["anna"], a.path("typed.cms")
        said = self.sign("anna", path, out, "--command").out
        self.assertFalse(os.path.exists(out))
        self.assertEqual(shlex.split(said)[:3], ["openssl", "cms", "-sign"])
        ap.sh("sh", "-c", said)
        self.assertIn(f"good {op.pin}", self.ctl(
            "policy", "signers", out).out)
        token = "pkcs11:token=ops;object=anna"
        said = self.ctl("policy", "sign", "--certificate", op.crt, "--key",
                        token, "--out", out, "--command", out).out
        self.assertIn("-resign", said)
        self.assertIn(f"-engine pkcs11 -keyform engine -signer {op.crt} "
                      f"-inkey '{token}'".replace(op.crt, shlex.quote(
                          op.crt)), said)

    def test_what_is_no_document(self):
        a = self.a
        self.sign("anna", a.write("x", "hello\n"), a.path("x.cms"),
                  code=BAD_INPUT)
        self.ctl("policy", "submit", a.path("x"), code=BAD_INPUT)
        self.ctl("policy", "submit", a.path("none"), code=BAD_INPUT)
        self.ctl("policy", "sign", "--out", "x", a.path("x"), code=USAGE)
        self.ctl("policy", "submit", "--out", "x", a.path("x"), code=USAGE)
        self.ctl("policy", "show", "withdraw", code=USAGE)
        self.ctl("policy", "show", "--signed", "policy", code=USAGE)
        _, path = self.next_text("y.yaml")
        self.ctl("policy", "sign", "--certificate", a.path("x"), "--key",
                 a.path("x"), "--out", a.path("y.cms"), path, code=BAD_INPUT)


class TokenOperator:
    """An operator whose key was made in a token and never leaves it. The PIN
    stands in a file that only the operator reads."""
    PIN = "4711-08-15"

    def __init__(self, a, name):
        conf = a.write("ops.conf", f"directories.tokendir = {a.path('ops')}\n"
                       "objectstore.backend = file\nlog.level = ERROR\n")
        os.mkdir(a.path("ops"), 0o700)
        self.env = dict(os.environ, SOFTHSM2_CONF=conf,
                        PKCS11_MODULE_PATH=ap.SOFTHSM)
        ap.sh("softhsm2-util", "--init-token", "--free", "--label", "ops",
              "--pin", self.PIN, "--so-pin", "5678", env=self.env)
        ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ops",
              "--login", "--pin", self.PIN, "--keypairgen", "--key-type",
              "EC:prime256v1", "--label", name, "--id", "01", env=self.env)
        pin = a.write("ops.pin", self.PIN, 0o600)
        self.key = f"pkcs11:token=ops;object={name};type=private" \
                   f"?pin-source=file:{pin}"
        self.crt = a.path(f"{name}.op.crt")
        ap.sh("openssl", "req", "-x509", "-new", "-engine", "pkcs11",
              "-keyform", "engine", "-key", self.key, "-days", "30", "-subj",
              f"/CN={name}", "-out", self.crt, env=self.env)
        self.pin = ap.Appliance.pin_of(self.crt)
        # What openssl is given, word by word.
        self.told = a.path("told")
        os.mkdir(a.path("bin"))
        a.write("bin/openssl", "#!/bin/sh\n{ printf '%s\\n' \"$@\"; env; } >> "
                f"'{self.told}'\nexec {shutil.which('openssl')} \"$@\"\n",
                0o755)
        self.env["PATH"] = f"{a.path('bin')}:{os.environ['PATH']}"


class Token(Case):
    """One of two operators signs with a key on a PKCS#11 token, first and
    second; what both signed comes into force."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.op = TokenOperator(cls.a, "dora")
        cls.a.ops["dora"] = cls.op
        text = cls.a.authority_text(2, ("dora", "bert"), 2, 2, 2,
                                    q.hash_of(cls.a.first))
        path = cls.a.write("authority2.yaml", text)
        first, both = cls.a.path("a.1"), cls.a.path("a.2")
        # Who is new signs what makes them an operator.
        cls.sign(cls, "dora", path, first)
        cls.sign(cls, "bert", first, both)
        cls.sign(cls, "anna", both, first)
        cls.ctl("policy", "submit", first)

    def sign(self, name, source, out, *more, code=DONE):
        op = self.a.ops[name]
        return self.ctl("policy", "sign", "--certificate", op.crt, "--key",
                        op.key, "--out", out, *more, source, code=code,
                        env=self.op.env)

    def test_first_and_second(self):
        a = self.a
        for order in (("dora", "bert"), ("bert", "dora")):
            text, path = self.next_text("t.yaml")
            one, two = a.path("t.1"), a.path("t.2")
            self.sign(order[0], path, one)
            said = self.sign(order[1], one, two).out
            for name in order:
                self.assertIn(f"good {a.ops[name].pin}", said)
            self.ctl("policy", "submit", two)
            self.assertEqual(self.stands()["policy-hash"], q.hash_of(text))
        with open(self.op.told, encoding="utf-8") as f:
            told = f.read()
        self.assertIn("-resign", told)
        self.assertIn(self.op.key, told)
        for text in (told, said, a.log_text()):
            self.assertNotIn(self.op.PIN, text)

    def test_typed(self):
        """The command that is printed, typed into a shell by hand."""
        a = self.a
        text, path = self.next_text("typed.yaml")
        out = a.path("typed.1")
        said = self.sign("dora", path, out, "--command").out
        self.assertIn(" -engine pkcs11 -keyform engine -signer ", said)
        ap.sh("sh", "-c", said, env=self.op.env)
        said = self.ctl("policy", "signers", out).out
        self.assertEqual(said, f"document {q.hash_of(text)}\n"
                         f"good {self.op.pin}\n")

    def test_what_the_token_refuses(self):
        a = self.a
        _, path = self.next_text("r.yaml")
        a.write("ops.pin", "1234-99", 0o600)
        try:
            done = self.sign("dora", path, a.path("r.1"), code=BAD_INPUT)
            self.assertNotIn("1234-99", done.out + done.err)
        finally:
            a.write("ops.pin", self.op.PIN, 0o600)
        self.assertEqual(self.ctl("policy", "signers", a.path("r.1"),
                                  code=BAD_INPUT).out, "")
        done = self.ctl("policy", "sign", "--certificate", self.op.crt,
                        "--key", self.op.key.replace(
                            "pin-source=", "pin-value=4711-08-15&pin-source="),
                        "--out", a.path("r.3"), path, code=USAGE,
                        env=self.op.env)
        self.assertNotIn(self.op.PIN, done.out + done.err)
        # Another key of the token than that of the certificate.
        self.ctl("policy", "sign", "--certificate", a.ops["bert"].crt,
                 "--key", self.op.key, "--out", a.path("r.2"), path,
                 code=BAD_INPUT, env=self.op.env)


if __name__ == "__main__":
    unittest.main()
