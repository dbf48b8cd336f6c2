#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""One suite over every module of modules.py: keys of each algorithm that it
does, a typed reason for each that it does not, one try for a wrong PIN, flat
sessions, killed workers, a peer that dies, and the whole appliance."""
import os
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault")]
import cryptoki  # noqa: E402
import judge  # noqa: E402
import modules  # noqa: E402
import peer  # noqa: E402
from cryptoki import ds, tag  # noqa: E402
from fault import Fault  # noqa: E402
from modules import KEYS, ap  # noqa: E402

SANITIZED = True
SLOW = ap.SLOW
PIN_WRONG, PIN_LOCKED = 16, 17
EXIT_TOKEN, EXIT_PIN, EXIT_PIN_LOCKED, EXIT_KEY = 9, 10, 11, 13
READY, TOKEN_DOWN, LOCKED = 0, 1, 2
ACCESS = {"r": 1, "rx": 3, "rw": 5}


def zone_of(name):
    return f"{name}.example."


class Suite:
    """The tests; each class below runs them over its module."""

    kind = None

    @classmethod
    def setUpClass(cls):
        cls.m = cls.kind()
        cls.addClassCleanup(cls.m.stop)
        cls.m.start()
        cls.a = ap.Appliance(module=cls.m)
        cls.addClassCleanup(cls.a.__exit__)
        cls.a.make()
        cls.made = {}
        for name in cls.m.can:
            algorithm, bits = KEYS[name]
            cls.made[name] = cls.a.add_ksk(zone_of(name), name, algorithm,
                                           bits)
        with open(cls.a.path("etc/pin.main"), "rb") as f:
            cls.pin = f.read()
        with open(cls.a.path("etc/keymap"), encoding="ascii") as f:
            cls.keymap = f.read()

    def setUp(self):
        self.workers = []

    def tearDown(self):
        for worker in self.workers:
            worker.close()

    # -- workers --
    def start(self, fault=None, **more):
        m = self.m
        paths = [(p, ACCESS[a]) for p, a in m.paths()]
        if fault is not None:
            paths += fault.paths
        more.setdefault("pin", self.pin)
        more.setdefault("network", m.network)
        worker = peer.Worker(
            None, "ksk", keymap=self.keymap, user=m.user, init=m.init,
            module=fault.module if fault else m.module,
            environment=m.environment(), paths=paths, **more)
        self.workers.append(worker)
        return worker

    def find(self, worker, names):
        """Slot = place in m.can."""
        return worker.keys([(self.m.can.index(n), zone_of(n),
                             ds(zone_of(n), self.made[n]), n) for n in names])

    def up(self, names=("p256",), **more):
        """A worker that has found keys."""
        worker = self.start(**more).ready().connect()
        for slot, found in self.find(worker, names).items():
            self.assertEqual(found, (self.made[self.m.can[slot]], ""))
        return worker

    def job(self, name="p256", job=7, window=None):
        return dict(job=job, slot=self.m.can.index(name), zone=zone_of(name),
                    rdatas=[self.made[name]],
                    window=window or peer.default_window())

    def judged(self, name, job, signature):
        key = self.made[name]
        data = judge.signed_bytes(zone_of(name), 48, 3600, [key],
                                  job["window"], key[3], tag(key))
        self.assertTrue(judge.Key(key).verify(data, signature), name)

    def done(self, worker, name="p256"):
        job = self.job(name)
        outcome, signature, why = worker.sign(**job)
        self.assertEqual((outcome, why), (peer.DONE, ""), name)
        self.judged(name, job, signature)

    def fault(self):
        fault = Fault(os.path.join(self.a.dir, f"fault-{self.id()}"),
                      module=self.m.module, build=ap.BUILD)
        self.addCleanup(fault.close)
        return fault

    # -- what it can and can't --
    def test_signs_with_every_algorithm_it_has(self):
        can, many = self.m.can, self.m.keys_max
        for names in [can[i:i + many] for i in range(0, len(can), many)]:
            worker = self.up(names)
            for name in names + names[::-1]:
                self.done(worker, name)
            self.assertEqual(worker.stop(), 0)

    def test_what_it_lacks_has_a_reason_before_any_key(self):
        for name, words in self.m.lacks.items():
            algorithm, bits = KEYS[name]
            more = ["--bits", bits] if bits else []
            done = self.a.kskadm(
                "key", "generate", "--token", "main", "--zone",
                zone_of(name), "--algorithm", algorithm, "--label", name,
                *more, check=False)
            self.assertEqual(done.returncode, EXIT_KEY, done.err)
            self.assertIn(words, done.err)
        self.assertNotIn("unusable", self.a.kskadm("key", "list").out)

    def test_keys_for_backups_are_made_where_they_can_be(self):
        """Else there is a reason, and no key."""
        a, to = self.a, self.a.path("recipient")
        done = a.kskadm("backup", "recipient", "--token", "main", "--label",
                        "in", "--output", to, check=False)
        self.assertEqual(done.returncode, 0 if self.m.wraps else EXIT_KEY)
        fingerprint = done.out.strip()
        if not self.m.wraps:
            self.assertIn("use the vendor's own backup", done.err)
        for name in self.m.can:
            algorithm, bits = KEYS[name]
            label, zone = f"b-{name}", zone_of(name)
            more = ["--bits", bits] if bits else []
            done = a.kskadm(
                "key", "generate", "--token", "main", "--zone", zone,
                "--algorithm", algorithm, "--label", label, "--extractable",
                *more, check=False)
            if name in self.m.wraps:
                self.assertEqual(done.returncode, 0, done.err)
                a.kskadm("key", "backup", "--token", "main", "--label",
                         label, "--zone", zone, "--to", to, "--fingerprint",
                         fingerprint, "--algorithm", algorithm, "--output",
                         a.path(label))
            else:
                self.assertEqual(done.returncode, EXIT_KEY, done.err)
                self.assertIn(self.m.wraps_not, done.err)
        self.assertEqual(
            sorted(x.split()[1] for x in a.kskadm("key", "list").out
                   .splitlines() if x.split()[1].startswith("b-")),
            sorted(f"b-{name}" for name in self.m.wraps))

    def test_a_key_that_is_not_there_has_a_reason(self):
        worker = self.up()
        for name, (algorithm, _) in KEYS.items():
            size = {8: 260, 10: 260, 13: 64, 14: 96, 15: 32, 16: 57}
            key = bytes([1, 1, 3, algorithm]) + bytes(size[algorithm])
            found = worker.keys([(99, "z.example.", ds("z.example.", key),
                                  f"no-{name}")])
            self.assertEqual(found[99][0], b"")
            self.assertIn("not found: the token has no key", found[99][1])
        self.done(worker)

    def test_keys_beyond_its_limit_have_a_reason(self):
        """All keys of the token in one worker, one more each time."""
        worker = self.up(self.m.can[:1])
        for i, name in enumerate(self.m.can):
            slot, = self.find(worker, [name]).items()
            if i < self.m.keys_max:
                self.assertEqual(slot, (i, (self.made[name], "")))
                self.done(worker, name)
            else:
                self.assertEqual(slot[1][0], b"")
                self.assertIn(f"with {self.m.keys_max} keys", slot[1][1])
                outcome, _, why = worker.sign(**self.job(name))
                self.assertEqual(outcome, peer.REFUSED)
                self.assertIn("no usable key was found", why)
        self.done(worker, self.m.can[0])
        self.assertEqual(worker.stop(), 0)

    # -- the PIN --
    def test_wrong_pin_is_tried_once(self):
        fault = self.fault()
        worker = self.start(fault, pin=b"0000-wrong")
        err, why = worker.login()
        self.assertEqual((err, worker.state), (PIN_WRONG, LOCKED), why)
        self.assertEqual(worker.wait(), EXIT_PIN)
        self.assertEqual(fault.count("C_Login").calls, 1)
        self.assertNotIn("0000-wrong", worker.text())
        self.done(self.up())

    # -- sessions --
    def test_sessions_stay_flat(self):
        fault = self.fault()
        worker = self.up(fault=fault)
        self.done(worker)
        begin = fault.sessions_open
        for _ in range(20):
            jobs = [self.job(job=i) for i in range(16)]
            worker.send_jobs(jobs)
            for number, (outcome, signature, why) in worker.signed().items():
                self.assertEqual((outcome, why), (peer.DONE, ""))
                self.judged("p256", jobs[number], signature)
        self.assertEqual(fault.sessions_open, begin)
        self.assertEqual(fault.sessions_max, begin)
        self.assertLessEqual(begin, 2)
        self.assertEqual(fault.count("C_Login").calls, 1)
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(fault.sessions_open, 0)

    # -- deaths --
    def test_twenty_workers_killed_while_they_sign(self):
        for i in range(20):
            worker = self.up()
            worker.send_jobs([self.job(job=j) for j in range(16)])
            time.sleep(i / 2000)
            worker.process.kill()
            self.assertEqual(worker.wait(), -signal.SIGKILL)
        self.done(self.up())

    # -- the whole appliance --
    def ask(self, zone):
        """One signing -> (reply, the set, seconds)"""
        a = self.a
        keyset = a.keyset(zone, [self.zsk[zone]])
        with a.peer() as client:
            begin = time.monotonic()
            reply = client.ask(ap.SIGN, {1: keyset})
        return reply, keyset, time.monotonic() - begin

    def signed(self, zone):
        reply, keyset, _ = self.ask(zone)
        self.assertEqual(reply[2], ap.DONE, (zone, reply))
        done = self.a.validate(zone, keyset, reply[3][1], self.zsk[zone])
        self.assertEqual(done.returncode, 0, done.err + done.out)

    def state(self):
        try:
            with self.a.peer() as client:
                return client.ask(ap.STATUS)[3][4]
        except OSError:
            return None

    def test_the_whole_appliance(self):
        a = self.a
        a.add_client("auto")
        self.zsk = {}
        names = ["p256", *(n for n in self.m.can if n != "p256")]
        names = names[:self.m.keys_max]
        for name in names:
            zone = zone_of(name)
            self.zsk[zone] = ap.Zsk(
                a.path(f"zsk-{name}"), zone, KEYS[name][0],
                2048 if KEYS[name][1] else None)
            a.add_zone(zone, [name], {"alpha": [self.zsk[zone]]},
                       algorithms=f"[{KEYS[name][0]}]")
        a.write_policy()
        a.start()
        try:
            for name in names:
                self.signed(zone_of(name))
            self.assertEqual(len(a.children()["kskd-token"]), self.m.workers)
            self.assertEqual(a.log_lines("child-dead"), [])
            self.workers_killed()
            if self.m.remote is not None:
                self.remote_killed()
            self.assertEqual(a.stop(), 0)
            self.locked_and_back()
        finally:
            a.stop(check=False)
        self.assertNotIn(self.pin.decode().strip(), a.log_text())
        self.assertNotIn("SIGSYS", a.log_text())

    def locked_and_back(self):
        """Only some tokens lock a PIN."""

    def workers_killed(self):
        a = self.a
        before = a.children()["kskd-token"]
        self.assertEqual(len(before), self.m.workers)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        ap.wait_for(lambda: len(a.children().get("kskd-token", [])) ==
                    self.m.workers and not
                    set(before) & set(a.children()["kskd-token"]))
        ap.wait_for(lambda: self.ask(zone_of("p256"))[0][2] == ap.DONE)
        self.signed(zone_of("p256"))

    def remote_killed(self):
        """Not ready, and said so fast; back without a person."""
        self.m.kill_remote()

        def is_down():
            reply, _, _ = self.ask(zone_of("p256"))
            self.assertNotEqual(reply[2], ap.DONE)
            return self.state() == TOKEN_DOWN
        ap.wait_for(is_down)
        reply, _, seconds = self.ask(zone_of("p256"))
        self.assertEqual(reply[2], ap.NOT_READY, reply)
        self.assertIn("token-down", reply[5])
        self.assertLess(seconds, 0.5 * SLOW)
        begin = time.monotonic()
        self.m.start_remote()
        ap.wait_for(lambda: self.state() == READY)
        self.signed(zone_of("p256"))
        self.assertLess(time.monotonic() - begin, 5 * SLOW)
        self.assertNotIn("SIGPIPE", self.a.log_text())


class Remote(Suite):
    """What modules do whose token is in another process."""

    def test_the_peer_dies(self):
        for i in range(10):
            worker = self.up()
            worker.send_jobs([self.job(job=j) for j in range(16)])
            time.sleep(i / 1000)
            self.m.kill_remote()
            done = worker.signed()
            if all(outcome == peer.DONE for outcome, _, _ in done.values()):
                worker.send_jobs([self.job(job=99)])
                done = worker.signed()
            outcomes = [outcome for outcome, _, _ in done.values()]
            self.assertEqual(outcomes, sorted(outcomes))
            self.assertEqual(outcomes[-1], peer.FAILED)
            self.assertIn("CKR_", list(done.values())[-1][2])
            # Orderly: no signal, not SIGPIPE's either.
            self.assertEqual(worker.wait(), EXIT_TOKEN)
            self.assertIn("token-failed", worker.text())
            if i == 0:
                self.nobody_there()
            self.m.start_remote()
        self.done(self.up())

    def nobody_there(self):
        worker = self.start()
        err, why = worker.login()
        self.assertNotIn(err, (0, PIN_WRONG, PIN_LOCKED), why)
        self.assertEqual(worker.state, TOKEN_DOWN)
        self.assertIn("CKR_", why)
        self.assertGreater(worker.wait(), 0)


class OnSoftHsm(Suite, unittest.TestCase):
    kind = modules.SoftHsm


class OnP11Kit(Remote, unittest.TestCase):
    kind = modules.P11Kit

    def test_a_key_of_an_algorithm_that_the_wire_lacks(self):
        """The token behind has an Ed25519 key; p11-kit can't carry what signs
        with it, and that is said when the key is looked up."""
        m = self.m
        subprocess.run(
            ["pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ksk",
             "--login", "--pin", m.pin, "--keypairgen", "--key-type",
             "EC:edwards25519", "--label", "behind", "--id", "b1"],
            env=m.behind(), check=True, preexec_fn=m.as_user,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        store = type("Store", (), {"conf": m.conf})
        with cryptoki.Session(store, "ksk", m.pin) as t:
            public, = t.find(dict(CLASS=cryptoki.CKO_PUBLIC, LABEL="behind"))
            key = t.dnskey(public, 15)
        # Its own process of SoftHSM must see the new file.
        m.kill_remote()
        m.start_remote()
        worker = self.up()
        found = worker.keys([(99, "z.example.", ds("z.example.", key),
                              "behind")])
        self.assertEqual(found[99], (
            b"", "the token has no mechanism for algorithm 15"))
        self.assertIn("no mechanism", self.a.kskadm("key", "list").out)
        self.done(worker)


class OnTpm(Remote, unittest.TestCase):
    kind = modules.Tpm

    def clear(self):
        self.m.clear_lockout()
        self.assertEqual(self.m.failed_tries(), 0)

    def test_wrong_pin_is_tried_once(self):
        """The TPM's own counter is the witness."""
        self.clear()
        super().test_wrong_pin_is_tried_once()
        self.assertEqual(self.m.failed_tries(), 1)
        self.clear()

    def lock(self):
        self.clear()
        for _ in range(3):
            worker = self.start(pin=b"0000-wrong")
            self.assertEqual(worker.login()[0], PIN_WRONG)
            self.assertEqual(worker.wait(), EXIT_PIN)

    def locked_and_back(self):
        """The appliance says `locked`, tries once, and goes on when a person
        has unlocked the token and says so."""
        a = self.a
        self.lock()
        a.start(ready=False)
        ap.wait_for(lambda: self.state() == LOCKED)
        reply, _, _ = self.ask(zone_of("p256"))
        self.assertEqual(reply[2], ap.NOT_READY)
        self.assertIn("locked", reply[5])
        self.assertEqual(len(a.log_lines("pin-refused")), 1)
        self.assertEqual(self.m.failed_tries(), 3)
        self.clear()
        os.utime(a.path("etc/pin.main"))
        a.reload()
        ap.wait_for(lambda: self.state() == READY)
        self.signed(zone_of("p256"))
        self.assertEqual(a.stop(), 0)

    def test_locked_pin_is_told_from_a_wrong_one(self):
        self.addCleanup(self.clear)
        self.lock()
        worker = self.start()
        err, why = worker.login()
        self.assertEqual((err, worker.state), (PIN_LOCKED, LOCKED), why)
        self.assertIn("has locked the PIN", why)
        self.assertEqual(worker.wait(), EXIT_PIN_LOCKED)
        self.clear()
        self.done(self.up())


