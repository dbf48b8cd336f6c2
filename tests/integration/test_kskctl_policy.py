#!/usr/bin/python3
"""`kskctl policy sign|submit|show|diff` with a whole appliance: what it signs is
what openssl's own command makes, and what stands is shown and compared.
"""
import json
import os
import shlex
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

ZONE = "lab.example."
DONE, REFUSED, USAGE, UNREACHABLE, LATER, BAD_INPUT = range(6)
ENGINE = "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so"


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
        text = self.a.signed_policy_text(replaces)
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

    @unittest.skipUnless(os.path.exists(ENGINE),
                         "libengine-pkcs11-openssl is not installed")
    def test_a_key_on_a_token(self):
        a = self.a
        conf = a.write("ops.conf", f"directories.tokendir = {a.path('ops')}\n"
                       "objectstore.backend = file\nlog.level = ERROR\n")
        os.mkdir(a.path("ops"), 0o700)
        env = dict(os.environ, SOFTHSM2_CONF=conf,
                   PKCS11_MODULE_PATH=ap.SOFTHSM)
        ap.sh("softhsm2-util", "--init-token", "--free", "--label", "ops",
              "--pin", "1234", "--so-pin", "5678", env=env)
        ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ops",
              "--login", "--pin", "1234", "--keypairgen", "--key-type",
              "EC:prime256v1", "--label", "anna", "--id", "01", env=env)
        uri = ("pkcs11:token=ops;object=anna;type=private?pin-source="
               f"file:{a.write('ops.pin', '1234', 0o600)}")
        crt = a.path("token.crt")
        ap.sh("openssl", "req", "-x509", "-new", "-engine", "pkcs11",
              "-keyform", "engine", "-key", uri, "-days", "30", "-subj",
              "/CN=anna", "-out", crt, env=env)
        _, path = self.next_text("z.yaml")
        out = a.path("z.cms")
        said = self.ctl("policy", "sign", "--certificate", crt, "--key", uri,
                        "--out", out, path, env=env).out
        self.assertIn(f"good {ap.Appliance.pin_of(crt)}", said)


if __name__ == "__main__":
    unittest.main()
