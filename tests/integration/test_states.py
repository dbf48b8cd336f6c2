#!/usr/bin/python3
"""Bad days that an operator makes or meets: each is one line that names cause
and remedy, a stable state or exit code, no loop, no abort."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from test_clock import with_clock  # noqa: E402


class States(unittest.TestCase):
    def setUp(self):
        self.a = ap.standard(workers=4)
        self.addCleanup(self.a.__exit__)

    def status(self, client="auto"):
        with self.a.peer(client) as peer:
            return peer.ask(ap.STATUS)[3]

    def status_of(self, zone):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS, {1: ap.wire_name(zone)})

    def wait_state(self, want, seconds=15):
        def seen():
            try:
                return self.status()[4] == want
            except OSError:
                return False
        try:
            ap.wait_for(seen, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e} {want}: {self.status()}") from None
        return self.status()

    def sign(self):
        a = self.a
        with a.peer() as peer:
            begin = time.monotonic()
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
            return reply, time.monotonic() - begin

    def test_wrong_pin_is_tried_once_however_many_workers(self):
        a = self.a
        with open(a.path("etc/pin.main"), encoding="ascii") as f:
            right = f.read()
        a.write("etc/pin.main", "0000wrong\n", 0o600)
        a.start(ready=False)
        status = self.wait_state(2)      # locked
        self.assertIn("PIN", status[5])
        time.sleep(2)
        self.assertEqual(len(a.log_lines("pin-refused")), 1, a.log_text())
        self.assertEqual(len(a.log_lines("child-dead")), 1, a.log_text())
        reply, seconds = self.sign()
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn("locked", reply[5])
        self.assertLess(seconds, 2 * ap.SLOW)
        # A restart is no new try; a changed source is.
        a.stop()
        a.start(ready=False)
        self.wait_state(2)
        self.assertEqual(len(a.log_lines("child-dead")), 1, a.log_text())
        a.write("etc/pin.main", right, 0o600)
        a.reload()
        self.wait_state(0)
        self.assertEqual(self.sign()[0][2], ap.DONE)
        self.assertNotIn("0000wrong", a.log_text())
        self.assertNotIn(right.strip(), a.log_text())

    def test_a_missing_key_takes_only_its_zone(self):
        a = self.a
        a.add_ksk("other.example.", "ksk2")
        zsk = ap.Zsk(a.path("other"), "other.example.")
        a.add_zone("other.example.", ["ksk2"], {"alpha": [zsk]})
        # A key that is nowhere: the pinned one with a byte changed.
        key = bytearray(a.ksks["ksk2"])
        a.ksks["ksk2"] = bytes(zsk.rdata[:1] + b"\x01" + zsk.rdata[2:])
        a.version = 0
        a.write_policy()
        a.start(ready=False)
        status = self.wait_state(3)      # key-missing
        self.assertEqual(status[12][0][1], ap.wire_name("other.example."))
        reply, _ = self.sign()
        self.assertEqual(reply[2], ap.DONE)
        with a.peer() as peer:
            reply = a.sign(peer, "other.example.", [zsk])
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn("key-missing", reply[5])
        # Who asks about one zone hears of no other (PROTOCOL 4.1).
        one = self.status_of("other.example.")[3]
        self.assertEqual([x[1] for x in one[12]],
                         [ap.wire_name("other.example.")])
        self.assertNotIn(13, one)
        one = self.status_of(a.zone)[3]
        self.assertEqual((one[4], one[12], one[13][1]),
                         (3, [], ap.wire_name(a.zone)))
        self.assertEqual(self.status_of("no.example.")[2], ap.UNKNOWN_ZONE)
        a.ksks["ksk2"] = bytes(key)
        a.write_policy()
        a.reload()
        self.wait_state(0)
        with a.peer() as peer:
            reply = a.sign(peer, "other.example.", [zsk])
        self.assertEqual(reply[2], ap.DONE, reply)

    def test_a_key_not_in_the_keymap_does_not_sign(self):
        a = self.a
        with open(a.path("etc/keymap"), encoding="ascii") as f:
            keymap = f.read()
        a.write("etc/keymap", "# empty\n")
        a.start(ready=False)
        ap.wait_for(lambda: a.log_lines("started") or
                    a.process.poll() is not None)
        self.assertIsNone(a.process.poll(), a.log_text())

        def asked():
            try:
                return self.sign()[0]
            except OSError:
                return None
        reply = ap.wait_for(asked)
        self.assertEqual(reply[2], ap.NOT_READY)
        # And says so before anything is signed.
        self.wait_state(3)
        with a.peer() as peer:
            keys = peer.ask(ap.KEYS, {1: ap.wire_name(a.zone)})
        self.assertIn("kskadm key allow", repr(keys))
        a.write("etc/keymap", keymap)
        a.reload()
        ap.wait_for(lambda: self.sign()[0][2] == ap.DONE)

    def test_the_token_goes_and_comes_back(self):
        a = self.a
        a.start()
        self.assertEqual(self.sign()[0][2], ap.DONE)
        os.rename(a.path("tokens"), a.path("gone"))

        def failing():
            return self.sign()[0][2] == ap.NOT_READY
        ap.wait_for(failing)
        # Idle workers look up until they are asked. Then token-down, or
        # key-missing where the module goes on without objects.
        ap.wait_for(lambda: failing() and self.status()[4] in (1, 3))
        reply, seconds = self.sign()
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertLess(seconds, 2 * ap.SLOW)
        os.rename(a.path("gone"), a.path("tokens"))
        self.wait_state(0, 20)
        reply, _ = self.sign()
        self.assertEqual(reply[2], ap.DONE, (reply, a.log_text()))

    def run_to_end(self):
        a = self.a
        a.start(ready=False)
        status = a.process.wait(15 * ap.SLOW)
        a.process = None
        errors = [x for x in a.log_text().splitlines() if "error" in x]
        self.assertEqual(len(errors), 1, a.log_text())
        os.unlink(a.log)
        return status, errors[0]

    def test_misconfigurations_end_with_one_line(self):
        a = self.a
        exit_codes = {"CONFIG": 3, "POLICY": 4, "TLS": 5, "LISTEN": 6,
                      "FILE": 7, "MODULE": 8, "PIN_SOURCE": 12,
                      "JOURNAL": 14}

        def check(code, *words):
            status, line = self.run_to_end()
            self.assertEqual(status, exit_codes[code], line)
            for word in words:
                self.assertIn(word, line)

        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            good = f.read()
        a.write("etc/kskd.yaml", good.replace("workers: 4", "wokers: 4"))
        check("CONFIG", "line", "wokers")
        a.write("etc/kskd.yaml", good.replace(ap.SOFTHSM, "/nowhere.so"))
        check("MODULE", "/nowhere.so")
        a.write("etc/kskd.yaml", good)
        os.chmod(a.path("etc/kskd.yaml"), 0o666)
        check("FILE", "kskd.yaml", "chmod")
        os.chmod(a.path("etc/kskd.yaml"), 0o644)

        os.rename(a.path("etc/tls.crt"), a.path("etc/x"))
        check("TLS", "tls.crt", "kskadm tls init")
        os.rename(a.path("etc/x"), a.path("etc/tls.crt"))
        a.write("etc/empty", "")
        shutil.copy(a.path("etc/tls.crt"), a.path("etc/x"))
        a.write("etc/tls.crt", "no certificate\n")
        check("TLS", "tls.crt")
        shutil.copy(a.path("etc/x"), a.path("etc/tls.crt"))

        a.write("etc/policy.yaml", "kind: policy\n  bad: [\n")
        check("POLICY", "policy.yaml", "line")
        a.version = 0
        a.write_policy()

        with open(a.path("etc/pin.main"), encoding="ascii") as f:
            pin = f.read()
        a.write("etc/pin.main", "", 0o600)
        check("PIN_SOURCE", "pin.main", "empty")
        a.write("etc/pin.main", pin, 0o600)
        os.chmod(a.path("etc/pin.main"), 0o644)
        check("FILE", "pin.main", "chmod")
        os.chmod(a.path("etc/pin.main"), 0o600)

        import socket
        with socket.socket() as s:
            s.bind(("127.0.0.1", a.port))
            s.listen()
            check("LISTEN", str(a.port))

        os.rename(a.path("state/appliance-id"), a.path("etc/y"))
        check("FILE", "kskadm init")
        os.rename(a.path("etc/y"), a.path("state/appliance-id"))
        # And after all that it starts.
        a.start()
        self.assertEqual(self.sign()[0][2], ap.DONE)

    def test_a_lost_journal_is_never_a_fresh_start(self):
        a = self.a
        a.start()
        self.assertEqual(self.sign()[0][2], ap.DONE)
        a.stop()
        os.unlink(a.log)
        os.rename(a.path("state/journal/journal.db"), a.path("etc/j"))
        a.start(ready=False)
        self.assertEqual(a.process.wait(20 * ap.SLOW), 14, a.log_text())
        a.process = None
        self.assertIn("kskadm init", a.log_text())

    def test_a_second_instance_is_refused(self):
        a = self.a
        a.start()
        done = ap.sh(a.tool("kskd"), "-c", a.path("etc/kskd.yaml"),
                     check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.sign()[0][2], ap.DONE)


NAMES = ("ready", "token-down", "locked", "key-missing", "clock-hold",
         "journal-full", "restored", "no-policy")


class AllStates(unittest.TestCase):
    """Each state, how it comes and how it goes: whoever asks hears the same
    name, what ends it, and how long there is time for that."""

    def setUp(self):
        self.a = a = ap.standard(workers=1)
        self.addCleanup(a.__exit__)
        clock = with_clock(a)
        self.clock = clock
        self.addCleanup(clock.close)
        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            a.write("etc/kskd.yaml",
                    f.read().replace("workers: 1", "workers: 1\n"
                                     "    anchor: yes"))
        os.mkdir(a.path("home"), 0o700)
        out = self.ctl("enroll", "--name", "person", "--appliance",
                       f"127.0.0.1:{a.port}", "--server-pin",
                       a.server_pin).out
        a.clients["person"] = (re.search(r"pin: (\w+)", out).group(1),
                               "read, sign")
        zone, ksks, providers, _, more = a.zones[0]
        a.zones[0] = (zone, ksks, providers, ("auto", "person"), more)
        a.write_policy()
        self.set = a.write("zsks.zone", "".join(
            z.line + "\n" for z in (a.zsk1, a.zsk2)))
        self.journal = a.path("state/journal")

    def ctl(self, *argv, code=0):
        done = ap.sh(os.path.join(ap.BUILD, "kskctl"), "--config",
                     self.a.path("home/profile"), *argv, check=False)
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.out}{done.err}")
        return done

    def log_lines(self):
        return [x for x in self.a.log_text().splitlines() if " state: " in x]

    def reply(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def sign(self):
        with self.a.peer() as peer:
            return self.a.sign(peer, self.a.zone, [self.a.zsk1, self.a.zsk2])

    def wait(self, state, ask=lambda: None):
        def seen():
            try:
                ask()
                return NAMES[self.reply()[4]] == state
            except OSError:
                return False
        try:
            ap.wait_for(seen, 20)
        except AssertionError as e:
            raise AssertionError(f"{e} {state}: {self.reply()} {self.sign()}"
                                 ) from None

    def check(self, state):
        """What each of four says; the state is there already."""
        reply = self.reply()
        self.assertEqual(reply[4], NAMES.index(state))
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                                time.gmtime(reply[13][2]))
        self.assertEqual(reply[13][1], ap.wire_name(self.a.zone))
        ready = state == "ready"
        data = json.loads(self.ctl("--json", "status",
                                   code=0 if ready else 4).out)
        self.assertEqual(data["state"], state)
        self.assertEqual(data["earliest"], {"zone": self.a.zone,
                                            "expiration": expires})
        text = self.ctl("status", code=0 if ready else 4).out
        self.assertRegex(text, rf"(?m)^state: {state}$" if ready
                         else rf"(?m)^state: {state}: .+$")
        self.assertIn(f"first to expire: {self.a.zone}, {expires} (in ", text)
        line = self.log_lines()[-1]
        self.assertIn(f'state="{state}"', line)
        self.assertIn(f'expires="{expires}"', line)
        self.assertIn(f'first-to-expire="{self.a.zone}"', line)
        if ready:
            self.assertEqual(self.sign()[2], ap.DONE)
            return
        self.assertGreater(len(reply[5]), 10)
        self.assertGreater(len(data["why"]), 10)
        self.assertIn(f"ended by: {data['ended-by']}\n", text)
        self.assertIn(f'ended-by="{data["ended-by"]}"', line)
        answer = self.sign()
        self.assertEqual(answer[2], ap.NOT_READY)
        self.assertTrue(answer[5].startswith(state + ": "), answer)
        self.assertIn(f"(ended by: {data['ended-by']}; what is served expires "
                      f"{expires})", answer[5])
        self.assertIn(state + ": ", self.ctl("sign", self.set, code=4).err)

    # ---- each state, and what ends it ----

    def token_down(self):
        """The module can't begin; ends when it can."""
        conf = self.a.path("etc/softhsm2.conf")
        os.rename(conf, conf + ".away")
        os.kill(self.a.children()["kskd-token"][0], signal.SIGKILL)
        yield
        os.rename(conf + ".away", conf)

    def locked(self):
        """A PIN that the token refuses; ends with the right one."""
        pin = self.a.path("etc/pin.main")
        with open(pin, encoding="ascii") as f:
            right = f.read()
        self.a.write("etc/pin.main", "0000wrong\n", 0o600)
        done = len(self.a.log_lines("reload-done"))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines("reload-done")) > done)
        os.kill(self.a.children()["kskd-token"][0], signal.SIGKILL)
        yield
        self.a.write("etc/pin.main", right, 0o600)
        self.a.reload()

    def key_missing(self):
        """A key that the keymap does not allow; ends when it does."""
        with open(self.a.path("etc/keymap"), encoding="ascii") as f:
            right = f.read()
        replaced = self.a.log_lines("worker-wrong")
        self.a.write("etc/keymap", "# empty\n")
        self.a.reload()
        yield
        # Nothing is wrong with those that say so.
        self.assertEqual(self.a.log_lines("worker-wrong"), replaced)
        self.a.write("etc/keymap", right)
        self.a.reload()

    def clock_hold(self):
        """A step of six minutes; ends a minute after it was taken back."""
        self.clock.set(seconds=360)
        yield
        self.clock.set(seconds=0)
        for _ in range(8):
            self.clock.pass_time(10)
            self.reply()

    def limit(self, pid, size):
        """How long files may be that a process writes; its own user may say
        so."""
        uid = os.stat(f"/proc/{pid}").st_uid or ap.USERS["signer"]
        subprocess.run(
            ["prlimit", f"--pid={pid}", f"--fsize={size}:unlimited"],
            check=True, **({"user": uid, "group": uid, "extra_groups": []}
                           if os.getuid() == 0 else {}))

    def journal_full(self):
        """The journal can't grow; ends when it can."""
        signer = self.a.children()["kskd-signer"][0]
        for _ in range(20):
            self.sign()
        size = os.path.getsize(os.path.join(self.journal, "journal.db-wal"))
        self.assertGreater(size, 2 * os.path.getsize(self.a.log))
        self.limit(signer, size)
        self.sign()
        yield
        self.limit(signer, "unlimited")

    def restored(self):
        """An older journal; ends when a person accepts it."""
        copy = self.a.path("copy")
        self.a.stop()
        shutil.copytree(self.journal, copy)
        self.a.start()
        self.sign()
        self.a.stop()
        for name in os.listdir(self.journal):
            os.unlink(os.path.join(self.journal, name))
        shutil.copy(os.path.join(copy, "journal.db"), self.journal)
        if os.getuid() == 0:
            os.chown(os.path.join(self.journal, "journal.db"),
                     ap.USERS["signer"], ap.USERS["signer"])
        self.a.start(ready=False)
        yield
        words = re.search(r"kskadm (accept restore \w+ \w+ \w+)",
                          self.reply()[5]).group(1)
        self.a.kskadm(*words.split())
        self.a.reload()

    def no_policy(self):
        """A policy that leaves its zone no acceptable set; ends with one that
        does."""
        zone, ksks, providers, clients, more = whole = self.a.zones[0]
        self.a.stop()
        self.a.zones[0] = (zone, ksks, {"alpha": [self.a.zsk1]}, clients, more)
        self.a.write_policy()
        self.a.start(ready=False)
        yield
        self.a.zones[0] = whole
        self.a.write_policy()
        self.a.reload()

    def test_all(self):
        self.a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        for state in NAMES[1:]:
            course = getattr(self, state.replace("-", "_"))()
            next(course)
            # A worker may look its keys up before it has the new keymap, and
            # learns by a signature that is asked of it.
            self.wait(state, self.sign)
            self.check(state)
            self.assertRaises(StopIteration, next, course)
            self.wait("ready")
            self.check("ready")
        told = [re.search(r' state="(\S+?)"', x).group(1)
                for x in self.log_lines()]
        self.assertEqual(set(told), set(NAMES))


if __name__ == "__main__":
    unittest.main()
