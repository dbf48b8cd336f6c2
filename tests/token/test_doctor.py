#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kskadm doctor: a box that is in order, and every line of it with a good and a
bad side; that nothing is changed, and that no token is given a PIN."""
import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault"),
                os.path.join(os.path.dirname(HERE), "integration")]
import appliance as ap  # noqa: E402
import cryptoki  # noqa: E402
import peer  # noqa: E402
from fault import Fault  # noqa: E402
from test_kskadm import ROOT, USERS, Box  # noqa: E402

SANITIZED = True
WARNING, TROUBLE = 19, 20
LINE = re.compile(r"(ok|warning|trouble) +([a-z]+(?: main)?): (.+)")
CHECKS = ["configuration", "state", "tls", "policy", "keymap", "accept",
          "journal", "room", "pin main", "paths main", "module main",
          "token main", "users", "clock", "listen", "landlock", "seccomp"]


def forbid(*calls):
    """For preexec_fn: these system calls answer ENOSYS."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    filter_ = ctypes.c_void_p(lib.seccomp_init(0x7fff0000))  # allow
    for call in calls:
        number = lib.seccomp_syscall_resolve_name(call.encode())
        lib.seccomp_rule_add(filter_, 0x00050000 | 38, number, 0)
    if lib.seccomp_load(filter_) != 0:
        os._exit(99)


