#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The anchor in the token when things go wrong: each call of its writing
fails, or ends the process, before or after it was done; and on each module of
modules.py, with workers that are killed and a journal that is put back."""
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault")]
import modules  # noqa: E402
import peer  # noqa: E402
from fault import Fault  # noqa: E402
from modules import ap  # noqa: E402
from test_audit import ANCHOR_READ, ANCHOR_WRITE, head  # noqa: E402

CALLS = ("C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal",
         "C_GetAttributeValue", "C_CreateObject", "C_DestroyObject")
RESTORED = 6
ACCESS = {"r": 1, "rx": 3, "rw": 5}


class Base:
    kind = modules.SoftHsm

    @classmethod
    def setUpClass(cls):
        cls.m = cls.kind()
        cls.addClassCleanup(cls.m.stop)
        cls.m.start()
        cls.a = ap.Appliance(module=cls.m)
        cls.addClassCleanup(cls.a.__exit__)
        cls.a.make()
        with open(cls.a.path("etc/pin.main"), "rb") as f:
            cls.pin = f.read()

    def start(self, fault=None):
        m = self.m
        paths = [(p, ACCESS[a]) for p, a in m.paths()]
        worker = peer.Worker(
            None, "ksk", user=m.user, init=m.init, pin=self.pin, anchor=True,
            module=fault.module if fault else m.module, network=m.network,
            environment=m.environment(),
            paths=paths + (fault.paths if fault else []))
        self.addCleanup(worker.close)
        return worker.ready().connect()

    def ask(self, w, number, body=b""):
        peer.send(w.link, struct.pack(">H", number) + body)
        nr, reader = peer.receive(w.link)
        self.assertEqual(nr, number + 1)
        return reader

    def anchors(self, w):
        """The numbers of those that are there."""
        r = self.ask(w, ANCHOR_READ)
        ok, count = r.number(1), r.number(1)
        found = [r.take(64) for _ in range(count)]
        self.assertEqual((ok, r.block()), (1, b""))
        for one in found:
            number = int.from_bytes(one[16:24], "big")
            self.assertEqual(one, head(number))
        return [int.from_bytes(x[16:24], "big") for x in found]

    def write(self, w, number):
        r = self.ask(w, ANCHOR_WRITE, head(number))
        return r.number(1) == 1, r.block().decode()

    def written(self, w, number):
        self.assertEqual(self.write(w, number), (True, ""))
        self.assertEqual(self.anchors(w), [number])


class Faults(Base, unittest.TestCase):
    def fault(self):
        fault = Fault(os.path.join(self.a.dir, f"fault-{self.id()}"),
                      module=self.m.module, build=ap.BUILD)
        self.addCleanup(fault.close)
        return fault

    def counts(self, fault):
        return [fault.count(c).calls for c in CALLS]

    def every_call(self, fault):
        """(call, how many of it come first) of one writing over another."""
        w = self.start(fault)
        self.written(w, 10)
        before = self.counts(fault)
        self.assertEqual(self.write(w, 11), (True, ""))
        made = [b - a for a, b in zip(before, self.counts(fault))]
        self.assertGreater(min(made), 0)
        w.close()
        return [(c, i) for c, n in zip(CALLS, made) for i in range(n)]

    def one(self, fault, number, do):
        """Writes `number` over the one before while `do` holds -> what the
        token has then. Whatever happened, the next one can be written."""
        w = self.start(fault)
        rule = do()
        done = None
        try:
            done, why = self.write(w, number)
            self.assertNotEqual(done, why != "")
        except (EOFError, OSError):
            w.wait()
        self.assertEqual(rule.fired, 1)
        w.close()
        w = self.start()
        found = self.anchors(w)
        self.assertTrue({number - 1, number} & set(found), found)
        self.assertLessEqual(set(found), {number - 1, number})
        if done:
            self.assertIn(number, found)
        self.written(w, number + 1)
        w.close()
        return tuple(n - number for n in sorted(found))

    def play(self, act):
        fault, number, seen = self.fault(), 11, set()
        for call, skip in self.every_call(fault):
            for late in (False, True):
                with self.subTest(call=call, skip=skip, late=late):
                    seen.add(self.one(fault, number + 1, lambda: act(
                        fault, call, skip=skip, late=late, times=1)))
                number += 2
        self.assertEqual(seen, {(-1,), (-1, 0), (0,)})

    def test_every_call_fails(self):
        self.play(lambda fault, call, **when: fault.fail(
            call, "CKR_DEVICE_ERROR", **when))

    def test_every_call_ends_the_process(self):
        self.play(lambda fault, call, **when: fault.crash(call, 9, **when))

    def test_a_reading_that_fails_finds_nothing_gone(self):
        fault = self.fault()
        w = self.start(fault)
        self.written(w, 5)
        for call in CALLS[:4]:
            for late in (False, True):
                w = self.start(fault)
                fault.fail(call, "CKR_FUNCTION_FAILED", late=late, times=1)
                r = self.ask(w, ANCHOR_READ)
                self.assertEqual((r.number(1), r.number(1)), (0, 0), call)
                self.assertIn("CKR_FUNCTION_FAILED", r.block().decode())
                w.close()

    def test_a_token_that_destroys_nothing(self):
        """The older ones stay, never more than can be read."""
        fault = self.fault()
        w = self.start(fault)
        self.written(w, 50)
        with fault.fail("C_DestroyObject", "CKR_ACTION_PROHIBITED"):
            for number in range(51, 65):
                w = self.start(fault)
                self.assertFalse(self.write(w, number)[0])
                w.close()
            found = self.anchors(self.start(fault))
            self.assertLessEqual(len(found), 8)
            self.assertIn(50, found)
        self.written(self.start(fault), 70)

    def test_ends_between_making_and_destroying(self):
        """Twenty in a row: none too many, and the newest stays."""
        fault, newest = self.fault(), 80
        w = self.start(fault)
        self.written(w, newest)
        for number in range(81, 101):
            w = self.start(fault)
            with fault.crash("C_DestroyObject", 9, times=1):
                with self.assertRaises((EOFError, OSError)):
                    self.write(w, number)
                w.wait()
            w.close()
            found = self.anchors(self.start(fault))
            self.assertLessEqual(len(found), 8)
            self.assertIn(max(found), (newest, number))
            newest = max(found)
        self.assertGreater(newest, 80)
        self.written(self.start(fault), 110)

    def test_one_that_is_cut_off_beside_a_good_one(self):
        w = self.start()
        self.written(w, 120)
        w.close()
        cut = self.m.path("cut")
        with open(cut, "wb") as f:
            f.write(b"\1" + head(121)[:40])
        subprocess.run(
            ["pkcs11-tool", "--module", self.m.module, "--token-label", "ksk",
             "--login", "--pin", self.pin.decode().strip(), "--write-object",
             cut, "--type", "data", "--label", "ksk-anchor",
             "--application-label", "ksk", "--private"],
            env=dict(os.environ, SOFTHSM2_CONF=self.m.conf), check=True,
            preexec_fn=self.m.as_user, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        w = self.start()
        self.assertEqual(self.anchors(w), [120])
        self.written(w, 122)


class OnModule(Base):
    """What each module must do."""

    def test_killed_while_it_writes(self):
        rng = random.Random(1)
        w = self.start()
        self.written(w, 1000)
        last = 1000
        for number in range(1001, 1007):
            peer.send(w.link, struct.pack(">H", ANCHOR_WRITE) + head(number))
            try:
                peer.receive(w.link, rng.random() * self.m_slow())
                written = True
            except (TimeoutError, OSError):
                written = False
            w.process.kill()
            w.wait()
            w.close()
            w = self.start()
            found = self.anchors(w)
            if written:
                last = number
            self.assertGreaterEqual(max(found), last)
            self.assertLessEqual(max(found), number)
            last = max(found)
        self.written(w, 2000)

    def m_slow(self):
        return 0.02

    def test_a_whole_appliance(self):
        a = self.a
        a.add_client("auto")
        zone = "lab.example."
        a.add_ksk(zone, "p256")
        zsk = ap.Zsk(a.path("zsk"), zone)
        a.add_zone(zone, ["p256"], {"alpha": [zsk]})
        entry = self.m.entry(a.path("etc/pin.main"), workers=1)
        a.config(tokens=entry.replace("    workers:",
                                      "    anchor: yes\n    workers:"))
        a.write_policy()
        folder, copy = a.path("state/journal"), a.path("copy")

        def sign():
            with a.peer() as p:
                return a.sign(p, zone, [zsk])[2]

        def status():
            try:
                with a.peer() as p:
                    return p.ask(ap.STATUS)[3]
            except OSError:
                return {4: None}
        try:
            a.start()
            self.assertEqual(sign(), ap.DONE)
            self.assertEqual(status()[14], "token-object")
            a.stop()
            shutil.copytree(folder, copy)
            a.start()
            self.assertEqual(sign(), ap.DONE)
            for pid in a.children()["kskd-token"]:
                os.kill(pid, signal.SIGKILL)
            ap.wait_for(lambda: sign() == ap.DONE, 20)
            a.stop()
            self.assertEqual(a.log_lines("error restored"), [])
            # An older copy is seen.
            right = a.path("right")
            shutil.move(folder, right)
            shutil.copytree(copy, folder)
            self.own(folder)
            a.start(ready=False)
            ap.wait_for(lambda: status()[4] == RESTORED, 20)
            self.assertEqual(sign(), ap.NOT_READY)
            a.stop()
            # And the right one is taken.
            shutil.rmtree(folder)
            shutil.move(right, folder)
            a.start()
            self.assertEqual(sign(), ap.DONE)
        finally:
            a.stop(check=False)

    def own(self, folder):
        if os.getuid() == 0:
            for path in [folder] + [os.path.join(folder, x)
                                    for x in os.listdir(folder)]:
                os.chown(path, ap.USERS["signer"], ap.USERS["signer"])


class OnSoftHsm(OnModule, unittest.TestCase):
    kind = modules.SoftHsm


class OnP11Kit(OnModule, unittest.TestCase):
    kind = modules.P11Kit


class OnTpm(OnModule, unittest.TestCase):
    kind = modules.Tpm

    def m_slow(self):
        return 0.2


if __name__ == "__main__":
    unittest.main()
