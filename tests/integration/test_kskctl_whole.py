#!/usr/bin/python3
"""kskctl against whole appliances: two with the same KSK, a connection that is
lost when it matters, a journal that is taken back.
"""
import contextlib
import json
import os
import select
import shutil
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from test_kskctl import (  # noqa: E402
    DONE, KSKCTL, LATER, UNREACHABLE)

ZONE = "lab.example."


class Cutter:
    """A TCP relay that loses the answer to what was asked last: it cuts the
    first connections off when the turns of both sides have changed so often.
    Turn 1 is the ClientHello, 3 brings the first round of requests, 5 the
    sets that are to be signed."""

    def __init__(self, port, turn, times):
        self.port, self.turn, self.times = port, turn, times
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, socket.create_connection(
                    ("127.0.0.1", self.port)) as server, \
                    contextlib.suppress(OSError):
                self.relay(client, server)

    def relay(self, client, server):
        turns, side = 0, None
        while True:
            for ready in select.select([client, server], [], [], 30)[0]:
                data = ready.recv(65536)
                if ready is not side:
                    turns, side = turns + 1, ready
                if not data:
                    return
                if turns > self.turn and self.times > 0:
                    self.times -= 1
                    return
                (server if ready is client else client).sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Case(unittest.TestCase):
    SIGNATURE = ("{validity: 14d, refresh: 5d, inception-offset: 1h, "
                 "horizon: 20d, min-validity: 1d}")

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        cls.a = cls.stack.enter_context(cls.appliance("one"))
        cls.a.make()
        cls.a.add_ksk(ZONE, "ksk1")
        cls.zsks = [ap.Zsk(cls.a.path(n), ZONE) for n in ("alpha", "beta")]
        cls.home = cls.a.path("home")
        os.mkdir(cls.home, 0o700)
        cls.records = os.path.join(cls.home, "profile.records")
        cls.enroll(cls.a, "profile")
        cls.start(cls.a)
        cls.set = cls.a.write("zsks.zone", "".join(
            z.line + "\n" for z in cls.zsks))

    @staticmethod
    def appliance(name):
        return ap.Appliance(name=name, start=False)

    @classmethod
    def start(cls, one):
        """With a policy that knows the client of setUpClass."""
        one.clients["auto"] = (cls.pin, "read, sign")
        one.add_client("peer")
        one.add_zone(ZONE, ["ksk1"], dict(zip(("alpha", "beta"), (
            [z] for z in cls.zsks))), clients=("auto", "peer"),
            signature=cls.SIGNATURE)
        one.write_policy()
        one.start(ready=False)
        one.wait_ready("peer")

    @classmethod
    def run_ctl(cls, *argv, code=DONE, profile="profile", **more):
        done = ap.sh(KSKCTL, "--config", os.path.join(cls.home, profile),
                     *argv, check=False, **more)
        if done.returncode != code:
            raise AssertionError(f"{argv} -> {done.returncode}, not {code}\n"
                                 f"{done.out}{done.err}\n"
                                 + cls.a.log_text()[-4000:])
        return done

    @classmethod
    def enroll(cls, one, profile, address=None):
        done = cls.run_ctl("enroll", "--name", "auto", "--appliance",
                           address or f"127.0.0.1:{one.port}",
                           "--server-pin", one.server_pin, profile=profile)
        cls.pin = done.out.split("pin: ")[1].split(",")[0]

    def ctl_json(self, *argv, **more):
        return json.loads(self.run_ctl("--json", *argv, **more).out)

    def sign(self, *argv, **more):
        return self.ctl_json("sign", *argv, self.set, **more)["sets"][0]


class Whole(Case):
    def lossy(self, turn, times):
        cutter = Cutter(self.a.port, turn, times)
        self.addCleanup(cutter.close)
        name = f"lossy.{turn}.{times}"
        shutil.copy(os.path.join(self.home, "profile"),
                    os.path.join(self.home, name))
        path = os.path.join(self.home, name)
        with open(path, encoding="utf-8") as f:
            text = f.read().replace(f"127.0.0.1:{self.a.port}",
                                    cutter.address)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return cutter, name

    def results(self):
        """RESULT records, counted in the log's place: the journal's head
        moves by two for each signature."""
        return self.ctl_json("status")["journal"]["record"]

    def test_1_a_lost_connection(self):
        """Without a key a repeat is signed again; with one lost before
        anything was asked to be signed it is not."""
        self.sign()  # the zone's first writes one record more
        for turn, times in ((5, 2), (3, 1)):
            before = self.results()
            cutter, name = self.lossy(turn, times)
            self.sign("--tries", "5", "--idempotency", "none", profile=name)
            self.assertEqual(cutter.connections, times + 1)
            self.assertEqual(self.results() - before,
                             2 * (times + 1 if turn == 5 else 1))

    def test_2_another_appliance_with_the_same_key_takes_over(self):
        two = self.stack.enter_context(self.appliance("two"))
        two.make()
        two.ksks = dict(self.a.ksks)
        # The same KSK: the token's files and the keymap are copied.
        shutil.rmtree(two.path("tokens"))
        for name in ("tokens", "etc/pin.main", "etc/keymap"):
            ap.sh("cp", "-a", self.a.path(name), two.path(name))
        self.start(two)
        self.enroll(two, "profile")
        first = self.sign()
        self.a.stop()
        second = self.sign()
        self.assertEqual(second["records"], first["records"])
        self.a.start(ready=False)
        self.a.wait_ready("peer")
        with open(self.records, encoding="utf-8") as f:
            lines = [x.split() for x in f if x[0] != "#"]
        self.assertEqual([x[3] for x in lines], [
            f"127.0.0.1:{x.port}" for x in (self.a, two)])
        self.assertEqual([x[2] for x in lines], [self.a.id, two.id])

    def test_8_a_journal_that_is_taken_back(self):
        one = f"127.0.0.1:{self.a.port}"
        journal = self.a.path("state/journal")
        self.a.stop()
        ap.sh("cp", "-a", journal, self.a.path("older"))
        self.a.start(ready=False)
        self.a.wait_ready("peer")
        self.sign()
        with open(self.records, encoding="utf-8") as f:
            seen = [x for x in f if x.rstrip().endswith(one)][0].split()
        self.a.stop()
        shutil.rmtree(journal)
        os.rename(self.a.path("older"), journal)
        self.a.start(ready=False)
        ap.wait_for(self.answers)
        for argv in (("status",), ("sign", self.set)):
            done = self.run_ctl(*argv, code=UNREACHABLE)
            self.assertEqual(done.out, "", argv)
            for piece in (seen[0], seen[1], f"--forget-record {one}"):
                self.assertIn(piece, done.err, argv)
        self.run_ctl("enroll", "--forget-record", one)
        done = ap.sh(KSKCTL, "--config", os.path.join(self.home, "profile"),
                     "status", check=False)
        self.assertIn(done.returncode, (DONE, LATER), done.err)

    def answers(self):
        try:
            with self.a.peer("peer") as peer:
                return peer.ask(ap.STATUS)[2] == ap.DONE
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
