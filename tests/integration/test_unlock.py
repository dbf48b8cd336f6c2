#!/usr/bin/python3
"""PINs that are typed: a token that waits for its PIN, kskadm unlock, the
socket in the state folder, and what becomes of a PIN. First with stand-ins for
kskd's children (test_supervisor.py), then a whole appliance with two tokens.
"""
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from terminal import typed  # noqa: E402
from test_supervisor import (  # noqa: E402
    BUILD, Case, ROOT, SIGNER, SLOW, TOKEN, House, alive, wait_for)

SANITIZED = True  # runs in the sanitized half of the suite too

OK, USAGE, FILE, DOWN, PIN, PIN_LOCKED, PIN_SOURCE, NO_KSKD = \
    0, 2, 7, 9, 10, 11, 12, 18
DONE, ALREADY, WRONG, LOCKED, UNFIT, UNKNOWN, KEPT, BUSY, NO_TOKEN, \
    NOT_TYPED, FAILED = range(11)
WAITS = "waits for its PIN: kskadm unlock t0"


def packet(token="t0", pin=b"1234", reset=0):
    name = token.encode()
    return (struct.pack(">HH", 0x40, len(name)) + name
            + struct.pack(">BH", reset, len(pin)) + pin)


def others_kskadm(h):
    """Somebody else may not reach the folder of the build."""
    return shutil.copy(os.path.join(BUILD, "kskadm"), h.path("kskadm"))


