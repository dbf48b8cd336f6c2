#!/usr/bin/python3
"""kskctl's verbs about what was signed before, against whole appliances: two
with the same KSK, one of which learns from the other; a connection that is
lost when it matters; a journal that is taken back.
"""
import contextlib
import json
import os
import select
import shutil
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
from test_kskctl import (  # noqa: E402
    DONE, KSKCTL, LATER, REFUSED, UNREACHABLE)

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
        one.clients["auto"] = (cls.pin, "read, sign, submit")
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

    def last(self, **more):
        return self.ctl_json("last-answer", ZONE, **more)


class Whole(Case):
    def test_1_nothing_was_signed_yet(self):
        data = self.last(code=LATER)
        self.assertEqual(data["status"], "nothing")
        # A policy that is a file is at the box alone: nothing to compare with.
        for argv in (("show", "policy"),
                     ("diff", self.a.path("etc/policy.yaml"))):
            done = self.run_ctl("policy", *argv, code=LATER)
            self.assertEqual(done.out, "")
            self.assertIn("the policy is a file at the box", done.err)
        self.assertNotIn("earliest", self.ctl_json("status"))
        keys = self.ctl_json("keys", ZONE)
        self.assertNotIn("covered-from", keys["ksks"][0])
        # The first answer follows none.
        refused = self.sign("--previous", "ab" * 32, code=REFUSED)
        self.assertEqual([r["rule"] for r in refused["refusals"]],
                         ["previous"])

    def test_2_signed_and_told(self):
        signed = self.sign("--previous", "none")
        last = self.last()
        for key in ("records", "rrsigs", "record", "record-hash", "window"):
            self.assertEqual(last[key], signed[key], key)
        self.assertFalse(last["adopted"])
        text = self.run_ctl("last-answer", ZONE).out
        self.assertIn(signed["rrsigs"][0], text.splitlines())
        status = self.ctl_json("status")
        self.assertEqual(status["earliest"], {
            "zone": ZONE, "expiration": signed["window"]["expiration"]})
        self.assertIn("first to expire: lab.example.",
                      self.run_ctl("status").out)
        keys = self.ctl_json("keys", ZONE)
        self.assertIn("covered-from", keys["ksks"][0])
        for provider in keys["providers"]:
            self.assertIn("covered-from", provider["keys"][0])
            # There is no other key of its provider.
            self.assertNotIn("drop", provider["keys"][0])
        text = self.run_ctl("keys", ZONE).out
        self.assertIn("in every cache always", text)
        self.assertIn("may not leave", text)

    def test_3_compare_and_set(self):
        first = self.last()
        second = self.sign("--previous", first["previous"])
        self.assertGreater(second["record"], first["record"])
        refused = self.sign("--previous", first["previous"], code=REFUSED)
        self.assertEqual([r["rule"] for r in refused["refusals"]],
                         ["previous"])
        third = self.sign("--previous", "auto")
        self.assertEqual(self.last()["previous"], third["record-hash"])

    def test_4_a_repeat_is_given_again(self):
        key = os.urandom(16).hex()
        first = self.sign("--idempotency", key)
        again = self.sign("--idempotency", key)
        self.assertEqual(first, again)
        self.assertEqual(first["idempotency"], key)
        other = self.a.write("one.zone", self.zsks[0].line + "\n")
        self.run_ctl("sign", "--idempotency", key, other, code=REFUSED)
        self.assertNotEqual(self.sign()["record"], first["record"])

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

    def test_5_a_lost_reply_is_asked_for_again(self):
        before = self.results()
        cutter, name = self.lossy(turn=5, times=2)
        signed = self.sign("--tries", "5", profile=name)
        self.assertEqual(cutter.connections, 3)
        self.assertEqual(self.results() - before, 2)  # signed once
        self.assertEqual(self.last()["record"], signed["record"])
        # Lost for good: the key is told, and gets the answer.
        before = self.results()
        cutter, name = self.lossy(turn=5, times=1)
        done = self.run_ctl("sign", "--tries", "1", self.set, profile=name,
                            code=UNREACHABLE)
        key = done.err.split("--idempotency ")[1].split()[0]
        signed = self.sign("--idempotency", key)
        self.assertEqual(self.results() - before, 2)
        self.assertEqual(self.last()["rrsigs"], signed["rrsigs"])
        # Lost before anything was sent.
        cutter, name = self.lossy(turn=3, times=1)
        self.sign(profile=name)
        self.assertEqual(cutter.connections, 2)

    def test_6_answers_ahead(self):
        ahead = int(time.time()) + 5 * 86400
        later = self.sign("--inception", str(ahead), "--previous", "auto")
        last = self.last()
        self.assertEqual([x["record"] for x in last["later"]],
                         [later["record"]])
        self.assertEqual(last["previous"], later["record-hash"])
        self.assertNotEqual(last["record"], later["record"])
        refused = self.sign(code=REFUSED)
        self.assertEqual([r["rule"] for r in refused["refusals"]],
                         ["supersedes"])
        self.sign("--supersedes", str(later["record"]), "--previous", "auto")
        self.assertEqual(self.last()["later"], [])

    def test_7_a_second_appliance_learns(self):
        two = self.stack.enter_context(self.appliance("two"))
        two.make()
        two.ksks = dict(self.a.ksks)
        # The same KSK: the token's files and the keymap are copied.
        shutil.rmtree(two.path("tokens"))
        for name in ("tokens", "etc/pin.main", "etc/keymap"):
            ap.sh("cp", "-a", self.a.path(name), two.path(name))
        self.start(two)
        self.enroll(two, "profile")
        address = f"127.0.0.1:{two.port}"
        last = self.last()
        done = self.ctl_json("adopt", ZONE)
        self.assertEqual([x["status"] for x in done["appliances"]],
                         ["present", "adopted"])
        self.assertEqual(done["appliances"][1]["address"], address)
        done = self.ctl_json("adopt", ZONE)
        self.assertEqual({x["status"] for x in done["appliances"]},
                         {"present"})
        # The first one is gone: the second one has it, and goes on.
        self.a.stop()
        try:
            there = self.last()
            self.assertEqual(there["rrsigs"], last["rrsigs"])
            self.assertTrue(there["adopted"])
            # A second later it expires later than what the first one has.
            end = int(time.time()) + 1
            ap.wait_for(lambda: time.time() >= end)
            signed = self.sign("--previous", there["previous"])
            text = self.run_ctl("last-answer", ZONE).out
            self.assertIn(signed["rrsigs"][0], text)
        finally:
            self.a.start(ready=False)
            self.a.wait_ready("peer")
        # And back, out of a file.
        path = self.a.write("two.zone", text)
        done = self.ctl_json("adopt", "--all", path)
        self.assertEqual([x["status"] for x in done["appliances"]],
                         ["adopted", "present"])

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
        for argv in (("status",), ("sign", self.set), ("last-answer", ZONE),
                     ("adopt", self.a.write("x.zone", self.text()))):
            done = self.run_ctl(*argv, code=UNREACHABLE)
            self.assertEqual(done.out, "", argv)
            for piece in (seen[0], seen[1], f"--forget-record {one}"):
                self.assertIn(piece, done.err, argv)
        self.run_ctl("enroll", "--forget-record", one)
        done = ap.sh(KSKCTL, "--config", os.path.join(self.home, "profile"),
                     "status", check=False)
        self.assertIn(done.returncode, (DONE, LATER), done.err)

    def text(self):
        """What last-answer printed before, out of the other appliance."""
        with open(self.a.path("two.zone"), encoding="utf-8") as f:
            return f.read()

    def answers(self):
        try:
            with self.a.peer("peer") as peer:
                return peer.ask(ap.STATUS)[2] == ap.DONE
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
