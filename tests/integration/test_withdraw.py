#!/usr/bin/python3
"""What one operator takes away: at once, on open connections too, over every
later policy until one lifts it, and never more than it says.
"""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

ZONE = "lab.example."
SECOND = 1.0


class Withdraw(unittest.TestCase):
    quorum = True

    def setUp(self):
        self.a = a = q.Quorum()
        self.addCleanup(a.__exit__)
        a.make_quorum()
        a.add_ksk(ZONE, "ksk1")
        for name in ("auto", "other"):
            a.add_client(name)
        self.zsks = [ap.Zsk(a.path(f"zsk{i}"), ZONE) for i in range(3)]
        a.add_zone(ZONE, ["ksk1"], {"alpha": self.zsks[:2],
                                    "beta": self.zsks[2:]},
                   clients=("auto", "other"))
        if self.quorum:
            self.policy = a.signed_policy_text()
            a.start(ready=False)
            a.wait_up()
            self.done(a.submit_text(q.POLICY, self.policy, ["anna", "bert"]))
        else:
            a.config()
            self.policy = a.policy_text()
            a.write_policy(self.policy)
            a.start()
        a.wait_ready()

    def done(self, reply):
        self.assertEqual(reply[2], ap.DONE, f"{reply}\n{self.a.log_text()}")
        return reply[3]

    def text(self, keys=(), clients=(), replaces=None, not_after=None):
        text = (f"kind: withdraw\nappliance: {self.a.id}\nreplaces: "
                f"{replaces or q.hash_of(self.policy)}\nnot-after: "
                f"{not_after or q.later()}\n")
        if keys:
            text += "keys:\n" + "".join(f"  - {{{k}}}\n" for k in keys)
        if clients:
            text += "clients:\n" + "".join(f"  - {{{c}}}\n" for c in clients)
        return text

    def withdraw(self, names=("carl",), text=None, **more):
        text = text or self.text(**more)
        return text, self.a.submit_text(q.WITHDRAW, text, names)

    def refused(self, reply, *rules):
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertEqual(q.rules(reply), set(rules), reply)

    def sign(self, peer, zsks=None):
        return self.a.sign(peer, ZONE, zsks or self.zsks)

    def key_entry(self, zsk):
        with self.a.peer() as p:
            body = p.ask(ap.KEYS, {1: ap.wire_name(ZONE)})[3]
        tag = zsk.tag.to_bytes(2, "big")
        return [k for provider in body[6] for k in provider[3]
                if k[1][:2] == tag][0]