class Desk(Case):
    def desk(self, tokens=1, typed=(0,), workers=2, start=True):
        """A house in which these tokens' PINs are typed."""
        h = self.house(workers=workers, tokens=tokens)
        self.kinds(h, typed)
        if start:
            h.start()
        return h

    @staticmethod
    def kinds(h, typed):
        h.config(tokens="".join(f"""
  - name: t{i}
    module: "{h.path('etc/module.so')}"
    uri: "pkcs11:token=t{i}"
    pin: {'{prompt: yes}' if i in typed else
          '{file: "%s"}' % h.path(f'etc/pin{i}')}
    workers: {h.workers}""" for i in range(h.tokens)) + "\n")

    def unlock(self, h, code, token="t0", pin="1234", *more):
        done = subprocess.run(
            [os.path.join(BUILD, "kskadm"), "-c", h.path("etc/kskd.yaml"),
             "unlock", token, "--pin-file", "-", *more],
            input=pin.encode(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=90 * SLOW, check=False)
        said = (done.stdout + done.stderr).decode()
        if done.returncode != code:
            self.fail(f"{done.returncode}: {said}{h.text()}")
        self.assertNotIn(pin, said)
        return said

    @staticmethod
    def connect(h, seconds=10):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(seconds * SLOW)
        s.connect(h.path("state/unlock"))
        return s

    def ask(self, h, data):
        """-> (outcome, why), or None if kskd hangs up."""
        with self.connect(h) as s:
            s.send(data)
            reply = s.recv(2000)
        if not reply:
            return None
        number, outcome, length = struct.unpack(">HBH", reply[:5])
        self.assertEqual((number, length), (0x41, len(reply) - 5))
        return outcome, reply[5:].decode()

    @staticmethod
    def heard(s):
        """What kskd sends; nothing if it has hung up."""
        try:
            return s.recv(2000)
        except ConnectionResetError:
            return b""

    def tries(self, h):
        return [x["pin"] for x in h.events("try")]

    def locked(self, h):
        return 'state="locked"' in h.log("token-state")[-1]

    # -- waiting --
    def test_waits(self):
        """Up, ready for the service manager, and no worker without a PIN."""
        h = self.desk(start=False)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(h.path("notify"))
            s.settimeout(10 * SLOW)
            h.start(env={**os.environ, "NOTIFY_SOCKET": h.path("notify")})
            self.assertIn(b"READY=1", s.recv(4096))
        wait_for(lambda: h.events("token-state", SIGNER))
        last = h.events("token-state", SIGNER)[-1]
        self.assertEqual((last["state"], last["why"]), (2, WAITS))
        self.assertEqual(len(h.log("token-state")), 1)
        self.assertIn(WAITS, h.log("token-state")[0])
        self.assertTrue(self.locked(h))
        time.sleep(0.3)
        self.assertEqual(h.events("start", TOKEN), [])
        st = os.lstat(h.path("state/unlock"))
        self.assertTrue(stat.S_ISSOCK(st.st_mode))
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid),
                         (0o600, os.geteuid()))
        # A signer that starts anew hears of it, and nothing is logged again.
        os.kill(h.living()[SIGNER, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("ready", SIGNER)) == 2)
        wait_for(lambda: len({x["pid"] for x in h.events(
            "token-state", SIGNER)}) == 2)
        self.assertEqual(len(h.log("token-state")), 1)
        self.assertEqual(h.stop(), 0)
        self.assertFalse(os.path.exists(h.path("state/unlock")))

    def test_no_socket_where_no_pin_is_typed(self):
        h = self.desk(typed=())
        h.all_ready()
        self.assertFalse(os.path.exists(h.path("state/unlock")))
        self.kinds(h, (0,))     # kskadm has read it, kskd has not
        self.assertIn("reload it", self.unlock(h, NO_KSKD))
        h.stop()
        self.assertIn("start it", self.unlock(h, NO_KSKD))

    # -- the good way --
    def test_unlocked(self):
        h = self.desk()
        self.assertEqual(self.unlock(h, OK), "token t0 is unlocked\n")
        before = h.all_ready()
        self.assertEqual(self.tries(h), ["1234", "1234"])
        self.assertIn('state="ready"', h.log("token-state")[-1])
        self.assertEqual(len(h.log("token-state")), 2)
        self.assertIn(f'uid="{os.getuid()}"', h.log("pin-typed")[0])
        self.assertEqual(h.log("mark-cleared"), [])
        # A worker that is killed is back by itself.
        os.kill(before[TOKEN, 1], signal.SIGKILL)
        wait_for(lambda: h.living().get((TOKEN, 1)) not in
                 (None, before[TOKEN, 1]))
        # After a reload too, and the reload asks nobody.
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1, h.text())
        for place in (0, 1):
            os.kill(h.living()[TOKEN, place], signal.SIGKILL)
        wait_for(lambda: len(self.tries(h)) == 5)
        h.all_ready()
        self.assertEqual(set(self.tries(h)), {"1234"})
        said = self.unlock(h, OK, "t0", "4321")
        self.assertIn("unlocked already", said)
        self.assertEqual(set(self.tries(h)), {"1234"})
        # A new kskd knows nothing.
        h.stop()
        h.start(ready=False)
        wait_for(lambda: len(h.log("started")) == 2)
        self.assertTrue(self.locked(h))
        self.assertIn(WAITS, h.log("token-state")[-1])
        self.assertEqual(len(self.tries(h)), 5)
        for word in ("1234", "4321"):
            self.assertNotIn(word, h.text())

    def test_two_tokens(self):
        """One takes its PIN from a file: it works; the other one waits."""
        h = self.desk(tokens=2, typed=(1,))
        h.all_ready(4)
        self.assertEqual(self.tries(h), ["pin-0", "pin-0"])
        self.assertIn("kskd takes it from the file",
                      self.unlock(h, PIN_SOURCE, "t0"))
        self.unlock(h, USAGE, "t2")
        self.assertEqual(self.ask(h, packet("t0"))[0], NOT_TYPED)
        self.assertEqual(self.ask(h, packet("t2"))[0], NO_TOKEN)
        self.unlock(h, OK, "t1")
        h.all_ready(6)
        self.assertEqual(self.tries(h)[2:], ["1234", "1234"])

    def test_a_pin_as_it_stands(self):
        """Of a pipe one line end is cut; the packet holds the PIN alone."""
        for given, pin in (("1234\n", "1234"), ("1234\r\n", "1234"),
                           (" 1 ", " 1 "), (256 * "p", 256 * "p")):
            h = self.desk(workers=1)
            self.unlock(h, OK, "t0", given)
            self.assertEqual(self.tries(h), [pin])
            h.stop()
        h = self.desk(workers=1)
        for given in ("", "\n", "12\n34", "1\0002", 257 * "p"):
            done = subprocess.run(
                [os.path.join(BUILD, "kskadm"), "-c",
                 h.path("etc/kskd.yaml"), "unlock", "t0", "--pin-file", "-"],
                input=given.encode(), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, PIN_SOURCE, done.stderr)
        self.assertEqual(self.tries(h), [])

    def test_from_a_file(self):
        h = self.desk(workers=1)
        h.write("pin", "from-a-file\n", 0o644)
        argv = [os.path.join(BUILD, "kskadm"), "-c", h.path("etc/kskd.yaml"),
                "unlock", "t0", "--pin-file", h.path("pin")]
        done = subprocess.run(argv, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, PIN_SOURCE)
        self.assertIn(b"chmod", done.stderr)
        self.assertEqual(self.tries(h), [])
        os.chmod(h.path("pin"), 0o600)
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(self.tries(h), ["from-a-file"])

    # -- the ways that end badly --
    def mark(self, h):
        with open(h.path("state/pin-refused.t0"), encoding="ascii") as f:
            return f.read()

    def test_wrong(self):
        h = self.desk(workers=4, start=False)
        h.plan(kskd_token={"start": "wrong"})
        h.start()
        said = self.unlock(h, PIN, "t0", "7777")
        self.assertIn("refused the PIN; " + WAITS, said)
        time.sleep(0.5)
        self.assertEqual(self.tries(h), ["7777"])
        self.assertRegex(self.mark(h),
                         r"\Atyped=\d+\.\d{9} reason=pin-wrong\n\Z")
        self.assertIn("refused the PIN; " + WAITS, h.log("token-state")[-1])
        self.assertTrue(self.locked(h))
        # Neither a reload nor a restart tries it; both say why.
        h.reload()
        h.stop()
        h.start(ready=False)
        wait_for(lambda: len(h.log("started")) == 2)
        self.assertIn("refused the PIN; " + WAITS, h.log("token-state")[-1])
        self.assertEqual(self.tries(h), ["7777"])
        # The next PIN is a person's: one try each.
        self.unlock(h, PIN, "t0", "8888")
        h.plan()
        self.unlock(h, OK)
        h.all_ready()
        self.assertEqual(self.tries(h), ["7777", "8888"] + ["1234"] * 4)
        self.assertFalse(os.path.exists(h.path("state/pin-refused.t0")))
        self.assertNotRegex(h.text(), r"\b7777\b")

    def test_locked_by_the_token(self):
        h = self.desk(start=False)
        h.plan(kskd_token={"start": "locked"})
        h.start()
        self.assertIn("vendor's tool", self.unlock(h, PIN_LOCKED))
        self.assertIn("reason=pin-locked", self.mark(h))
        for _ in range(2):
            # Politely refused: it could cost the token's last try.
            said = self.unlock(h, PIN_LOCKED)
            self.assertIn("kskadm unlock t0 --pin-reset", said)
            self.assertEqual(self.tries(h), ["1234"])
            h.stop()
            h.start(ready=False)
            wait_for(lambda: os.path.exists(h.path("state/unlock")))
        h.plan()
        self.unlock(h, OK, "t0", "5678", "--pin-reset")
        h.all_ready()
        self.assertEqual(self.tries(h), ["1234", "5678", "5678"])

    def test_token_down(self):
        """The PIN is kept, and tried when the token is back."""
        h = self.desk(start=False)
        h.plan(kskd_token={"start": "token"})
        h.start()
        said = self.unlock(h, DOWN)
        self.assertIn("the token is unplugged; kskd keeps the PIN", said)
        self.assertIn('state="token-down"', h.log("token-state")[-1])
        # Another PIN takes the place of one that was never judged.
        wait_for(lambda: len(self.tries(h)) >= 2)
        h.plan(kskd_token={"start": "die-before-pin"})
        wait_for(lambda: self.ask(h, packet(pin=b"5678"))[0] == KEPT)
        h.plan()
        h.all_ready()
        self.assertEqual(self.tries(h)[-2:], ["5678", "5678"])

    def test_unfit_and_unknown(self):
        for how, code, words, count in (
                ("unfit", PIN_SOURCE, "can't be used", 1),
                ("die-after-pin", DOWN, "two logins in a row", 2)):
            h = self.desk(start=False)
            h.plan(kskd_token={"start": how})
            h.start()
            self.assertIn(words, self.unlock(h, code))
            time.sleep(0.3)
            self.assertEqual(len(self.tries(h)), count)
            self.assertTrue(self.locked(h))
            h.plan()
            self.unlock(h, OK)
            h.stop()

    def test_two_at_once(self):
        h = self.desk(workers=1, start=False)
        h.plan(kskd_token={"start": "think", "seconds": 1})
        h.start()
        with self.connect(h) as first:
            first.send(packet(pin=b"first"))
            wait_for(lambda: h.log("pin-typed"))
            self.assertEqual(self.ask(h, packet(pin=b"second"))[0], BUSY)
            self.assertEqual(first.recv(2000)[:3], b"\0\x41\0")
        self.assertEqual(self.tries(h), ["first"])
        self.assertEqual(self.ask(h, packet(pin=b"third"))[0], ALREADY)

    def test_refused_beside_a_worker_that_is_logged_in(self):
        """The PIN was changed on the token: the rest goes on signing."""
        h = self.desk()
        self.unlock(h, OK)
        before = h.all_ready()
        h.plan(kskd_token={"start": "wrong"})
        os.kill(before[TOKEN, 0], signal.SIGKILL)
        wait_for(lambda: h.log("pin-refused"))
        self.assertNotIn("locked", h.log("token-state")[-1])
        self.assertEqual(self.ask(h, packet(pin=b"5678"))[0], WRONG)
        h.plan()
        self.assertEqual(self.ask(h, packet(pin=b"6789")), (DONE, ""))
        h.all_ready()
        self.assertEqual(self.tries(h)[-2:], ["5678", "6789"])

    # -- reload --
    def test_from_file_to_typed_and_back(self):
        h = self.desk(typed=())
        before = h.all_ready()
        self.kinds(h, (0,))
        h.reload()
        # Who is logged in stays so; the PIN is for the next one.
        self.assertEqual(h.living(), before)
        self.assertNotIn("locked", h.text())
        said = self.unlock(h, DOWN, "t0", "4321")
        self.assertIn("when one of them starts anew", said)
        os.kill(before[TOKEN, 0], signal.SIGKILL)
        wait_for(lambda: self.tries(h)[-1] == "4321")
        h.all_ready()
        self.kinds(h, ())
        h.reload()
        self.assertFalse(os.path.exists(h.path("state/unlock")))
        os.kill(before[TOKEN, 1], signal.SIGKILL)
        wait_for(lambda: self.tries(h)[-1] == "pin-0")

    def test_file_to_typed_without_a_pin(self):
        h = self.desk(typed=(), workers=1)
        pid = h.all_ready()[TOKEN, 0]
        self.kinds(h, (0,))
        h.reload()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.locked(h))
        self.assertIn(WAITS, h.log("token-state")[-1])
        time.sleep(0.3)
        self.assertEqual(len(h.events("start", TOKEN)), 1)
        self.unlock(h, OK)

    # -- the socket --
    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_others_may_not(self):
        h = self.desk()
        script = ("import socket, sys\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                  "s.settimeout(30)\n"
                  "s.connect(sys.argv[1])\n"
                  "try:\n"
                  "    s.send(bytes.fromhex(sys.argv[2]))\n"
                  "    print(s.recv(2000))\n"
                  "except (BrokenPipeError, ConnectionResetError):\n"
                  "    print(b'')\n")
        argv = ["/usr/bin/python3", "-I", "-c", script,
                h.path("state/unlock"), packet().hex()]

        def as_other():
            return subprocess.run(
                argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                user=64899, group=64899, extra_groups=[], check=False)
        self.assertIn(b"PermissionError", as_other().stderr)
        os.chmod(h.path("state/unlock"), 0o666)
        self.assertEqual(as_other().stdout, b"b''\n")
        self.assertIn('uid="64899"', h.log("unlock-refused")[-1])
        done = subprocess.run(
            [others_kskadm(h), "-c", h.path("etc/kskd.yaml"),
             "unlock", "t0", "--pin-file", "-"], input=b"1234",
            user=64899, group=64899, extra_groups=[], check=False,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.tries(h), [])
        self.assertEqual(h.log("pin-typed"), [])

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_a_socket_of_somebody_else_gets_no_pin(self):
        h = self.desk(start=False)
        os.chmod(h.path("state"), 0o777)
        script = ("import socket, sys\n"
                  "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
                  "s.bind(sys.argv[1])\n"
                  "s.listen()\n"
                  "print('up', flush=True)\n"
                  "while True:\n"
                  "    c, _ = s.accept()\n"
                  "    print(c.recv(1000), flush=True)\n")
        trap = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-c", script, h.path("state/unlock")],
            stdout=subprocess.PIPE, user=64899, group=64899, extra_groups=[])
        try:
            self.assertEqual(trap.stdout.readline(), b"up\n")
            os.chmod(h.path("state/unlock"), 0o666)
            h.write("log", "")
            self.assertIn("not kskd's", self.unlock(h, FILE))
        finally:
            trap.kill()
            heard, _ = trap.communicate()
        self.assertNotIn(b"1234", heard)

    def test_garbage(self):
        h = self.desk()
        good = packet()
        seed = os.urandom(600)
        bad = [good[:n] for n in range(1, len(good))]
        bad += [good + b"x", b"\0", seed, bytes(511), 60000 * b"a",
                packet(pin=b""), packet(pin=257 * b"p"), packet(""),
                packet(65 * "n"), packet(reset=2), packet(pin=b"1\n2"),
                packet(pin=b"1\0002"), b"\0\x41" + good[2:]]
        for data in bad:
            self.assertIsNone(self.ask(h, data), data)
        self.assertEqual(len(h.log("unlock-refused")), len(bad))
        # Descriptors are never taken.
        with self.connect(h) as s, open(os.devnull, "rb") as f:
            socket.send_fds(s, [good], [f.fileno()] * 3)
            self.assertEqual(s.recv(2000), b"")
        # Nor a packet of no bytes, nor a second one.
        with self.connect(h) as s:
            s.send(b"")
            self.assertEqual(s.recv(2000), b"")
        self.assertEqual(self.tries(h), [])
        self.assertEqual(h.log("pin-typed"), [])
        fds = f"/proc/{h.process.pid}/fd"
        if ROOT:
            before = len(os.listdir(fds))
            for data in bad[:20]:
                self.assertIsNone(self.ask(h, data))
            self.assertEqual(len(os.listdir(fds)), before)
        self.unlock(h, OK)

    def test_peers_that_hang(self):
        """Four may be connected; they are dropped after five seconds."""
        h = self.desk(workers=1)
        silent = [self.connect(h) for _ in range(4)]
        begin = time.monotonic()
        self.unlock(h, OK)      # the fifth waits for a place
        took = time.monotonic() - begin
        self.assertGreater(took, 3)
        for s in silent:
            self.assertEqual(s.recv(100), b"")
            s.close()
        self.assertEqual(self.tries(h), ["1234"])

    def test_peers_that_leave_or_say_more(self):
        h = self.desk(workers=1, start=False)
        h.plan(kskd_token={"start": "think", "seconds": 0.5})
        h.start()
        with self.connect(h) as s:
            s.send(packet())
            wait_for(lambda: h.log("pin-typed"))
            s.send(packet(pin=b"more"))
            self.assertFalse(self.heard(s))
        # The login that has begun goes on.
        h.all_ready()
        self.assertEqual(self.tries(h), ["1234"])
        pid = h.living()[TOKEN, 0]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not alive(pid))
        h.all_ready()

    def test_what_lies_in_the_way(self):
        h = self.desk()
        h.process.kill()
        h.process.wait()
        self.assertTrue(os.path.exists(h.path("state/unlock")))
        self.unlock(h, NO_KSKD)
        h.start(ready=False)
        wait_for(lambda: len(h.log("started")) == 2)
        self.unlock(h, OK)
        h.stop()
        h.write("state/unlock", "mine")
        h.start(ready=False)
        self.assertEqual(h.process.wait(10 * SLOW), FILE)
        self.assertIn("state/unlock: File exists", h.text())
        with open(h.path("state/unlock"), encoding="ascii") as f:
            self.assertEqual(f.read(), "mine")

    def test_a_long_way_to_the_state_folder(self):
        """Longer than a socket's address."""
        h = self.desk(start=False, workers=1)
        deep = h.path("state", *(["d" * 60] * 4))
        os.makedirs(os.path.join(deep, "journal"))
        os.rename(h.path("state/appliance-id"),
                  os.path.join(deep, "appliance-id"))
        with open(h.path("etc/kskd.yaml"), encoding="utf-8") as f:
            text = f.read()
        h.write("etc/kskd.yaml",
                text.replace(f'state: "{h.path("state")}"',
                             f'state: "{deep}"'))
        h.start()
        self.unlock(h, OK)

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_not_root(self):
        """kskd under another user: that user and root may unlock."""
        h = self.desk(start=False, workers=1)
        for folder, _, files in os.walk(h.dir):
            for name in [folder] + [os.path.join(folder, x) for x in files]:
                os.chown(name, 64830, 64830)
        h.start(user=64830, group=64830, extra_groups=[])
        done = subprocess.run(
            [others_kskadm(h), "-c", h.path("etc/kskd.yaml"),
             "unlock", "t0", "--pin-file", "-"], input=b"1234",
            user=64830, group=64830, extra_groups=[], check=False,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, OK, done.stderr.decode())
        self.assertEqual(self.ask(h, packet())[0], ALREADY)