def state_of(folder):
    """Everything that a change would show. SoftHSM touches two files."""
    found = {}
    for top, _, names in os.walk(folder):
        for path in [top] + [os.path.join(top, n) for n in names]:
            st = os.lstat(path)
            content = None
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    content = hashlib.sha256(f.read()).digest()
            touched = 0 if path.endswith(
                (".lock", "/generation")) else st.st_mtime_ns
            found[path] = (st.st_mode, st.st_uid, st.st_gid, touched,
                           st.st_ino, content)
    return found


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = box = Box()
        cls.addClassCleanup(shutil.rmtree, box.dir)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            cls.port = s.getsockname()[1]
        box.run("init")
        box.run("tls", "init")
        box.run("token", "init", "main", "--generate-pin")
        box.generate(label="ksk")
        cls.id = box.read("state/appliance-id").strip()
        box.write("etc/policy.yaml", f"kind: policy\nappliance: {cls.id}\n"
                  "version: 1\nclients: []\nzones: []\n")

    def setUp(self):
        self.configure()
        self.addCleanup(self.configure)

    def configure(self, **more):
        """The configuration of a box in order, but for what is said."""
        box = self.box
        box.module = more.pop("module", cryptoki.SOFTHSM)
        extra = more.pop("extra", "")
        listen = more.pop("listen", f"127.0.0.1:{self.port}")
        box.configure(**more)
        text = box.read("etc/kskd.yaml").replace(
            'listen: "127.0.0.1:1"', f'listen: "{listen}"').replace(
                'j.db"}', 'j.db", reserve: 1MiB}')
        box.write("etc/kskd.yaml", text + (
            extra if "clock:" in extra
            else extra + "clock: {synchronised: no}\n"))

    def doctor(self, code=0, **more):
        """-> {check: (level, sentence)}"""
        program = os.path.join(peer.BUILD, "kskadm")
        if "user" in more: # who may not reach the folder of the build
            program = shutil.copy(program, self.box.path("kskadm"))
            self.addCleanup(os.unlink, program)
        done = subprocess.run(
            [program, "-c", self.box.path("etc/kskd.yaml"), "doctor"],
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **more)
        lines = [LINE.fullmatch(x) for x in done.stdout.splitlines()]
        self.assertTrue(all(lines), done.stdout)
        found = {m.group(2): (m.group(1), m.group(3)) for m in lines}
        self.assertEqual(len(found), len(lines), done.stdout)
        levels = {level for level, _ in found.values()}
        self.assertEqual(done.returncode,
                         TROUBLE if "trouble" in levels else
                         WARNING if "warning" in levels else 0)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return found

    def one(self, check, level, *words, **more):
        """This check alone is not ok, and says these words."""
        found = self.doctor(
            TROUBLE if level == "trouble" else WARNING, **more)
        bad = {c for c, (how, _) in found.items() if how != "ok"}
        self.assertEqual(bad, {check}, found)
        self.assertEqual(found[check][0], level)
        for word in words:
            self.assertIn(word, found[check][1])
        return found

    def unchanged(self, before):
        now = state_of(self.box.dir)
        self.assertEqual(
            [(p, before.get(p), now.get(p)) for p in {*before, *now}
             if before.get(p) != now.get(p)], [])

    def aside(self, name):
        """Takes a file away until the end of the test."""
        path = self.box.path(name)
        os.rename(path, path + ".aside")
        self.addCleanup(os.rename, path + ".aside", path)
        return path

    def mode(self, name, mode):
        path = self.box.path(name)
        self.addCleanup(os.chmod, path, os.stat(path).st_mode & 0o7777)
        os.chmod(path, mode)

    def instead(self, name, text, mode=0o644):
        path = self.aside(name)
        self.box.write(name, text, mode)
        self.addCleanup(os.unlink, path)
        return path

    # -- all is well --
    @unittest.skipUnless(ROOT, "needs root")
    def test_in_order(self):
        before = state_of(self.box.dir)
        found = self.doctor()
        self.unchanged(before)
        self.assertEqual(list(found), CHECKS)
        self.assertEqual({how for how, _ in found.values()}, {"ok"})
        self.assertIn(self.id, found["state"][1])
        self.assertIn("1 line", found["keymap"][1])
        self.assertIn('"ksk" is there', found["token main"][1])
        self.assertIn("begun at the first start", found["journal"][1])

    def test_usage(self):
        self.assertIn("one word too many",
                      self.box.run("doctor", "x", code=2).err)

    def test_no_pin_is_tried(self):
        """Not even where the module would show it."""
        fault = Fault(self.box.path("fault-login"), build=peer.BUILD)
        self.addCleanup(fault.close)
        self.configure(module=fault.module)
        self.box.write("etc/pin.wrong", "wrong-pin\n", 0o600)
        self.configure(module=fault.module,
                       pin=f'{{file: "{self.box.path("etc/pin.wrong")}"}}')
        self.assertEqual(self.doctor(0 if ROOT else WARNING)
                         ["token main"][0], "ok")
        self.assertEqual(fault.count("C_Login").calls, 0)
        self.assertGreater(fault.count("C_GetTokenInfo").calls, 0)

    def test_a_token_that_is_being_written(self):
        """A module that begins while a worker writes to a token may see none:
        SoftHSM reads half a file then."""
        fault = Fault(self.box.path("fault-written"), build=peer.BUILD)
        self.addCleanup(fault.close)
        self.configure(module=fault.module)
        well = 0 if ROOT else WARNING
        self.assertEqual(self.doctor(well)["token main"][0], "ok")
        once = fault.count("C_GetTokenInfo").calls
        with fault.fail("C_GetTokenInfo", "CKR_TOKEN_NOT_RECOGNIZED",
                        times=once) as rule:
            self.assertEqual(self.doctor(well)["token main"][0], "ok")
            self.assertEqual(rule.fired, once)
        with fault.fail("C_GetTokenInfo", "CKR_TOKEN_NOT_RECOGNIZED"):
            self.one("token main", "trouble", "no token matches")

    # -- configuration and files --
    def test_configuration(self):
        self.configure(extra="nonsense: 1\n")
        found = self.doctor(TROUBLE)
        self.assertEqual(list(found), ["configuration"])
        self.assertIn("line", found["configuration"][1])
        self.configure(users={**USERS, "signer": "nobody-of-that-name"})
        if ROOT:
            self.assertIn("nobody-of-that-name",
                          self.doctor(TROUBLE)["configuration"][1])
        self.aside("etc/kskd.yaml")
        self.assertIn("does not exist",
                      self.doctor(TROUBLE)["configuration"][1])
        self.configure()

    @unittest.skipUnless(ROOT, "needs root")
    def test_state(self):
        self.mode("state", 0o777)
        self.one("state", "trouble", "chmod go-w")
        os.chmod(self.box.path("state"), 0o755)
        self.instead("state/appliance-id", "short\n")
        self.assertEqual(self.doctor(TROUBLE)["state"][0], "trouble")
        os.chown(self.box.path("state"), 64999, 0)
        try:
            self.assertIn("chown root", self.doctor(TROUBLE)["state"][1])
        finally:
            os.chown(self.box.path("state"), 0, 0)
        self.aside("state")
        found = self.doctor(TROUBLE)
        self.assertIn("kskadm init", found["state"][1])
        self.assertIn("kskadm init", found["journal"][1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_tls(self):
        self.mode("etc/tls.key", 0o644)
        self.one("tls", "trouble", "chmod 600")
        os.chmod(self.box.path("etc/tls.key"), 0o600)
        key = self.box.path("etc/tls.key")
        self.instead("etc/tls.crt", "nonsense")
        self.one("tls", "trouble", "no certificate in PEM")

        def certificate(days, with_key):
            subprocess.run(
                ["openssl", "req", "-x509", "-key", with_key, "-subj",
                 "/CN=ksk", "-days", str(days), "-out",
                 self.box.path("etc/tls.crt")], check=True)
        certificate(10, key)
        found = self.one("tls", "warning", "within 30 days")
        # What it says to do helps.
        command = found["tls"][1].split("reload kskd: ")[1]
        command = command.replace(key, "'" + key + "'").replace(
            self.box.path("etc/tls.crt"),
            "'" + self.box.path("etc/tls.crt") + "'")
        subprocess.run(["sh", "-c", command], check=True)
        self.doctor()
        other = self.box.path("other.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", other], check=True)
        certificate(100, other)
        self.one("tls", "trouble", "is not the key of")
        os.unlink(self.box.path("etc/tls.crt"))
        self.one("tls", "trouble", "kskadm tls init")
        self.box.write("etc/tls.crt", "for the clean-up")

    @unittest.skipUnless(ROOT, "needs root")
    def test_policy(self):
        good = self.box.read("etc/policy.yaml")
        self.instead("etc/policy.yaml", good + "more: 1\nevenmore: 2\n")
        self.one("policy", "trouble", "line 6", "kskadm policy check")
        self.box.write("etc/policy.yaml", good.replace(self.id, 32 * "0"))
        self.one("policy", "trouble", "appliance")
        self.box.write("etc/policy.yaml", good, 0o666)
        self.one("policy", "trouble", "chmod go-w")
        os.unlink(self.box.path("etc/policy.yaml"))
        self.one("policy", "trouble", "does not exist")
        # Where operators decide nobody looks at it.
        text = self.box.read("etc/kskd.yaml")
        self.box.write("etc/kskd.yaml", text.replace(
            "mode: file", "mode: quorum"))
        self.assertIn("quorum", self.doctor()["policy"][1])
        self.box.write("etc/policy.yaml", "for the clean-up")

    @unittest.skipUnless(ROOT, "needs root")
    def test_keymap(self):
        good = self.box.read("etc/keymap")
        self.instead("etc/keymap", "# nothing\n")
        self.one("keymap", "warning", "lets no key sign")
        self.box.write("etc/keymap", good + "nonsense\n")
        self.one("keymap", "trouble", "line ")
        self.box.write("etc/keymap", good.replace(" main ", " other "))
        self.one("keymap", "warning", 'token "other"')
        os.unlink(self.box.path("etc/keymap"))
        self.one("keymap", "trouble", "kskadm key generate")
        self.box.write("etc/keymap", good, 0o664)
        self.one("keymap", "trouble", "chmod go-w")

    @unittest.skipUnless(ROOT, "needs root")
    def test_accept(self):
        path = self.box.path("etc/accept")
        text = self.box.read("etc/kskd.yaml")
        self.box.write("etc/kskd.yaml", text + f'accept: "{path}"\n')
        self.assertIn("no word", self.doctor()["accept"][1])
        self.box.write("etc/accept", "accept-clock\n")
        self.addCleanup(os.unlink, path)
        self.assertIn("a person's word", self.doctor()["accept"][1])
        os.chmod(path, 0o666)
        self.one("accept", "trouble", "chmod go-w")

    # -- journal --
    def journal(self, appliance=None, version=4):
        """A file that looks like a journal as far as doctor looks."""
        path = self.box.path("state/journal/j.db")
        if os.path.exists(path):
            os.unlink(path)
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE meta(id INTEGER PRIMARY KEY, appliance BLOB,"
                   " journal_id BLOB, open_from INTEGER)")
        db.execute("CREATE TABLE state(name TEXT PRIMARY KEY, value BLOB)"
                   " WITHOUT ROWID")
        db.execute("INSERT INTO meta VALUES(1, ?, ?, 0)",
                   (appliance or bytes.fromhex(self.id), os.urandom(16)))
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
        db.close()
        os.chown(path, USERS["signer"], USERS["signer"])
        os.chmod(path, 0o600)
        return path

    @unittest.skipUnless(ROOT, "needs root")
    def test_journal(self):
        self.aside("state/journal/new")
        self.one("journal", "trouble", "nothing lets a new one begin")
        path = self.journal()
        self.addCleanup(os.unlink, path)
        before = state_of(self.box.dir)
        self.assertIn("this appliance's", self.doctor()["journal"][1])
        self.unchanged(before)
        self.journal(appliance=bytes(16))
        self.one("journal", "trouble", "another appliance's")
        self.journal(version=3)
        self.one("journal", "warning", "gets version 4")
        self.journal(version=5)
        self.one("journal", "trouble", "schema 5")
        with open(path, "r+b") as f:
            f.write(b"nonsense")
        self.one("journal", "trouble", "j.db")
        with open(path, "wb"):
            pass
        self.one("journal", "trouble", "empty")
        self.journal()
        os.chown(path, 0, 0)
        self.one("journal", "trouble", f"chown {USERS['signer']}")
        os.chown(path, USERS["signer"], USERS["signer"])
        with open(self.box.path("state/lock"), "wb") as lock:
            self.addCleanup(os.unlink, lock.name)
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = self.doctor()
        self.assertIn("in use by the kskd that runs", found["journal"][1])
        self.assertIn("kskd runs", found["listen"][1])
        self.assertIn("kskd does not run", self.doctor()["listen"][1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_journal_folder(self):
        self.mode("state/journal", 0o777)
        found = self.doctor(TROUBLE)
        self.assertIn("chmod go-w", found["journal"][1])
        self.assertNotIn("room", found)
        os.chmod(self.box.path("state/journal"), 0o700)
        os.chown(self.box.path("state/journal"), 0, 0)
        self.addCleanup(os.chown, self.box.path("state/journal"),
                        USERS["signer"], USERS["signer"])
        self.assertIn("chown -R", self.doctor(TROUBLE)["journal"][1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_room(self):
        """A file system of its own, 4 MiB large."""
        folder = self.box.path("state/journal")
        if subprocess.run(["mount", "-t", "tmpfs", "-o",
                           f"size=4m,mode=0700,uid={USERS['signer']}",
                           "none", folder], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        self.box.write("state/journal/new", "x")
        self.assertIn("MiB are free", self.doctor()["room"][1])
        self.fill(folder, 2.5)
        self.one("room", "warning", "only 1 MiB")
        self.fill(folder, 3.5)
        self.one("room", "trouble", "journal-full")
        # What is set aside needs no room any more.
        self.fill(folder, 2.2)
        self.fill(folder, 1, "reserve")
        self.one("room", "warning", "only 0 MiB")
        self.fill(folder, 1)
        self.assertIn("1 MiB set aside", self.doctor()["room"][1])

    @staticmethod
    def fill(folder, mib, name="filler"):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(bytes(int(mib * 1048576)))

    # -- token --
    @unittest.skipUnless(ROOT, "needs root")
    def test_pin(self):
        good = self.box.read("etc/pin")
        self.instead("etc/pin", "", 0o600)
        self.one("pin main", "trouble", "is empty")
        self.box.write("etc/pin", "one\ntwo\n", 0o600)
        found = self.one("pin main", "trouble", "more than one line")
        self.assertNotIn("one\n", found["pin main"][1])
        self.box.write("etc/pin", good, 0o644)
        found = self.one("pin main", "trouble", "chmod 600")
        self.assertNotIn(good.strip(), str(found))
        os.chmod(self.box.path("etc/pin"), 0o600)
        self.box.write("state/pin-refused.main", "dev=1 reason=pin-wrong\n",
                       0o600)
        self.addCleanup(os.unlink, self.box.path("state/pin-refused.main"))
        self.one("pin main", "warning", "refused a PIN", "reload kskd")
        self.configure(pin="{prompt: yes}")
        self.one("pin main", "warning", "kskadm unlock")
        os.unlink(self.box.path("state/pin-refused.main"))
        self.assertIn("kskadm unlock main", self.doctor()["pin main"][1])
        self.configure(pin="{credential: my-pin}")
        self.assertIn("credential my-pin", self.doctor()["pin main"][1])
        self.box.write("state/pin-refused.main", "for the clean-up")
        self.configure()
        os.unlink(self.box.path("etc/pin"))
        found = self.doctor(TROUBLE)
        self.assertIn("does not exist", found["pin main"][1])
        self.box.write("etc/pin", "for the clean-up")

    @unittest.skipUnless(ROOT, "needs root")
    def test_module(self):
        right = peer.sha256_of(cryptoki.SOFTHSM).hex()
        self.configure(sha256=right)
        self.assertIn("has the SHA-256", self.doctor()["module main"][1])
        self.configure(sha256=64 * "0")
        found = self.one("module main", "trouble", right)
        self.assertNotIn("token main", found)
        self.configure(module=self.box.path("nothing.so"))
        self.one("module main", "trouble", "does not exist")
        # What is no module at all is seen when it is loaded.
        self.box.write("text.so", "text")
        self.configure(module=self.box.path("text.so"))
        self.one("token main", "trouble", "text.so")
        os.chmod(self.box.path("text.so"), 0o666)
        self.one("module main", "trouble", "chmod go-w")

    @unittest.skipUnless(ROOT, "needs root")
    def test_token(self):
        self.configure(label="other")
        self.one("token main", "trouble", '"ksk"')
        fault = Fault(self.box.path("fault-token"), build=peer.BUILD)
        self.addCleanup(fault.close)
        self.configure(module=fault.module)
        self.doctor()
        fault.pins(limit=3, flags=True)
        fault.c.pin_refused = 1
        self.one("token main", "warning", "few more lock it")
        fault.c.pin_refused = 2
        self.one("token main", "warning", "one more locks it")
        fault.c.pin_refused = 3
        self.one("token main", "trouble", "has locked its PIN")
        fault.pins()
        with fault.fail("C_Initialize", "CKR_GENERAL_ERROR"):
            self.one("token main", "trouble", "CKR_GENERAL_ERROR")
        with fault.crash("C_GetTokenInfo"):
            self.one("token main", "trouble", "ended the process")
        self.assertEqual(fault.count("C_Login").calls, 0)

    @unittest.skipUnless(ROOT, "needs root")
    def test_paths(self):
        self.box.paths.append((self.box.path("not-there"), "r"))
        self.addCleanup(self.box.paths.pop)
        self.configure()
        self.one("paths main", "warning", "not-there", "No such file")
        self.box.write("not-there", "now it is")
        self.addCleanup(os.unlink, self.box.path("not-there"))
        self.assertIn("all 3", self.doctor()["paths main"][1])

    # -- the machine --
    @unittest.skipUnless(ROOT, "needs root")
    def test_users(self):
        self.assertIn(f"signer {USERS['signer']}", self.doctor()["users"][1])
        found = self.doctor(TROUBLE, user=64899, group=64899,
                            extra_groups=[])
        self.assertEqual(found["users"][0], "warning")
        self.assertIn("not run as root", found["users"][1])

    @unittest.skipUnless(ROOT, "needs root")
    def test_clock(self):
        self.configure(extra="clock: {synchronised: yes}\n")
        # The kernel can't say that it is.
        self.one("clock", "trouble", "NTP", preexec_fn=lambda: forbid(
            "adjtimex", "clock_adjtime"))
        self.configure()
        self.assertEqual(self.doctor(preexec_fn=lambda: forbid(
            "adjtimex", "clock_adjtime"))["clock"][0], "ok")

    @unittest.skipUnless(ROOT, "needs root")
    def test_listen(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.configure(listen=f"127.0.0.1:{s.getsockname()[1]}")
            self.one("listen", "trouble", "in use", "ss -ltnp")
        self.assertEqual(self.doctor()["listen"][0], "ok")
        self.configure(listen="192.0.2.1:8853")
        self.one("listen", "trouble", "no interface")

    @unittest.skipUnless(ROOT, "needs root")
    def test_kernel(self):
        self.one("landlock", "warning", "lsm=landlock",
                 preexec_fn=lambda: forbid("landlock_create_ruleset"))
        self.one("seccomp", "trouble", "no process of the appliance starts",
                 preexec_fn=lambda: forbid("seccomp"))


@unittest.skipUnless(ROOT, "needs root")
class Whole(unittest.TestCase):
    """An appliance before, while and after it runs."""

    def test_whole(self):
        with ap.standard(name="doctor") as a:
            def look(*words):
                done = a.kskadm("doctor", check=False)
                self.assertEqual((done.returncode, done.err), (0, ""),
                                 done.out)
                for word in words:
                    self.assertIn(word, done.out)
            look("begun at the first start", "is free; kskd does not run")
            a.start()
            look("in use by the kskd that runs", "kskd runs",
                 "1 MiB set aside")
            with a.peer() as peer_:
                reply = a.sign(peer_, a.zone, [a.zsk1, a.zsk2])
                self.assertEqual(reply[2], ap.DONE, reply)
            a.process.kill()
            a.process.wait()
            # What a crash left is looked at and left so.
            ap.wait_for(lambda: "kskd does not run" in a.kskadm(
                "doctor", check=False).out)
            before = state_of(a.path("state"))
            look("is this appliance's")
            self.assertEqual(state_of(a.path("state")), before)
            a.start()
            a.stop()
            before = state_of(a.path("state"))
            look("is this appliance's")
            self.assertEqual(state_of(a.path("state")), before)


if __name__ == "__main__":
    unittest.main()