class WithAQuorum(Withdraw):
    def test_a_key(self):
        a, key = self.a, self.zsks[0]
        with a.peer() as live:
            signed = self.sign(live)
            self.assertEqual(signed[2], ap.DONE, signed)
            _, reply = self.withdraw(keys=[f'ds: "{key.ds}"'])
            self.done(reply)
            at = time.monotonic()
            reply = self.sign(live)
            self.assertLess(time.monotonic() - at, SECOND * ap.SLOW)
            self.refused(reply, "key-allowed")
            self.assertEqual(reply[4][0][3], key.tag)
            entry = self.key_entry(key)
            self.assertTrue(entry[3])
            self.assertEqual(entry[6], signed[3][5][2])  # exposed until
            self.exposed_is_told(live, key, entry[6])
            # Without it, at once: its own waits are waived.
            self.assertEqual(self.sign(live, self.zsks[1:])[2], ap.DONE)
        a.stop()
        a.start()
        with a.peer() as p:
            self.refused(self.sign(p), "key-allowed")

    def exposed_is_told(self, live, key, until):
        """Status tells it unasked, to whoever may see the zone."""
        told = live.ask(ap.STATUS)[3][17]
        self.assertEqual([(t[1], t[2], t[4]) for t in told],
                         [(ap.wire_name(ZONE), "alpha", until)])
        self.assertEqual(told[0][3][:2], key.tag.to_bytes(2, "big"))
        with self.a.peer("boss") as p:
            self.assertNotIn(17, p.ask(ap.STATUS)[3])

    def test_only_in_one_zone(self):
        key = self.zsks[0]
        _, reply = self.withdraw(keys=[f'zone: other.example., ds: "{key.ds}"'])
        self.refused(reply, "withdraw")
        _, reply = self.withdraw(keys=[f'zone: LAB.example, ds: "{key.ds}"'])
        self.done(reply)
        self.assertTrue(self.key_entry(key)[3])
        # It was in no answer: nothing can be replayed.
        with self.a.peer() as p:
            self.assertNotIn(17, p.ask(ap.STATUS)[3])

    def test_a_client(self):
        a = self.a
        pin = a.clients["auto"][0]
        with a.peer() as live, a.peer("other") as other:
            self.assertEqual(live.ask(ap.STATUS)[2], ap.DONE)
            _, reply = self.withdraw(clients=[f"pin: {pin}"])
            at = time.monotonic()
            self.done(reply)
            with self.assertRaises((ConnectionError, OSError)):
                live.receive()
            self.assertLess(time.monotonic() - at, SECOND * ap.SLOW)
            self.assertEqual(self.sign(other)[2], ap.DONE)
        with self.assertRaises((ConnectionError, OSError)):
            with a.peer() as p:
                p.ask(ap.STATUS)

    def test_one_right(self):
        a = self.a
        pin = a.clients["auto"][0]
        with a.peer() as live:
            _, reply = self.withdraw(clients=[f"pin: {pin}, may: [sign]"])
            self.done(reply)
            self.assertEqual(self.sign(live)[2], ap.NOT_AUTHORISED)
            self.assertEqual(live.ask(ap.STATUS)[2], ap.DONE)

    def test_refused(self):
        a, key = self.a, self.zsks[0]
        a.ops["eve"] = q.Operator(a.dir, "eve")
        ok = {"keys": [f'ds: "{key.ds}"']}
        for names, more, rules in (
                (["eve"], ok, {"operator", "quorum"}),
                (["anna", "eve"], ok, {"operator"}),
                (["anna"], {**ok, "not_after": q.later(-1)}, {"not-after"}),
                (["anna"], {**ok, "replaces": "none"}, {"replaces"}),
                (["anna"], {"clients": [f"pin: {'0' * 64}"]}, {"withdraw"}),
                (["anna"], {"keys": ['ds: "%s"' % ap.ds_text(
                    ZONE, a.ksks["ksk1"])]}, {"withdraw"}),
                (["anna"], {}, {"document"})):
            self.refused(self.withdraw(names, **more)[1], *rules)
        with a.peer() as p:
            self.assertEqual(self.sign(p)[2], ap.DONE)

    def test_until_a_policy_lifts_it(self):
        a, key = self.a, self.zsks[0]
        text, reply = self.withdraw(keys=[f'ds: "{key.ds}"'])
        self.done(reply)
        self.refused(self.withdraw(text=text)[1], "withdraw")
        self.assertEqual([x.hex() for x in a.show()[9]], [q.hash_of(text)])
        # The next policy does not know of it, and changes nothing of it.
        second = a.signed_policy_text(q.hash_of(self.policy))
        self.done(a.submit_text(q.POLICY, second, ["anna", "bert"]))
        with a.peer() as p:
            self.refused(self.sign(p), "key-allowed")
        third = a.signed_policy_text(
            q.hash_of(second), more=f"lifts: [{q.hash_of(text)}]\n")
        self.done(a.submit_text(q.POLICY, third, ["anna", "bert"]))
        self.assertEqual(a.show()[9], [])
        with a.peer() as p:
            self.assertEqual(self.sign(p)[2], ap.DONE)
        a.stop()
        a.start()
        with a.peer() as p:
            self.assertEqual(self.sign(p)[2], ap.DONE)


class WithAFile(Withdraw):
    """The policy is a file; operators can take away all the same."""
    quorum = False

    def test_a_key_stays_away(self):
        a, key = self.a, self.zsks[0]
        text, reply = self.withdraw(keys=[f'ds: "{key.ds}"'])
        self.done(reply)
        with a.peer() as p:
            self.refused(self.sign(p), "key-allowed")
        before = len(a.log_lines("reload-done"))
        policy = a.policy_text()
        a.write_policy(policy)
        a.reload()
        ap.wait_for(lambda: len(a.log_lines("reload-done")) > before)
        with a.peer() as p:
            self.refused(self.sign(p), "key-allowed")
        a.stop()
        a.start()
        with a.peer() as p:
            self.refused(self.sign(p), "key-allowed")
        # Whoever may write the file may lift it.
        a.write_policy(a.policy_text().replace(
            "clients:", f"lifts: [{q.hash_of(text)}]\nclients:", 1))
        a.reload()
        ap.wait_for(lambda: len(a.log_lines("reload-done")) > before + 1 or
                    a.log_lines("policy: a policy"))
        ap.wait_for(lambda: a.show()[9] == [])
        with a.peer() as p:
            self.assertEqual(self.sign(p)[2], ap.DONE)


if __name__ == "__main__":
    unittest.main()