class Whole(unittest.TestCase):
    """Two SoftHSM tokens: main's PIN is in a file, vault's is typed."""

    def make(self):
        a = self.a = ap.standard(workers=1, name="unlock")
        self.addCleanup(a.__exit__)
        # Each token has its own user.
        a.write("etc/vault.conf",
                f"directories.tokendir = {a.path('vault')}\n"
                "objectstore.backend = file\nlog.level = ERROR\n")

        def entry(name, label, pin, folder, conf):
            return f"""
  - name: {name}
    uri: "pkcs11:token={label}"
    pin: {pin}
    module: {ap.SOFTHSM}
    workers: 1
    environment: ["SOFTHSM2_CONF={a.path(conf)}"]
    paths:
      - {{path: "{a.path(folder)}", access: rw}}
      - {{path: "{a.path(conf)}", access: r}}
"""
        a.config(tokens=entry(
            "main", "ksk", f'{{file: "{a.path("etc/pin.main")}"}}', "tokens",
            "etc/softhsm2.conf") + entry(
                "vault", "vault", "{prompt: yes}", "vault", "etc/vault.conf"))
        self.pin = "typed-" + os.urandom(8).hex()
        source, so = a.path("pin"), a.path("so")
        for path, text in ((source, self.pin), (so, "so-secret")):
            a.write(os.path.basename(path), text + "\n", 0o600)
        a.kskadm("token", "init", "vault", "--pin-file", source,
                 "--so-pin-file", so)
        out = a.kskadm("key", "generate", "--token", "vault", "--zone",
                       "vault.example.", "--algorithm", "13", "--label",
                       "vk", "--pin-file", source).out
        a.ksks["vk"] = ap.dnskey_rdata(
            [x for x in out.splitlines() if " DNSKEY " in x][0])
        os.unlink(source)
        os.unlink(so)
        self.zsk = ap.Zsk(a.path("vzsk"), "vault.example.")
        a.add_zone("vault.example.", ["vk"], {"alpha": [self.zsk]})
        a.version = 0
        a.write_policy(a.policy_text().replace(
            "token: main, label: vk", "token: vault, label: vk"))
        return a

    def typed(self, pin, code):
        """kskadm unlock vault, at a terminal."""
        status, out = typed([self.a.tool("kskadm"), "-c",
                             self.a.path("etc/kskd.yaml"), "unlock", "vault"],
                            rb"PIN of vault: ", [pin])
        self.assertEqual(status, code, out + self.a.log_text())
        self.assertNotIn(pin, out)
        return out

    def status(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def test_a_typed_pin(self):
        a = self.make()
        a.start(ready=False)
        ap.wait_for(lambda: a.log_lines("kskd: info started"), 20)
        ap.wait_for(lambda: [t[2] for t in self.status()[11]] == [0, 2], 20)
        status = self.status()
        self.assertEqual(status[4], 2)
        words = "waits for its PIN: kskadm unlock vault"
        self.assertIn(words, status[5])
        self.assertIn(words, self.client("status"))
        self.assertEqual(len(a.log_lines("token-state")), 2)
        with a.peer() as peer:
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
            self.assertEqual(reply[2], ap.DONE, reply)
            reply = a.sign(peer, "vault.example.", [self.zsk])
            self.assertEqual(reply[2], ap.NOT_READY, reply)
            self.assertIn(words, str(reply))
        self.assertIn("refused the PIN", self.typed("a-wrong-one", PIN))
        self.assertIn("token vault is unlocked", self.typed(self.pin, OK))
        self.signs(a)
        old = a.children()["kskd-token"]
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        self.signs(a)
        a.reload()
        ap.wait_for(lambda: a.log_lines("reload-done"))
        for pid in a.children()["kskd-token"]:
            os.kill(pid, signal.SIGKILL)
        self.signs(a)
        a.stop()
        a.start(ready=False)
        ap.wait_for(
            lambda: len(a.log_lines("kskd: info started")) == 2, 20)
        ap.wait_for(lambda: [t[2] for t in self.status()[11]] == [0, 2], 20)
        self.assertNotIn(self.pin, a.log_text())

    def test_the_anchor_waits_too(self):
        """No signature before the anchor is read, and the way out is said."""
        a = self.make()
        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            text = f.read()
        a.write("etc/kskd.yaml", text.replace(
            "pin: {prompt: yes}", "pin: {prompt: yes}\n    anchor: yes"))
        a.start(ready=False)
        ap.wait_for(lambda: a.log_lines("kskd: info started"), 20)
        ap.wait_for(lambda: [t[2] for t in self.status()[11]] == [0, 2], 20)
        status = self.status()
        self.assertEqual(status[4], 2)
        words = ("token vault, which has the journal's anchor: waits for its "
                 "PIN: kskadm unlock vault")
        self.assertEqual(status[5], words)
        with a.peer() as peer:
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn(words, str(reply))
        self.typed(self.pin, OK)
        self.signs(a)
        self.assertEqual(self.status()[14], "token-object")

    def signs(self, a):
        def signed():
            try:
                with a.peer() as peer:
                    return a.sign(peer, "vault.example.",
                                  [self.zsk])[2] == ap.DONE
            except OSError:
                return False
        ap.wait_for(signed, 20)

    def client(self, verb):
        a = self.a
        profile = a.write("kskctl.yaml", f"""
appliances:
  - address: 127.0.0.1:{a.port}
    server-pins: ["{a.server_pin}"]
certificate: "{a.path('auto.crt')}"
key: "{a.path('auto.key')}"
""", 0o600)
        done = ap.sh(a.tool("kskctl"), verb, "--config", profile, check=False)
        return done.out + done.err


if __name__ == "__main__":
    unittest.main()
