#!/usr/bin/python3
"""Every hold of an appliance with a quorum has its way out by operators, and by
nobody alone: a doubted clock, a journal put back from a copy; also while the
token is down and the frontend is busy.
"""
import contextlib
import hashlib
import json
import os
import shutil
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402
from test_announce import ANNOUNCE, Signer  # noqa: E402
from test_clock import with_clock  # noqa: E402

ZONE = "lab.example."
TOKEN_DOWN, CLOCK_HOLD, RESTORED = 1, 4, 6
DAY = 86400


class Held(unittest.TestCase):
    anchor = False

    def setUp(self):
        self.a = a = q.Quorum(workers=1)
        self.addCleanup(a.__exit__)
        a.make_quorum(tokens=self.tokens(a))
        a.add_ksk(ZONE, "ksk1")
        a.add_client("auto")
        self.zsks = [ap.Zsk(a.path(f"zsk{i}"), ZONE) for i in range(2)]
        a.add_zone(ZONE, ["ksk1"], {"alpha": self.zsks[:1],
                                    "beta": self.zsks[1:]})
        self.clock = with_clock(a)
        self.addCleanup(self.clock.close)
        a.start(ready=False)
        a.wait_up()
        self.policy = a.signed_policy_text(not_after=q.later(30 * DAY))
        self.done(a.submit_text(q.POLICY, self.policy, ["anna", "bert"]))
        a.wait_ready()

    def tokens(self, a):
        return f"""
  - name: main
    module: {ap.SOFTHSM}
    uri: "pkcs11:token=ksk"
    pin: {{file: "{a.path('etc/pin.main')}"}}
    workers: 1
    anchor: {'yes' if self.anchor else 'no'}
    environment: ["SOFTHSM2_CONF={a.path('etc/softhsm2.conf')}"]
    paths:
      - {{path: "{a.path('tokens')}", access: rw}}
      - {{path: "{a.path('etc/softhsm2.conf')}", access: r}}
"""

    def done(self, reply):
        self.assertEqual(reply[2], ap.DONE, f"{reply}\n{self.a.log_text()}")
        return reply[3]

    def refused(self, reply, *rules):
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertEqual(q.rules(reply), set(rules), reply)

    def state(self):
        with self.a.peer("boss") as p:
            return p.ask(ap.STATUS)[3][4]

    def sign(self):
        with self.a.peer() as p:
            return self.a.sign(p, ZONE, self.zsks)

    def accept(self, line):
        """What kskadm writes where a file is the policy: not looked at."""
        path = self.a.path("state/journal/accept")
        self.a.write("state/journal/accept", line + "\n", 0o600)
        if os.getuid() == 0:
            os.chown(path, ap.USERS["signer"], ap.USERS["signer"])

    def text(self, act, nonce="ab" * 32, **changes):
        stands = self.a.show()
        values = {"appliance": self.a.id, "not-after": q.later(30 * DAY),
                  "act": act, "journal": stands[6].hex(),
                  "record": stands[7], "record-hash": stands[8].hex(),
                  "nonce": nonce}
        values.update({k.replace("_", "-"): v for k, v in changes.items()})
        return "kind: authorise\n" + "".join(
            f"{k}: {v}\n" for k, v in values.items())

    def authorise(self, text, names=("bert", "carl")):
        return self.a.submit_text(q.AUTHORISE, text, names)


    @contextlib.contextmanager
    def worst_times(self):
        """The token is away, and clients ask as much as they can."""
        a, over, served = self.a, threading.Event(), []
        os.rename(a.path("tokens"), a.path("away"))
        for pid in a.children()["kskd-token"]:
            os.kill(pid, 9)
        ap.wait_for(lambda: self.state() != 0)

        def load():
            with a.peer("auto") as p:
                while not over.is_set():
                    for _ in range(32):
                        p.send(ap.STATUS)
                    for _ in range(32):
                        p.receive()
                    served.append(32)
        threads = [threading.Thread(target=load) for _ in range(4)]
        for t in threads:
            t.start()
        try:
            yield
        finally:
            over.set()
            for t in threads:
                t.join()
        self.assertGreater(sum(served), 0)

    def signs_again(self):
        os.rename(self.a.path("away"), self.a.path("tokens"))
        ap.wait_for(lambda: self.state() == 0, 20)
        self.assertEqual(self.sign()[2], ap.DONE)