class Network(unittest.TestCase):
    """`network: yes` is what a module needs that reaches its token over TCP,
    and without it the sandbox ends the worker."""

    @classmethod
    def setUpClass(cls):
        cls.m = modules.TpmTcp()
        cls.addClassCleanup(cls.m.stop)
        cls.m.start()
        cls.a = ap.Appliance(module=cls.m)
        cls.addClassCleanup(cls.a.__exit__)
        cls.a.make()
        cls.key = cls.a.add_ksk("z.example.", "p256")

    def start(self, network):
        m, a = self.m, self.a
        # No resource manager here: see modules.py.
        m.tool("tpm2_flushcontext", "-t")
        m.tool("tpm2_flushcontext", "-l")
        with open(a.path("etc/pin.main"), "rb") as f:
            pin = f.read()
        worker = peer.Worker(
            None, "ksk", user=m.user, module=m.module, pin=pin,
            keymap=peer.keymap_line("z.example.", "main",
                                    ds("z.example.", self.key)),
            environment=m.environment(), network=network,
            paths=[(p, ACCESS[x]) for p, x in m.paths()])
        self.addCleanup(worker.close)
        return worker

    def test_with(self):
        worker = self.start(True).ready().connect()
        worker.keys([(0, "z.example.", ds("z.example.", self.key), "p256")])
        window = peer.default_window()
        outcome, signature, why = worker.sign(
            slot=0, zone="z.example.", rdatas=[self.key], window=window)
        self.assertEqual(outcome, peer.DONE, why)
        data = judge.signed_bytes("z.example.", 48, 3600, [self.key], window,
                                  13, tag(self.key))
        self.assertTrue(judge.Key(self.key).verify(data, signature))
        self.assertEqual(worker.stop(), 0)

    def test_without(self):
        self.assertEqual(self.start(False).wait(), -signal.SIGSYS)


