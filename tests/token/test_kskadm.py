#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kskadm, verb by verb: what it makes, what it refuses, what it never shows."""
import base64
import contextlib
import hashlib
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE] + [os.path.join(os.path.dirname(HERE), x)
                         for x in ("fault", "integration")]
import cryptoki  # noqa: E402
import peer  # noqa: E402
from cryptoki import Session, ds, tag  # noqa: E402
from fault import Fault  # noqa: E402
from spy import Spy  # noqa: E402
from terminal import typed  # noqa: E402

SANITIZED = True
ROOT = os.getuid() == 0
USERS = dict(frontend=64910, signer=64911, policy=64912, token=64913)
USAGE, CONFIG, POLICY, TLS, FILE, MODULE, TOKEN, PIN, PIN_SOURCE, KEY = \
    2, 3, 4, 5, 7, 8, 9, 10, 12, 13


class Box:
    """A configuration in a temporary folder."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ksk adm.")
        os.chmod(self.dir, 0o711)
        os.mkdir(self.path("etc"), 0o755)
        self.module, self.environment = cryptoki.SOFTHSM, []
        self.paths = [(self.path("tokens"), "rw"),
                      (self.path("etc/softhsm2.conf"), "r")]
        self.write("etc/softhsm2.conf",
                   f"directories.tokendir = {self.path('tokens')}\n"
                   "objectstore.backend = file\nlog.level = ERROR\n")
        self.conf = self.path("etc/softhsm2.conf")
        self.tokens = self.path("tokens")
        self.configure()

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def configure(self, pin=None, label="ksk", sha256=None, users=None):
        users = users if users is not None else USERS if ROOT else {}
        text = (f'listen: "127.0.0.1:1"\nstate: "{self.path("state")}"\n'
                f'policy: "{self.path("etc/policy.yaml")}"\n'
                f'keymap: "{self.path("etc/keymap")}"\n'
                f'tls: {{key: "{self.path("etc/tls.key")}", '
                f'certificate: "{self.path("etc/tls.crt")}"}}\n'
                "users: {" + ", ".join(f"{k}: {v}" for k, v in users.items())
                + "}\nauthority: {mode: file}\n"
                f'journal: {{path: "{self.path("state/journal/j.db")}"}}\n'
                "tokens:\n  - name: main\n"
                f'    module: "{self.module}"\n'
                f'    uri: "pkcs11:token={label}"\n'
                + (f"    sha256: {sha256}\n" if sha256 else "")
                + f"    pin: {pin or self.pin()}\n"
                "    environment:\n"
                f'      - "SOFTHSM2_CONF={self.conf}"\n'
                + "".join(f'      - "{x}"\n' for x in self.environment)
                + "    paths:\n"
                + "".join(f'      - {{path: "{p}", access: {a}}}\n'
                          for p, a in self.paths))
        self.write("etc/kskd.yaml", text)

    def pin(self):
        return f'{{file: "{self.path("etc/pin")}"}}'

    def run(self, *argv, code=0, input=None):
        done = subprocess.run(
            [os.path.join(peer.BUILD, "kskadm"), "-c",
             self.path("etc/kskd.yaml"), *map(str, argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, check=False, start_new_session=True)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        if done.returncode != code:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.out}"
                                 f"{done.err}")
        return done

    def owner(self, name):
        st = os.lstat(self.path(name))
        return st.st_uid, st.st_mode & 0o7777

    def generate(self, zone="example.com.", algorithm=13, label=None, code=0,
                 **more):
        argv = ["key", "generate", "--token", "main", "--zone", zone,
                "--algorithm", algorithm]
        if label is not None:
            argv += ["--label", label]
        for k, v in more.items():
            argv += ["--" + k, v]
        return self.run(*argv, code=code)


def records(out):
    """[(type, rdata)] of DNSKEY, CDNSKEY, DS, CDS lines."""
    found = []
    for line in out.splitlines():
        words = line.split()
        if len(words) < 7 or words[1] != "IN":
            continue
        if words[2].endswith("DNSKEY"):
            rdata = struct.pack(">HBB", *map(int, words[3:6]))
            found.append((words[2], rdata + base64.b64decode(words[6])))
        else:
            rdata = struct.pack(">HBB", *map(int, words[3:6]))
            found.append((words[2], rdata + bytes.fromhex(words[6])))
    return found


class Kskadm(unittest.TestCase):
    def setUp(self):
        self.box = Box()

    def tearDown(self):
        shutil.rmtree(self.box.dir)

    def make_token(self):
        self.box.run("token", "init", "main", "--generate-pin")
        return self.box.read("etc/pin")

    @contextlib.contextmanager
    def session(self, label="ksk"):
        """As root; what it makes is given to the token's user."""
        with Session(self.box, label, pin=self.box.read("etc/pin")) as t:
            yield t
        if ROOT:
            for top, _, files in os.walk(self.box.tokens):
                for name in files:
                    os.chown(os.path.join(top, name), USERS["token"], -1)

    # -- init --
    def test_init(self):
        done = self.box.run("init")
        self.assertRegex(done.out, r"^[0-9a-f]{32}\n$")
        self.assertEqual(self.box.read("state/appliance-id"), done.out)
        self.assertEqual(self.box.read("state/journal/new"), done.out)
        signer = USERS["signer"] if ROOT else os.getuid()
        me = os.getuid()
        self.assertEqual(self.box.owner("state"), (me, 0o755))
        self.assertEqual(self.box.owner("state/appliance-id"), (me, 0o644))
        self.assertEqual(self.box.owner("state/journal"), (signer, 0o700))
        self.assertEqual(self.box.owner("state/journal/new")[0], signer)
        self.assertIn("kskadm tls init", done.err)

    def test_init_twice(self):
        first = self.box.run("init").out
        done = self.box.run("init", code=FILE)
        self.assertEqual(done.out, "")
        self.assertIn("nothing was changed", done.err)
        self.assertEqual(self.box.read("state/appliance-id"), first)

    def test_init_goes_on_where_it_was_cut_off(self):
        """A full disk, a power cut: the mark is there, the id is not."""
        self.box.run("init")
        os.unlink(self.box.path("state/appliance-id"))
        done = self.box.run("init")
        self.assertEqual(self.box.read("state/appliance-id"), done.out)
        self.assertEqual(self.box.read("state/journal/new"), done.out)

    def test_init_refuses_an_old_journal(self):
        os.makedirs(self.box.path("state/journal"))
        self.box.write("state/journal/j.db", "old")
        done = self.box.run("init", code=FILE)
        self.assertIn("j.db", done.err)
        self.assertFalse(os.path.exists(self.box.path("state/appliance-id")))

    @unittest.skipUnless(ROOT, "needs root")
    def test_folders_that_hold_something_are_not_given_away(self):
        """A slip like `journal: {path: /var/lib/j.db}`."""
        os.makedirs(self.box.path("state/journal/other"), 0o755)
        os.makedirs(self.box.path("tokens/other"), 0o755)
        done = self.box.run("init", code=FILE)
        self.assertIn("not empty", done.err)
        self.assertEqual(self.box.owner("state/journal"), (0, 0o755))
        done = self.box.run("token", "init", "main", "--generate-pin",
                            code=FILE)
        self.assertIn("chown", done.err)
        self.assertEqual(self.box.owner("tokens"), (0, 0o755))
        self.assertFalse(os.path.exists(self.box.path("etc/pin")))

    # -- tls --
    def test_tls(self):
        pin = self.box.run("tls", "init").out
        self.assertEqual(self.box.run("tls", "pin").out, pin)
        self.assertEqual(self.box.owner("etc/tls.key")[1], 0o600)
        public = subprocess.run(
            ["openssl", "x509", "-in", self.box.path("etc/tls.crt"),
             "-noout", "-pubkey"], stdout=subprocess.PIPE, check=True).stdout
        der = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
            stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(hashlib.sha256(der).hexdigest() + "\n", pin)
        key = subprocess.run(
            ["openssl", "pkey", "-in", self.box.path("etc/tls.key"),
             "-pubout"], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual(key, public)
        text = subprocess.run(
            ["openssl", "x509", "-in", self.box.path("etc/tls.crt"),
             "-noout", "-text"], stdout=subprocess.PIPE, text=True,
            check=True).stdout
        self.assertIn("P-256", text)
        self.assertIn("Version: 3", text)

    def test_tls_days(self):
        self.box.run("tls", "init", "--days=1")
        for seconds, code in ((80000, 0), (90000, 1)):
            done = subprocess.run(
                ["openssl", "x509", "-in", self.box.path("etc/tls.crt"),
                 "-noout", "-checkend", str(seconds)], check=False,
                stdout=subprocess.DEVNULL)
            self.assertEqual(done.returncode, code)

    def test_tls_is_not_overwritten(self):
        self.box.run("tls", "init")
        before = self.box.read("etc/tls.key"), self.box.read("etc/tls.crt")
        self.box.run("tls", "init", code=FILE)
        os.remove(self.box.path("etc/tls.crt"))
        done = self.box.run("tls", "init", code=FILE)
        self.assertIn("tls.key", done.err)
        self.assertFalse(os.path.exists(self.box.path("etc/tls.crt")))
        self.assertEqual(self.box.read("etc/tls.key"), before[0])

    def test_tls_pin_without_certificate(self):
        self.assertIn("tls init", self.box.run("tls", "pin", code=TLS).err)
        self.box.write("etc/tls.crt", "nothing\n")
        self.box.run("tls", "pin", code=TLS)

    # -- token init --
    def test_token_init(self):
        done = self.box.run("token", "init", "main", "--generate-pin")
        pin = self.box.read("etc/pin")
        so_pin = self.box.read("etc/pin.so")
        for secret in (pin, so_pin):
            self.assertRegex(secret, r"^[a-z0-9]{24}$")
            self.assertNotIn(secret, done.out + done.err)
        self.assertNotEqual(pin, so_pin)
        for name in ("etc/pin", "etc/pin.so"):
            self.assertEqual(self.box.owner(name), (os.getuid(), 0o600))
        user = USERS["token"] if ROOT else os.getuid()
        for top, folders, files in os.walk(self.box.tokens):
            for name in [top] + [os.path.join(top, x)
                                 for x in folders + files]:
                self.assertEqual(os.lstat(name).st_uid, user, name)
        with self.session():
            pass

    def test_token_init_refuses_a_token_that_is_there(self):
        pin = self.make_token()
        self.box.generate(label="k")
        done = self.box.run("token", "init", "main", "--generate-pin",
                            code=PIN_SOURCE)
        self.assertIn("there already", done.err)
        so = self.box.path("etc/pin.so")
        done = self.box.run("token", "init", "main", "--pin-file",
                            self.box.path("etc/pin"), "--so-pin-file", so,
                            code=TOKEN)
        self.assertIn('a token "ksk" is there already', done.err)
        self.assertEqual(self.box.read("etc/pin"), pin)
        self.assertIn("usable", self.box.run("key", "list").out)

    def test_token_init_leaves_no_pins_behind_when_it_fails(self):
        self.box.module = "/nowhere/module.so"
        self.box.configure()
        done = self.box.run("token", "init", "main", "--generate-pin",
                            code=MODULE)
        self.assertIn("/nowhere/module.so", done.err)
        self.assertEqual(sorted(os.listdir(self.box.path("etc"))),
                         ["kskd.yaml", "softhsm2.conf"])

    def faulty(self):
        """The module that fails on command, in front of SoftHSM."""
        fault = Fault(self.box.path("fault"), build=peer.BUILD)
        self.addCleanup(fault.close)
        self.box.module = fault.module
        self.box.paths.append((fault.control, "rw"))
        self.box.configure()
        return fault

    def test_token_init_is_cut_off(self):
        """A token that has its SO PIN and no PIN is lost without the former:
        nothing is removed, and it can be completed."""
        fault = self.faulty()
        so = self.box.path("etc/pin.so")
        ends = (lambda: fault.fail("C_InitPIN", "CKR_DEVICE_ERROR", times=1),
                lambda: fault.crash("C_InitPIN", times=1),
                lambda: fault.crash("C_InitToken", late=True, times=1))
        for end in ends:
            end()
            done = self.box.run("token", "init", "main", "--generate-pin",
                                code=self.some(TOKEN, MODULE))
            self.assertIn(f"token init main --so-pin-file {so}", done.err)
            pin, so_pin = self.box.read("etc/pin"), self.box.read("etc/pin.so")
            self.assertNotIn(pin, done.err)
            self.assertNotIn(so_pin, done.err)
            os.rename(so, self.box.path("kept"))
            os.unlink(self.box.path("etc/pin"))
            # Another new SO PIN would cost a try.
            done = self.box.run("token", "init", "main", "--generate-pin",
                                code=TOKEN)
            self.assertIn("has no PIN yet", done.err)
            self.assertFalse(os.path.exists(self.box.path("etc/pin")))
            os.rename(self.box.path("kept"), so)
            self.box.write("etc/pin", pin, 0o600)
            self.box.run("token", "init", "main", "--so-pin-file", so)
            self.box.generate(label="k")
            self.box.run("token", "init", "main", "--so-pin-file", so,
                         code=TOKEN)
            self.assertIn("usable", self.box.run("key", "list").out)
            shutil.rmtree(self.box.tokens)
            for name in ("etc/pin", "etc/pin.so", "etc/keymap"):
                os.unlink(self.box.path(name))
        # Nothing was made: nothing stays.
        fault.fail("C_InitToken", "CKR_DEVICE_ERROR", times=1)
        self.box.run("token", "init", "main", "--generate-pin", code=TOKEN)
        self.assertFalse(os.path.exists(so))
        self.assertFalse(os.path.exists(self.box.path("etc/pin")))

    @staticmethod
    def some(*codes):
        """A code that is one of these."""
        return type("Some", (), {
            "__eq__": lambda _, code: code in codes,
            "__ne__": lambda _, code: code not in codes})()

    def test_labels_of_tokens(self):
        """The token has the label of the uri, byte by byte, or none is made."""
        self.box.write("etc/pin", "1357", 0o600)
        self.box.write("etc/so", "24681357", 0o600)
        for label, code in (("new%20token", 0), ("%c3%bc%22x", 0),
                            ("l" * 32, 0), ("l" * 33, TOKEN), ("", TOKEN),
                            ("%20", TOKEN)):
            self.box.configure(label=label)
            self.box.run("token", "init", "main", "--so-pin-file",
                         self.box.path("etc/so"), code=code)
            if code == 0:
                self.box.run("key", "list")

    def test_token_init_from_files(self):
        self.box.write("etc/pin", "1357\n", 0o600)
        self.box.write("etc/so", "24681357\r\n", 0o600)
        self.box.run("token", "init", "main", "--so-pin-file",
                     self.box.path("etc/so"))
        with Session(self.box, "ksk", pin="1357"):
            pass

    def test_odd_pin_files(self):
        self.box.write("etc/so", "24681357", 0o600)

        def refused(word, text=None, mode=0o600):
            if text is not None:
                self.box.write("etc/p", text, mode)
            done = self.box.run(
                "token", "init", "main", "--pin-file", self.box.path("etc/p"),
                "--so-pin-file", self.box.path("etc/so"), code=PIN_SOURCE)
            self.assertIn(word, done.err)
            self.assertNotRegex(done.err, r"\b9753\b")
        refused("chmod 600", "9753", 0o644)
        refused("empty", "")
        refused("empty", "\n")
        refused("more than one line", "9753\n\n")
        refused("zero byte", "9753\0")
        refused("longer", "9753" * 200)
        os.remove(self.box.path("etc/p"))
        refused("etc/p")
        os.mkdir(self.box.path("etc/p"))
        refused("etc/p")
        os.rmdir(self.box.path("etc/p"))
        os.mkfifo(self.box.path("etc/p"), 0o600)
        refused("etc/p")
        self.assertFalse(os.path.exists(self.box.path("tokens")))

    def test_usage(self):
        for argv in ((), ("nonsense",), ("token",), ("token", "init"),
                     ("token", "init", "main", "extra"),
                     ("token", "init", "nobody", "--generate-pin"),
                     ("token", "init", "main", "--colour", "red"),
                     ("token", "init", "main", "--generate-pin=yes"),
                     ("token", "init", "main", "--generate-pin",
                      "--pin-file", "x"),
                     ("key", "generate", "--token", "main"),
                     ("key", "generate", "--token"),
                     ("tls", "init", "--days", "0"),
                     ("tls", "init", "--days", "1x"),
                     ("policy", "check")):
            done = self.box.run(*argv, code=USAGE)
            self.assertEqual(done.out, "")
            self.assertNotEqual(done.err, "")

    def test_help(self):
        out = self.box.run("--help").out
        verbs = re.findall(r"^  (\w+(?: \w+)?)  ", out, re.M)
        self.assertEqual(len(verbs), 23)
        for verb in verbs:
            text = self.box.run(*verb.split(), "--help").out
            self.assertIn("usage: kskadm [-c FILE] " + verb, text)

    # -- keys --
    def test_key_generate(self):
        self.make_token()
        done = self.box.generate(label="k1")
        found = records(done.out)
        key = found[0][1]
        self.assertEqual(key[:4], bytes([1, 1, 3, 13]))
        for (kind, rdata), digest in zip(found[1:], (2, 4)):
            t, a, d, h = ds("example.com.", key, digest)
            self.assertEqual((kind, rdata),
                             ("DS", struct.pack(">HBB", t, a, d) + h))
        snippet = done.out.splitlines()[-1]
        self.assertRegex(
            snippet, r'^- \{token: main, label: "k1", ds: "\d+ 13 2 '
            r'[0-9a-f]{64}", from: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, '
            r'cds: yes\}$')
        with self.session() as t:
            private, = t.find(dict(CLASS=cryptoki.CKO_PRIVATE, LABEL="k1"))
            public, = t.find(dict(CLASS=cryptoki.CKO_PUBLIC, LABEL="k1"))
            for name, value in (
                    ("SENSITIVE", 1), ("ALWAYS_SENSITIVE", 1),
                    ("EXTRACTABLE", 0), ("NEVER_EXTRACTABLE", 1),
                    ("PRIVATE", 1), ("SIGN", 1), ("DECRYPT", 0),
                    ("UNWRAP", 0), ("DERIVE", 0)):
                self.assertEqual(t.get(private, name), bytes([value]), name)
            self.assertEqual(t.dnskey(public, 13), key)
            ident = t.get(private, "ID")
            self.assertEqual((len(ident), t.get(public, "ID")), (16, ident))
        line = [x for x in self.box.read("etc/keymap").splitlines()
                if not x.startswith("#")]
        t, a, d, h = ds("example.com.", key)
        self.assertEqual(line, [f"ksk example.com. main {t} {a} {d} "
                                f"{h.hex()} {ident.hex()} k1"])
        self.assertEqual(self.box.owner("etc/keymap"), (os.getuid(), 0o644))

    def test_each_algorithm_signs(self):
        """From kskadm to a worker's signature with nothing in between."""
        pin = self.make_token()
        for algorithm, more in ((8, {}), (10, dict(bits=3072)), (13, {}),
                                (14, {}), (15, {}), (16, {})):
            zone = f"a{algorithm}.example."
            out = self.box.generate(zone, algorithm, f"k{algorithm}",
                                    **more).out
            key = records(out)[0][1]
            self.assertEqual(key[3], algorithm)
            worker = peer.Worker(self.box, "ksk", pin=pin.encode(),
                                 keymap=self.box.read("etc/keymap"),
                                 user=USERS["token"] if ROOT else None)
            try:
                worker.ready().connect()
                found = worker.keys([(0, zone, ds(zone, key), "")])
                self.assertEqual(found, {0: (key, "")})
                self.assertEqual(worker.sign(slot=0, zone=zone,
                                             rdatas=[key])[0], peer.DONE)
            finally:
                worker.close()

    def test_labels(self):
        self.make_token()
        year = time.gmtime().tm_year
        for letter in "ab":
            self.assertIn(f'label: "example-com-{year}{letter}"',
                          self.box.generate().out)
        done = self.box.generate(label=f"example-com-{year}a", code=KEY)
        self.assertIn("in use", done.err)
        out = self.box.generate(label='q"\\ ü').out
        self.assertIn('label: "q\\"\\\\ ü"', out)
        listed = self.box.run("key", "list").out
        self.assertIn("main q%22%5c%20%c3%bc ", listed)
        self.assertEqual(len(listed.splitlines()), 3)
        self.assertEqual(len(self.box.read("etc/keymap").splitlines()), 5)
        self.box.generate(label="x" * 64, code=USAGE)

    def test_key_generate_refusals(self):
        self.make_token()
        for algorithm, more in ((1, {}), (5, {}), (7, {}), (12, {}), (17, {}),
                                (13, dict(bits=256)), (8, dict(bits=1024)),
                                (8, dict(bits=8192)), (8, dict(bits=2049))):
            done = self.box.generate(algorithm=algorithm, code=USAGE, **more)
            self.assertEqual(done.out, "")
        self.box.generate(zone="a..b", code=USAGE)
        self.assertFalse(os.path.exists(self.box.path("etc/keymap")))
        self.assertEqual(self.box.run("key", "list").out, "")

    def test_broken_keymap_is_found_before_a_key_is_made(self):
        self.make_token()
        self.box.write("etc/keymap", "# one\nksk nonsense\n")
        done = self.box.generate(code=FILE)
        self.assertIn("line 2", done.err)
        self.assertEqual(self.box.run("key", "list").out, "")

    def test_key_list_says_why_not(self):
        self.make_token()
        with self.session() as t:
            t.generate(13, "good", b"\1")
            t.generate(13, "out", b"\2", private=dict(EXTRACTABLE=True))
            _, private = t.generate(13, "half", b"\3")
            t.destroy(private)
            public, _ = t.generate(8, "alone", b"\4")
            t.destroy(public)
            t.generate(13, "", b"")
        lines = {x.split()[1]: x for x in
                 self.box.run("key", "list").out.splitlines()}
        self.assertRegex(lines["good"], r"^main good 01 13 \d+ usable$")
        self.assertRegex(lines["out"], r"^main out 02 13 \d+ extractable")
        self.assertRegex(lines["half"], r"13 \d+ private half missing")
        self.assertRegex(lines["alone"], r"^main alone 04 8 - public half")
        self.assertIn("-", lines)
        self.assertEqual(len(lines), 5)

    def test_key_records(self):
        self.make_token()
        with self.session() as t:
            key = t.dnskey(t.generate(13, "k", b"\1")[0], 13)
            rsa = t.dnskey(t.generate(8, "r", b"\2")[0], 8)
            t.generate(13, "twice", b"\3")
            t.generate(13, "twice", b"\4")
        argv = ["--token", "main", "--zone", "Example.COM", "--label"]
        self.assertEqual(records(self.box.run("key", "dnskey", *argv,
                                              "k").out), [("DNSKEY", key)])
        got = records(self.box.run("key", "ds", *argv, "k").out)
        self.assertEqual([(k, r[3]) for k, r in got], [("DS", 2), ("DS", 4)])
        self.assertEqual(got[0][1][4:], ds("example.com.", key)[3])
        got = records(self.box.run("key", "cds", *argv, "k").out)
        self.assertEqual([k for k, _ in got], ["CDS", "CDNSKEY"])
        self.assertEqual(got[1][1], key)
        ten = records(self.box.run("key", "dnskey", *argv, "r",
                                   "--algorithm", 10).out)[0][1]
        self.assertEqual(ten, rsa[:3] + bytes([10]) + rsa[4:])
        done = self.box.run("key", "ds", *argv, "twice", code=KEY)
        self.assertIn("2 keys", done.err)
        done = self.box.run("key", "ds", *argv, "none", code=KEY)
        self.assertIn("key list", done.err)

    def test_dsfromkey_agrees(self):
        self.make_token()
        out = self.box.generate(algorithm=15, label="k").out
        self.box.write("key", "$TTL 1h\n" + [
            x for x in out.splitlines() if " DNSKEY " in x][0] + "\n")
        theirs = subprocess.run(
            ["dnssec-dsfromkey", "-2", "-f", self.box.path("key"),
             "example.com."], stdout=subprocess.PIPE, text=True,
            check=True).stdout.lower().split()
        ours = [x for x in out.splitlines() if " DS " in x][0].split()
        self.assertEqual(ours[3:], theirs[3:])

    def test_key_allow(self):
        self.make_token()
        with self.session() as t:
            key = t.dnskey(t.generate(13, "k", b"\1")[0], 13)
            t.generate(13, "out", b"\2", private=dict(EXTRACTABLE=True))
        argv = ["key", "allow", "--token", "main", "--label"]
        self.box.run(*argv, "k", "--zone", "example.com.")
        self.box.run(*argv, "k", "--zone", "example.net.")
        done = self.box.run(*argv, "k", "--zone", "example.net.")
        self.assertIn("already", done.err)
        lines = [x.split()[1] for x in
                 self.box.read("etc/keymap").splitlines() if x[0] != "#"]
        self.assertEqual(lines, ["example.com.", "example.net."])
        self.assertIn(ds("example.net.", key)[3].hex(),
                      self.box.read("etc/keymap"))
        done = self.box.run(*argv, "out", "--zone", "example.com.", code=KEY)
        self.assertIn("extractable", done.err)
        self.assertEqual(sorted(os.listdir(self.box.path("etc"))), [
            "keymap", "kskd.yaml", "pin", "pin.so", "softhsm2.conf"])

    def test_key_allow_extractable(self):
        self.make_token()
        with self.session() as t:
            t.generate(13, "k", b"\1")
            out = t.dnskey(t.generate(13, "out", b"\2", private=dict(
                EXTRACTABLE=True))[0], 13)
        argv = ["key", "allow", "--token", "main", "--zone", "example.com.",
                "--label"]
        done = self.box.run(*argv, "k", "--extractable", code=KEY)
        self.assertIn("never leaves", done.err)
        self.assertFalse(os.path.exists(self.box.path("etc/keymap")))
        # A line that somebody wrote without the mark is replaced, alone.
        keep = "# a comment\n" + peer.keymap_line(
            "example.net.", "main", ds("example.net.", out))
        self.box.write("etc/keymap", keep + peer.keymap_line(
            "example.com.", "main", ds("example.com.", out)))
        self.assertRegex(self.box.run("key", "list").out,
                         r"main out 02 13 \d+ extractable: .*allow")
        self.box.run(*argv, "out", "--extractable")
        text = self.box.read("etc/keymap")
        self.assertTrue(text.startswith(keep))
        self.assertRegex(text[len(keep):],
                         r"^ksk example\.com\. main .* 02 out extractable\n$")
        self.assertRegex(self.box.run("key", "list").out,
                         r"main out 02 13 \d+ usable \(extractable")
        done = self.box.run(*argv, "out", "--extractable")
        self.assertIn("already", done.err)
        self.assertEqual(self.box.read("etc/keymap"), text)

    # -- PINs --
    def test_wrong_pin_is_tried_once(self):
        self.make_token()
        spy = Spy(self.box.dir)
        os.chmod(spy.log, 0o666)
        self.box.module = spy.module
        self.box.environment = ["SPY_LOG=" + spy.log]
        self.box.configure()
        self.box.write("etc/pin", "77775555", 0o600)
        done = self.box.run("key", "list", code=PIN)
        self.assertIn("CKR_PIN_INCORRECT", done.err)
        self.assertNotIn("77775555", done.out + done.err)
        self.assertEqual(spy.count("C_Login"), 1)

    def typed(self, pins, *argv):
        """Runs kskadm at a terminal and types -> (exit code, all output)"""
        return typed([os.path.join(peer.BUILD, "kskadm"), "-c",
                      self.box.path("etc/kskd.yaml"), *argv],
                     rb"PIN of main[^\n]*: ", pins)

    def test_typed_pins(self):
        self.box.configure(pin="{prompt: yes}")
        done = self.box.run("key", "list", code=PIN_SOURCE)
        self.assertIn("no terminal", done.err)
        code, out = self.typed(["so-secret", "so-secret", "user-pin",
                                "user-pin"], "token", "init", "main")
        self.assertEqual(code, 0, out)
        for secret in ("so-secret", "user-pin"):
            self.assertNotIn(secret, out)
        code, out = self.typed(["user-pin"], "key", "list")
        self.assertEqual(code, 0, out)
        self.assertNotIn("user-pin", out)
        code, out = self.typed(["other-pin"], "key", "list")
        self.assertEqual(code, PIN, out)

    def test_typed_pins_that_differ(self):
        self.box.configure(pin="{prompt: yes}")
        code, out = self.typed(["so-secret", "so-other"], "token", "init",
                               "main")
        self.assertEqual(code, PIN_SOURCE, out)
        self.assertIn("not the same", out)
        self.assertFalse(os.path.exists(self.box.tokens))

    def test_typed_pin_that_is_too_long(self):
        """It is not cut: what is left of it would be tried, and be wrong."""
        self.box.write("etc/pin", "x" * 255, 0o600)
        self.box.write("etc/so", "24681357", 0o600)
        self.box.run("token", "init", "main", "--so-pin-file",
                     self.box.path("etc/so"))
        self.box.configure(pin="{prompt: yes}")
        code, out = self.typed(["x" * 255], "key", "list")
        self.assertEqual(code, 0, out)
        code, out = self.typed(["x" * 257], "key", "list")
        self.assertEqual(code, PIN_SOURCE, out)
        self.assertIn("longer than 256 bytes", out)

    def test_interrupted_while_a_pin_is_typed(self):
        """The terminal shows again what is typed."""
        self.make_token()
        self.box.configure(pin="{prompt: yes}")
        for key, how in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)):
            pid, fd = pty.fork()
            if pid == 0:
                signal.signal(how, signal.SIG_DFL)  # the caller may ignore it
                os.execv(os.path.join(peer.BUILD, "kskadm"), [
                    "kskadm", "-c", self.box.path("etc/kskd.yaml"), "key",
                    "list"])

            def shows():
                return termios.tcgetattr(fd)[3] & termios.ECHO != 0
            end = time.monotonic() + 60
            while shows() and time.monotonic() < end:
                time.sleep(0.01)
            self.assertFalse(shows())
            os.write(fd, key)
            _, status = os.waitpid(pid, 0)
            self.assertEqual(os.waitstatus_to_exitcode(status), -how)
            self.assertTrue(shows())
            os.close(fd)

    # -- configuration --
    def test_bad_configuration(self):
        self.box.write("etc/kskd.yaml", "listen: 1\nnonsense: 2\n")
        done = self.box.run("key", "list", code=CONFIG)
        self.assertIn("line", done.err)
        os.remove(self.box.path("etc/kskd.yaml"))
        self.box.run("key", "list", code=FILE)

    def test_module_digest(self):
        self.make_token()
        right = peer.sha256_of(cryptoki.SOFTHSM).hex()
        self.box.configure(sha256=right)
        self.box.run("key", "list")
        self.box.configure(sha256="00" * 32)
        done = self.box.run("key", "list", code=MODULE)
        self.assertIn(right, done.err)

    def test_no_such_token(self):
        self.make_token()
        self.box.configure(label="other")
        done = self.box.run("key", "list", code=TOKEN)
        self.assertIn('"ksk"', done.err)

    @unittest.skipUnless(ROOT, "needs root")
    def test_module_never_runs_as_root(self):
        """A module that tells who loads it."""
        source = self.box.path("who.c")
        self.box.write("who.c", """
#define _GNU_SOURCE
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void who(void)
{
        uid_t r, e, s;
        gid_t g[8];
        getresuid(&r, &e, &s);
        FILE *f = fopen(WHERE, "a");
        fprintf(f, "%u %u %u %d\\n", r, e, s, getgroups(8, g));
        fclose(f);
}
""")
        where = self.box.path("who.txt")
        self.box.write("who.txt", "", 0o666)
        self.box.module = self.box.path("who.so")
        subprocess.run(["cc", "-shared", "-fPIC", f'-DWHERE="{where}"', "-o",
                        self.box.module, source], check=True)
        self.box.configure()
        self.box.write("etc/pin", "1234", 0o600)
        self.box.run("key", "list", code=MODULE)
        uid = USERS["token"]
        self.assertEqual(self.box.read("who.txt"), f"{uid} {uid} {uid} 0\n")

    def test_module_that_is_not_safe(self):
        """It gets the PIN: kskadm takes no other than kskd does."""
        self.make_token()
        path = self.box.module = self.box.path("module.so")
        self.box.configure()
        shutil.copy(cryptoki.SOFTHSM, path)
        os.chmod(path, 0o666)
        done = self.box.run("key", "list", code=FILE)
        self.assertIn("chmod go-w", done.err)
        os.chmod(path, 0o644)
        self.box.run("key", "list")
        os.unlink(path)
        os.mkfifo(path, 0o644)
        done = self.box.run("key", "list", code=MODULE)
        self.assertIn("regular file", done.err)

    def test_labels_with_control_characters(self):
        """They make no line of their own, wherever they come from."""
        self.make_token()
        self.assertIn("control character", self.box.generate(
            label="a\nb", code=USAGE).err)
        with self.session() as t:
            t.generate(13, "x\nkskadm: \x1b[2J", b"\1")
        done = self.box.run("key", "allow", "--token", "main", "--label",
                            "x\nkskadm: \x1b[2J", "--zone", "example.com.")
        self.assertEqual(done.err.count("\n"), 1)
        self.assertNotIn("\x1b", done.err)

    def test_module_that_prints(self):
        """What it prints is not among what scripts read, and it gets nothing
        of standard input."""
        self.make_token()
        self.box.generate(label="k")
        quiet = self.box.run("key", "list").out
        self.box.write("loud.c", f"""
#include <dlfcn.h>
#include <stdio.h>
unsigned long C_GetFunctionList(void **list)
{{
        void *real = dlopen("{cryptoki.SOFTHSM}", RTLD_NOW);
        unsigned long (*get)(void **) = dlsym(real, "C_GetFunctionList");
        printf("loud: %d\\n", getchar());
        fflush(stdout);
        return get(list);
}}
""")
        self.box.module = self.box.path("loud.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", self.box.module,
                        self.box.path("loud.c")], check=True)
        self.box.configure()
        done = self.box.run("key", "list")
        self.assertEqual(done.out, quiet)
        self.assertIn("loud: -1\n", done.err)

    # -- policy check --
    def test_authority(self):
        self.box.run("init")
        ident = self.box.read("state/appliance-id").strip()
        good = (f"kind: authority\nappliance: {ident}\nversion: 1\n"
                "replaces: none\nnot-after: 2030-01-01T00:00:00Z\n"
                f"operators: [{{name: anna, pin: {'ab' * 32}}}]\n"
                "thresholds: {policy: 1, authority: 1, authorise: 1}\n")
        path = self.box.path("authority")
        for wrong, words in ((good.replace(ident, "0" * 32), "appliance"),
                             (good.replace("policy: 1", "policy: 2"),
                              "from 1 to 1"),
                             (good.replace("version: 1", "version: 2"),
                              "version: 1")):
            self.box.write("authority", wrong)
            done = self.box.run("authority", path, code=POLICY)
            self.assertIn(words, done.err)
        self.box.write("authority", good)
        out = self.box.run("authority", path).out.splitlines()
        self.assertEqual(out, [hashlib.sha256(good.encode()).hexdigest(),
                               "ab" * 32 + " anna"])
        # It is there, and a second one does not take its place.
        self.box.run("authority", path, code=FILE)

    def test_policy_check(self):
        self.box.run("init")
        ident = self.box.read("state/appliance-id").strip()
        good = (f"kind: policy\nappliance: {ident}\nversion: 1\n"
                "clients: []\nzones: []\n")
        self.box.write("policy", good)
        self.assertIn("good", self.box.run("policy", "check",
                                           self.box.path("policy")).err)
        self.box.write("policy", good.replace("version: 1", "version: x")
                       .replace("kind: policy", "kind: police"))
        done = self.box.run("policy", "check", self.box.path("policy"),
                            code=POLICY)
        self.assertEqual(done.out, "")
        self.assertIn("line 1", done.err)
        self.box.write("policy", good.replace(ident, "ab" * 16))
        done = self.box.run("policy", "check", self.box.path("policy"),
                            code=POLICY)
        self.assertIn(ident, done.err)
        self.box.run("policy", "check", self.box.path("missing"), code=FILE)


if __name__ == "__main__":
    unittest.main()