class Clock(Held):
    def hold(self):
        self.clock.set(seconds=2 * 3600)  # a jump, and boot time stays
        ap.wait_for(lambda: self.state() == CLOCK_HOLD)
        self.assertEqual(self.sign()[2], ap.NOT_READY)

    def test_operators_end_it(self):
        a = self.a
        self.refused(self.authorise(self.text("accept-clock")), "authorise")
        self.hold()
        # Nobody alone: not at the box, not one operator.
        done = a.kskadm("accept", "clock", a.show()[6].hex(), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("authorise document", done.err)
        self.accept(f"accept-clock {a.show()[6].hex()} {q.later(9 * DAY)}")
        text = self.text("accept-clock")
        for changes, rules in (
                ({"journal": "0" * 32}, {"authorise"}),
                ({"record_hash": "0" * 64}, {"authorise"}),
                ({"record": 1 << 40}, {"authorise"}),
                ({"appliance": "0" * 32}, {"appliance"}),
                ({"not_after": "2026-01-01T00:00:00Z"}, {"not-after"}),
                ({"act": "accept-restore"}, {"authorise"}),
                ({"nonce": "ab"}, {"document"})):
            self.refused(self.authorise(self.text(**{
                "act": "accept-clock", **changes})), *rules)
        self.refused(self.authorise(text, ["anna"]), "quorum")
        self.assertEqual(self.state(), CLOCK_HOLD)
        # Records were written since the text was: it is of this journal.
        self.done(self.authorise(text))
        ap.wait_for(lambda: self.state() == 0)
        self.assertEqual(self.sign()[2], ap.DONE)
        # Once only.
        self.clock.set(seconds=5 * 3600)
        ap.wait_for(lambda: self.state() == CLOCK_HOLD)
        self.refused(self.authorise(text), "authorise")
        a.stop()
        a.start(ready=False)
        a.wait_up()

    def test_token_down_and_frontend_busy(self):
        with self.worst_times():
            self.clock.set(seconds=2 * 3600)
            ap.wait_for(lambda: self.state() == CLOCK_HOLD)
            self.done(self.authorise(self.text("accept-clock")))
            ap.wait_for(lambda: self.state() == TOKEN_DOWN)
        self.signs_again()


class Journal(Held):
    anchor = True

    def put_back(self):
        """An older journal is put back from a copy."""
        a = self.a
        folder = a.path("state/journal")
        self.assertEqual(self.sign()[2], ap.DONE)
        a.stop()
        shutil.copytree(folder, a.path("copy"))
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        a.stop()
        shutil.rmtree(folder)
        shutil.copytree(a.path("copy"), folder)
        if os.getuid() == 0:
            for name in [folder] + [os.path.join(folder, x)
                                    for x in os.listdir(folder)]:
                os.chown(name, ap.USERS["signer"], ap.USERS["signer"])
        a.start(ready=False)
        a.wait_up(state=RESTORED)
        self.assertEqual(self.sign()[2], ap.NOT_READY)

    def test_operators_end_it(self):
        self.put_back()
        stands = self.a.show()
        self.accept(f"accept-restore {stands[6].hex()} {stands[7]} "
                    f"{stands[8].hex()} {q.later(9 * DAY)}")
        text = self.text("accept-restore")
        self.refused(self.authorise(self.text(
            "accept-restore", record=stands[7] - 1)), "authorise")
        self.refused(self.authorise(text, ["carl"]), "quorum")
        self.assertEqual(self.state(), RESTORED)
        self.done(self.authorise(text))
        ap.wait_for(lambda: self.state() == 0)
        self.assertEqual(self.sign()[2], ap.DONE)
        self.refused(self.authorise(text), "authorise")

    def test_token_down_and_frontend_busy(self):
        self.put_back()
        with self.worst_times():
            self.assertEqual(self.state(), RESTORED)
            text = self.text("accept-restore")
            self.refused(self.authorise(text, ["carl"]), "quorum")
            self.done(self.authorise(text))
            ap.wait_for(lambda: self.state() == TOKEN_DOWN)
        self.signs_again()
        # For good: also over a restart.
        self.a.stop()
        self.a.start()
        self.assertEqual(self.sign()[2], ap.DONE)


class Serial(Held):
    """A provider that lost its counter announces again."""

    def setUp(self):
        super().setUp()
        a = self.a
        self.provider = Signer(a.dir, "gamma")
        self.zsk = ap.Zsk(a.path("zsk9"), ZONE)
        a.add_client("carrier", may="announce")
        out = self.ctl("enroll", "--name", "ctl", "--appliance",
                       f"127.0.0.1:{a.port}", "--server-pin", a.server_pin)
        a.clients["ctl"] = (out.split("pin: ")[1].split(",")[0],
                            "read, journal")
        zone = list(a.zones[0])
        zone[3] = ("auto", "carrier")
        a.zones[0] = tuple(zone)
        self.second = a.signed_policy_text(
            q.hash_of(self.policy), not_after=q.later(30 * DAY)).replace(
            "    providers:\n", "    providers:\n      - {name: gamma, state: "
            "joining, source: announced, max-keys: 2, certificate: "
            f"\"{self.provider.yaml}\"}}\n")
        self.done(a.submit_text(q.POLICY, self.second, ["anna", "bert"]))

    def ctl(self, *argv):
        return ap.sh(os.path.join(ap.BUILD, "kskctl"), "--config",
                     self.a.path("profile"), *argv).out

    def announce(self, serial):
        text = (f"kind: announcement\nzone: {ZONE}\nprovider: gamma\n"
                f"serial: {serial}\nnot-before: {q.later(-DAY)}\n"
                f"not-after: {q.later(30 * DAY)}\n\n"
                f"{ap.dnskey_line(ZONE, self.zsk.rdata)}\n")
        with self.a.peer("carrier") as p:
            return p.ask(ANNOUNCE, {1: self.provider.sign(text)})

    def test_operators_let_it_begin_anew(self):
        more = {"zone": ZONE, "provider": "gamma", "serial": 3}
        self.refused(self.authorise(self.text("reset-serial", **more)),
                     "authorise")
        self.done(self.announce(1000))
        self.refused(self.announce(7), "serial")
        for changed in ({"serial": 1000}, {"provider": "alpha"},
                        {"zone": "other.example."},
                        {"record_hash": "0" * 64}):
            self.refused(self.authorise(self.text("reset-serial", **{
                **more, **changed})), "authorise")
        self.refused(self.authorise(self.text("reset-serial")), "document")
        text = self.text("reset-serial", **more)
        self.refused(self.authorise(text, ["anna"]), "quorum")
        self.refused(self.announce(7), "serial")
        self.done(self.authorise(text))
        self.is_recorded()
        self.refused(self.announce(3), "serial")
        self.done(self.announce(7))
        self.refused(self.authorise(text), "authorise")
        self.a.stop()
        self.a.start()
        self.refused(self.announce(7 - 1), "serial")

    def test_token_down_and_frontend_busy(self):
        self.done(self.announce(1000))
        with self.worst_times():
            self.done(self.authorise(self.text(
                "reset-serial", zone=ZONE, provider="gamma", serial=3)))
            self.done(self.announce(7))
        self.signs_again()

    def is_recorded(self):
        """The journal tells the whole act: what, by whom, on which paper."""
        with open(self.a.path("document.cms"), "rb") as f:
            paper = hashlib.sha256(f.read()).hexdigest()
        export = self.a.path("journal.ksk")
        self.ctl("journal", "export", "--out", export)
        record = [json.loads(x) for x in self.ctl(
            "--json", "journal", "show", export).splitlines()][-1]
        self.assertEqual((record["kind"], record["zone"]), ("accept", ZONE))
        self.assertEqual(record["reset"], {"provider": "gamma",
                                           "before": 1000, "after": 3})
        pins = {self.a.ops[n].pin for n in ("bert", "carl")}
        self.assertEqual(record["document"]["hash"], paper)
        self.assertEqual(set(record["document"]["operators"]), pins)
        said = self.ctl("journal", "show", export)[-800:]
        for words in (f"accept {ZONE}", "serial of provider gamma: 1000, set "
                      "back to 3", f"document: {paper}",
                      *(f"signed by: {pin}" for pin in pins)):
            self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