class Threads(unittest.TestCase):
    def test_a_module_that_starts_threads(self):
        """OpenSC: not in a worker, whose sandbox has no clone. It stands
        behind p11-kit server (firmware-config/tokens.yaml)."""
        worker = peer.Worker(
            None, "ksk", module=f"{modules.LIB}/opensc-pkcs11.so",
            environment=[], paths=[("/etc/opensc", 1)])
        self.addCleanup(worker.close)
        self.assertEqual(worker.wait(), -signal.SIGSYS)


class Documents(unittest.TestCase):
    """What people copy and read is what was tested."""

    def test_the_readme_has_the_table(self):
        with open(os.path.join(ap.TOP, "README.md"), encoding="utf-8") as f:
            self.assertIn("\n\n" + modules.table() + "\n", f.read())

    def test_the_examples_are_good_configuration(self):
        """Read by the product's reader, which refuses what it does not
        know."""
        with open(os.path.join(ap.TOP, "firmware-config", "tokens.yaml"),
                  encoding="utf-8") as f:
            text = f.read().split("\ntokens:\n")[1]
        for m in modules.TESTED:
            self.assertIn(f"module: {m.module}\n", text)
        with ap.Appliance() as a:
            a.config()
            a.kskadm("tls", "init")
            a.config(tokens="\n" + text)
            self.assertEqual(len(a.kskadm("tls", "pin").out.split()[-1]), 64)
            for good, bad in (("access: rw", "access: rwx"),
                              ("network: yes", "network: maybe"),
                              ("workers: 8", "workers: many"),
                              ("environment:", "enviroment:")):
                self.assertIn(good, text)
                a.config(tokens="\n" + text.replace(good, bad))
                done = a.kskadm("tls", "pin", check=False)
                self.assertEqual(done.returncode, 3)
                self.assertIn("tokens[", done.err)


if __name__ == "__main__":
    unittest.main()
