#!/usr/bin/python3
"""What was signed before decides what may be signed next, in whole appliances:
repeats, compare and set, turns, adoption, key rolls by the moments that `keys`
tells, rates over restarts, policies that would break a zone, and crashes at
any moment.
"""
import os
import shutil
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import test_clock  # noqa: E402

DAY = 86400
NONE = bytes(32)


def rules(reply):
    return {r[1] for r in reply.get(4, [])}


def add_zone(a, zone, alpha=1, beta=1, **more):
    """A zone with a KSK and so many ZSKs of two providers; returns them."""
    a.add_ksk(zone, zone)
    keys = [ap.Zsk(a.path(zone), zone) for _ in range(alpha + beta)]
    a.add_zone(zone, [zone], {"alpha": keys[:alpha], "beta": keys[alpha:]},
               **more)
    return keys


def parent(a, zone, seen="2026-01-01T00:00:00Z"):
    return f'{{seen: {seen}, ds: ["{ap.ds_text(zone, a.ksks[zone])}"]}}'


class Base(unittest.TestCase):
    def begin(self, a):
        self.a = a
        self.addCleanup(a.__exit__)
        self.addCleanup(self.end)

    def end(self):
        status = self.a.stop(check=False) if self.a.process else 0
        log = self.a.log_text()
        if status != 0 or "Sanitizer" in log:
            raise AssertionError(f"kskd ended with {status}\n{log}")

    def make(self):
        a = ap.Appliance()
        a.make()
        a.add_client("auto")
        self.begin(a)
        return a

    def peer(self, client="auto"):
        peer = self.a.peer(client)
        self.addCleanup(peer.close)
        return peer

    def done(self, reply):
        self.assertEqual(reply[2], ap.DONE, reply)
        return reply.get(3)

    def refused(self, reply, *names):
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertEqual(rules(reply), set(names), reply)

    def record(self):
        return self.done(self.peer().ask(ap.STATUS))[8]

    def answers(self):
        try:
            with self.a.peer() as peer:
                return peer.ask(ap.STATUS)[2] == ap.DONE
        except OSError:
            return False

    def kill_signer(self):
        victim = self.a.children()["kskd-signer"][0]
        os.kill(victim, signal.SIGKILL)
        ap.wait_for(lambda: victim not in
                    self.a.children().get("kskd-signer", []))
        self.a.wait_ready()

    def reload(self, event):
        """Loads the policy written anew; event: what the log says then."""
        self.a.write_policy()
        before = len(self.a.log_lines(event))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines(event)) > before)
        return self.a.log_lines(event)[-1]

    def keys_of(self, zone):
        """{DS RDATA: entry} of all provider keys, {…} of KSKs."""
        body = self.done(self.peer().ask(ap.KEYS, {1: ap.wire_name(zone)}))
        return ({k[1]: k for p in body[6] for k in p[3]},
                {k[2]: k for k in body[5]})


def ds_rdata(zone, rdata):
    words = ap.ds_text(zone, rdata).split()
    return int(words[0]).to_bytes(2, "big") + bytes(
        [int(words[1]), 2]) + bytes.fromhex(words[3])


class Repeats(Base):
    KEY = bytes(range(16))

    def setUp(self):
        a = self.make()
        a.add_client("other")
        self.zone = "lab.example."
        self.zsks = add_zone(a, self.zone, clients=["auto", "other"])
        a.zones[-1] = (*a.zones[-1][:3], ("auto", "other"), {})
        a.write_policy()
        self.clock = test_clock.with_clock(a)
        self.addCleanup(self.clock.close)
        a.start()

    def ask(self, peer, zsks=None, **body):
        fields = {3: self.KEY}
        fields.update({int(k[1:]): v for k, v in body.items()})
        return self.a.sign(peer, self.zone, zsks or self.zsks, body=fields)

    def test_the_same_request_gets_the_same_answer(self):
        first = self.done(self.ask(self.peer()))
        head = self.record()
        again = self.done(self.ask(self.peer()))
        self.assertEqual(first, again)
        self.assertEqual(self.record(), head)  # no token was asked
        # Over any end of the signer too.
        self.kill_signer()
        self.assertEqual(self.done(self.ask(self.peer())), first)
        self.assertEqual(self.a.stop(), 0)
        self.a.start()
        self.assertEqual(self.done(self.ask(self.peer())), first)
        # A day later it is a request like any other.
        self.clock.pass_time(DAY)
        late = self.done(self.ask(self.peer()))
        self.assertNotEqual(late[2], first[2])

    def test_other_bytes_under_the_same_key_are_refused(self):
        peer = self.peer()
        first = self.done(self.ask(peer))
        window = {1: first[5][1] - 1, 2: first[5][2] - 1}
        reply = self.ask(peer, _2=window)
        self.refused(reply, "idempotency")
        self.assertEqual(self.done(self.ask(peer)), first)
        # Another client's key is another key.
        theirs = self.done(self.ask(self.peer("other"), _2=window))
        self.assertNotEqual(theirs[2], first[2])

    def test_repeats_under_way_get_one_answer(self):
        peer = self.peer()
        body = {1: self.a.keyset(self.zone, self.zsks), 3: self.KEY}
        for _ in range(20):
            peer.send(ap.SIGN, body)
        replies = [self.done(peer.receive()) for _ in range(20)]
        self.assertEqual(len({r[2] for r in replies}), 1)
        self.assertEqual(len({r[1][0] for r in replies}), 1)

    def test_a_refusal_is_not_kept(self):
        peer = self.peer()
        self.refused(self.ask(peer, _4=b"\x07" * 32), "previous")
        self.done(self.ask(peer))

    def test_what_the_policy_forbids_now_is_not_given_again(self):
        peer = self.peer()
        self.done(self.ask(peer))
        name, ksks, providers, clients, more = self.a.zones[0]
        more = dict(more, ttl="2h")
        self.a.zones[0] = (name, ksks, providers, clients, more)
        self.reload("policy")
        self.refused(self.ask(peer), "ttl")

    def test_an_answer_that_was_replaced_is_not_given_again(self):
        """The old set, given again, would be served again unseen."""
        peer = self.peer()
        more = ap.Zsk(self.a.path("more"), self.zone)
        self.done(self.ask(peer))
        name, ksks, providers, clients, rest = self.a.zones[0]
        providers = dict(providers, alpha=[*providers["alpha"], more])
        self.a.zones[0] = (name, ksks, providers, clients, rest)
        self.reload("policy")
        wide = self.done(self.a.sign(peer, self.zone, [*self.zsks, more]))
        self.refused(self.ask(peer), "idempotency")
        last = self.done(self.a.last_answer(peer, self.zone))
        self.assertEqual(last[3], wide[2])


class Order(Base):
    def setUp(self):
        a = self.make()
        a.add_client("other")
        a.add_client("reader", "read")
        self.zsks = {}
        for zone, more in (
                ("set.example.", {}), ("turn.example.", {}),
                ("early.example.", {}), ("rate.example.", {"rate": "3/1h"}),
                ("later.example.", {
                    "signature": "{validity: 14d, refresh: 5d,"
                    " inception-offset: 1h, horizon: 30d, min-validity: 1d}"}),
                ("last.example.", {})):
            self.zsks[zone] = add_zone(a, zone, 2, 1, **more)
            a.zones[-1] = (*a.zones[-1][:3], ("auto", "other", "reader"),
                           a.zones[-1][4])
        a.write_policy()
        a.start()

    def test_compare_and_set(self):
        """Two clients change a zone from the same state: one is told."""
        zone = "set.example."
        a1, _, b1 = keys = self.zsks[zone]
        one, two = self.peer(), self.peer("other")
        first = self.done(self.a.sign(one, zone, [a1, b1],
                                      body={4: NONE}))
        self.refused(self.a.sign(two, zone, [a1, b1], body={4: NONE}),
                     "previous")
        state = self.done(self.a.last_answer(two, zone))
        self.assertEqual(state[4], first[3])
        second = self.done(self.a.sign(one, zone, keys,
                                       body={4: first[3]}))
        self.refused(self.a.sign(two, zone, keys, body={4: state[4]}),
                     "previous")
        state = self.done(self.a.last_answer(two, zone))
        self.assertEqual(state[4], second[3])
        self.done(self.a.sign(two, zone, keys, body={4: state[4]}))

    def test_another_set_of_a_zone_waits_its_turn(self):
        """Judged side by side, the second would not see what the first puts
        into caches."""
        zone = "turn.example."
        a1, _, b1 = keys = self.zsks[zone]
        peer = self.peer()
        numbers = [peer.send(ap.SIGN, {1: self.a.keyset(zone, s)})
                   for s in (keys, keys, [a1, b1], keys)]
        replies = {}
        for _ in numbers:
            reply = peer.receive()
            replies[reply[1]] = reply
        first, same, narrow, again = (replies[n] for n in numbers)
        self.done(first)
        self.done(same)
        self.refused(narrow, "early-drop")
        self.done(again)
        # The order of records is the order in which they came.
        self.assertLess(first[3][2], again[3][2])

    def test_a_key_in_use_does_not_leave(self):
        zone = "early.example."
        a1, a2, b1 = keys = self.zsks[zone]
        peer = self.peer()
        self.done(self.a.sign(peer, zone, keys))
        reply = self.a.sign(peer, zone, [a1, b1])
        self.refused(reply, "early-drop")
        self.assertEqual(reply[4][0][3], a2.tag)
        # Two days after its provider stopped to sign with it, it may.
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                           time.gmtime(time.time() - 3 * DAY))
        for i, (name, ksks, providers, clients, more) in enumerate(
                self.a.zones):
            if name == zone:
                retired = '{ds: "%s", retired: %s}' % (a2.ds, at)
                self.a.zones[i] = (name, ksks, dict(
                    providers, alpha=[a1, retired]), clients, more)
        self.reload("policy")
        self.done(self.a.sign(peer, zone, [a1, b1]))

    def test_rates_hold_over_restarts(self):
        zone = "rate.example."
        a1, _, b1 = keys = self.zsks[zone]
        peer = self.peer()
        for _ in range(3):
            self.done(self.a.sign(peer, zone, [a1, b1]))
        self.refused(self.a.sign(peer, zone, keys), "rate")
        self.kill_signer()
        peer = self.peer()
        self.refused(self.a.sign(peer, zone, keys), "rate")
        self.done(self.a.sign(peer, zone, [a1, b1]))  # a refresh always is
        self.done(self.a.sign(self.peer("other"), zone, keys))

    def test_later_answers_are_superseded_by_name(self):
        zone = "later.example."
        a1, _, b1 = keys = self.zsks[zone]
        peer, now = self.peer(), int(time.time())
        self.done(self.a.sign(peer, zone, [a1, b1]))
        ahead = self.done(self.a.sign(peer, zone, keys, body={
            2: {1: now + 5 * DAY, 2: now + 15 * DAY}}))
        body = self.done(self.a.last_answer(peer, zone))
        self.assertEqual([x[1] for x in body[9]], [ahead[2]])
        reply = self.a.sign(peer, zone, [a1, b1])
        self.refused(reply, "supersedes")
        self.refused(self.a.sign(peer, zone, [a1, b1],
                                 body={7: [ahead[2] + 1]}), "supersedes")
        self.done(self.a.sign(peer, zone, [a1, b1], body={7: [ahead[2]]}))
        body = self.done(self.a.last_answer(peer, zone))
        self.assertNotIn(9, body)

    def test_last_answer(self):
        zone = "last.example."
        keys = self.zsks[zone]
        peer = self.peer()
        self.assertIsNone(self.done(self.a.last_answer(peer, zone)))
        first = self.done(self.a.sign(peer, zone, keys))
        for client in ("auto", "reader"):
            body = self.done(self.a.last_answer(self.peer(client), zone))
            self.assertEqual(body[1], self.a.keyset(zone, keys))
            self.assertEqual(body[2], first[1])
            self.assertEqual((body[3], body[4]), (first[2], first[3]))
            self.assertEqual(body[6], first[5])
            self.assertFalse(body[8])
        self.assertIsNone(self.done(self.a.last_answer(peer, zone, ap.CDS)))
        self.kill_signer()
        self.assertEqual(self.done(self.a.last_answer(self.peer(), zone)),
                         body)
        reply = self.a.last_answer(self.peer(), "nowhere.example.")
        self.assertEqual(reply[2], ap.UNKNOWN_ZONE)
        reply = self.a.adopt(self.peer("reader"), body[1], body[2])
        self.assertEqual(reply[2], ap.NOT_AUTHORISED)


class Moments(Base):
    """`keys` tells moments that the rules then keep to the second."""

    def setUp(self):
        a = self.make()
        self.zone = "lab.example."
        self.keys = add_zone(a, self.zone, 2, 1)
        a.zones[0][4]["parent-ds"] = parent(a, self.zone)
        a.write_policy()
        self.clock = test_clock.with_clock(a)
        self.addCleanup(self.clock.close)
        a.start()

    def told(self, zsk):
        return self.keys_of(self.zone)[0][ds_rdata(self.zone, zsk.rdata)]

    def test_a_roll_goes_by_what_is_told(self):
        old, new, beta = self.keys
        peer = self.peer()
        begin = self.done(self.a.sign(peer, self.zone, [old, beta]))
        self.assertEqual(self.told(old)[4], 0)  # no cache ever lacked it
        self.assertNotIn(4, self.told(new))
        self.assertNotIn(5, self.told(old))  # nothing could replace it
        self.clock.pass_time(60)
        self.done(self.a.sign(peer, self.zone, [old, new, beta]))
        entry = self.told(new)
        # Served everywhere after propagation, cached for a TTL more.
        self.assertGreaterEqual(entry[4], begin[5][1] + 60 + 3600 + 7200)
        drop = self.told(old)[5]
        self.assertGreater(drop, entry[4])
        status = self.done(peer.ask(ap.STATUS))
        self.assertEqual(status[13][1], ap.wire_name(self.zone))
        now = status[3]
        self.clock.pass_time(drop - now - 5)
        self.refused(self.a.sign(self.peer(), self.zone, [new, beta]),
                     "early-drop")
        self.clock.pass_time(10)
        last = self.done(self.a.sign(self.peer(), self.zone, [new, beta]))
        self.assertNotIn(4, self.told(old))
        status = self.done(self.peer().ask(ap.STATUS))
        self.assertEqual(status[13][2], last[5][2])

    def test_a_withdrawn_key_is_exposed_until_its_signatures_expire(self):
        old, new, beta = self.keys
        peer = self.peer()
        answer = self.done(self.a.sign(peer, self.zone, self.keys))
        name, ksks, providers, clients, more = self.a.zones[0]
        gone = '{ds: "%s", withdrawn: yes}' % new.ds
        self.a.zones[0] = (name, ksks, dict(providers, alpha=[old, gone]),
                           clients, more)
        self.reload("policy")
        entry = self.told(new)
        self.assertTrue(entry[3])
        self.assertEqual(entry[6], answer[5][2])
        self.assertNotIn(6, self.told(old))
        self.refused(self.a.sign(peer, self.zone, self.keys), "key-allowed")
        self.done(self.a.sign(peer, self.zone, [old, beta]))


class Adoption(Base):
    """A zone that another appliance has signed: that one's token, and nothing
    else of it."""

    def setUp(self):
        first = ap.Appliance(name="first")
        self.addCleanup(first.__exit__)
        first.make()
        first.add_client("auto")
        self.zone = "lab.example."
        self.keys = add_zone(first, self.zone, 2, 1)
        first.write_policy()
        first.start()
        with first.peer() as peer:
            a1, _, b1 = self.keys
            self.old = self.done(first.sign(peer, self.zone, [a1, b1]))
            time.sleep(1.1)
            self.new = self.done(first.sign(peer, self.zone, self.keys))
        self.assertEqual(first.stop(), 0)

        a = self.make()
        a.ksks = dict(first.ksks)
        shutil.rmtree(a.path("tokens"))
        for name in ("tokens", "etc/keymap", "etc/pin.main"):
            ap.sh("cp", "-a", first.path(name), a.path(name))
        a.add_zone(self.zone, [self.zone], first.zones[0][2],
                   **{"new-zone": None})
        a.zones[0][4]["parent-ds"] = parent(a, self.zone)
        a.write_policy()
        a.start()
        self.keyset = a.keyset(self.zone, self.keys)

    def test_adopted_and_signed_on(self):
        a, peer = self.a, self.peer()
        a1, a2, b1 = self.keys
        self.refused(a.sign(peer, self.zone, self.keys), "adopt")
        bad = self.new[1][0][:-1] + bytes([self.new[1][0][-1] ^ 1])
        self.refused(a.adopt(peer, self.keyset, [bad]), "adopt")
        self.refused(a.adopt(peer, a.keyset(self.zone, [a1, b1]),
                             self.new[1]), "adopt")
        self.refused(a.adopt(peer, self.keyset, [self.new[1][0]] * 2),
                     "adopt")
        self.assertIsNone(self.done(a.last_answer(peer, self.zone)))

        adopted = self.done(a.adopt(peer, self.keyset, self.new[1]))
        self.assertNotIn(3, adopted)
        head = self.record()
        again = self.done(a.adopt(peer, self.keyset, self.new[1]))
        self.assertEqual(adopted, again)
        self.assertEqual(self.record(), head)
        body = self.done(a.last_answer(peer, self.zone))
        self.assertTrue(body[8])
        self.assertEqual((body[1], body[2]), (self.keyset, self.new[1]))
        self.assertEqual((body[3], body[4]), (adopted[1], adopted[2]))

        self.kill_signer()
        peer = self.peer()
        self.refused(a.adopt(peer, a.keyset(self.zone, [a1, b1]),
                             self.old[1]), "adopt")
        # A refresh, and a CDS that says what the parent says, pass at once.
        self.done(a.sign(peer, self.zone, self.keys))
        cds = ap.rrset(self.zone, ap.CDS, 3600,
                       [ds_rdata(self.zone, a.ksks[self.zone])])
        self.done(peer.ask(ap.SIGN, {1: cds}))
        # What caches may hold from before is not known: no key leaves.
        self.refused(a.sign(peer, self.zone, [a1, b1]), "early-drop",
                     "zsk-coverage")
        # Nor does a key count as covered that came with the adoption.
        covered = self.keys_of(self.zone)[0][
            ds_rdata(self.zone, a2.rdata)][4]
        self.assertGreater(covered, int(time.time()))

    def test_a_key_that_nobody_lists(self):
        """It is adopted too, for caches hold it, and warned of."""
        a = self.a
        a1, a2, _ = self.keys
        name, ksks, providers, clients, more = a.zones[0]
        a.zones[0] = (name, ksks, dict(providers, alpha=[a1]), clients, more)
        self.reload("policy")
        body = self.done(a.adopt(self.peer(), self.keyset, self.new[1]))
        [warning] = body[3]
        self.assertEqual((warning[1], warning[3]), ("adopt", a2.tag))
        self.assertIn("no provider of the policy lists this ZSK", warning[2])
        a.zones[0] = (name, ksks, providers, clients, more)
        self.reload("policy")
        again = self.done(a.adopt(self.peer(), self.keyset, self.new[1]))
        self.assertEqual(again, {1: body[1], 2: body[2]})

    def test_a_policy_edited_while_kskd_is_stopped(self):
        """What it needs was needed before: it holds no zone whose keys are
        not covered yet. A provider that it makes serving does."""
        a = self.a
        self.done(a.adopt(self.peer(), self.keyset, self.new[1]))
        self.assertEqual(a.stop(), 0)
        a.write_policy()
        a.start()
        self.done(a.sign(self.peer(), self.zone, self.keys))
        self.assertEqual(a.log_lines("zone-held"), [])
        self.assertEqual(a.stop(), 0)
        name, ksks, providers, clients, more = a.zones[0]
        late = ap.Zsk(a.path("late"), self.zone)
        a.zones[0] = (name, ksks, dict(providers, gamma=[late]), clients, more)
        a.write_policy()
        a.start(ready=False)
        ap.wait_for(self.answers, 20)
        held = a.sign(self.peer(), self.zone, self.keys + [late])
        self.assertEqual(held[2], ap.NOT_READY)
        self.assertIn("zsk-coverage", held[5])
        self.assertIn("joining", held[5])
        self.assertEqual(a.stop(), 0)

    def test_one_that_is_held_holds_no_other(self):
        """A policy is judged once: when a start finds it again, a zone that
        could go over to it is signed, whatever another one's past says."""
        a = self.a
        other = add_zone(a, "other.example.", 1, 1)
        self.reload("policy")
        self.done(a.sign(self.peer(), "other.example.", other))
        self.assertEqual(a.stop(), 0)
        name, ksks, _, clients, more = a.zones[1]
        a.zones[1] = (name, ksks, {"alpha": other[:1]}, clients, more)
        a.write_policy()
        for start in range(2):
            a.start(ready=False)
            ap.wait_for(self.answers, 20)
            if start == 0:
                self.done(a.adopt(self.peer(), self.keyset, self.new[1]))
            peer = self.peer()
            ap.wait_for(lambda: a.sign(
                peer, self.zone, self.keys)[2] == ap.DONE)
            self.assertEqual(a.sign(peer, "other.example.",
                                    other[:1])[2], ap.NOT_READY)
            self.assertEqual(a.stop(), 0)


class Load(Base):
    """No policy leaves a zone without an acceptable next set."""

    def setUp(self):
        a = self.make()
        self.zone = "lab.example."
        self.keys = add_zone(a, self.zone, 1, 1)
        a.zones[0][4]["parent-ds"] = parent(a, self.zone)
        self.other = add_zone(a, "other.example.", 1, 1)
        a.write_policy()
        a.start()
        self.done(a.sign(self.peer(), self.zone, self.keys))

    def change(self, providers=None, **more):
        name, ksks, old, clients, keys = self.a.zones[0]
        self.a.zones[0] = (name, ksks, providers or old, clients,
                           dict(keys, **{k.replace("_", "-"): v
                                         for k, v in more.items()}))

    def test_a_provider_in_use_stays(self):
        before = self.done(self.peer().ask(ap.STATUS))[6]
        whole = self.a.zones[0]
        self.change({"alpha": [self.keys[0]]})
        line = self.reload("reload-refused")
        self.assertIn(self.zone, line)
        status = self.done(self.peer().ask(ap.STATUS))
        self.assertEqual(status[6], before)
        self.done(self.a.sign(self.peer(), self.zone, self.keys))
        self.a.zones[0] = whole
        self.reload("policy")
        self.assertGreater(
            self.done(self.peer().ask(ap.STATUS))[6], before)

    def test_all_that_refuses_a_policy_is_told(self):
        """Each rule of each zone, with the key and the provider it is
        about; what the reload says names the first and the rest."""
        a, other = self.a, "other.example."
        self.done(a.sign(self.peer(), other, self.other))
        late = ap.Zsk(a.path("late"), self.zone)
        self.change({"alpha": [self.keys[0]], "gamma": [late]})
        name, ksks, _, clients, more = a.zones[1]
        a.zones[1] = (name, ksks, {"alpha": self.other[:1]}, clients, more)
        line = self.reload("reload-refused")
        self.assertIn("1 zones more, see the log", line)
        told = a.log_lines("policy-refused")
        for zone, rule, tag, provider in (
                (self.zone, "zsk-coverage", "", "gamma"),
                (self.zone, "early-drop", self.keys[1].tag, ""),
                (other, "key-allowed", self.other[1].tag, "")):
            self.assertTrue([
                x for x in told
                if f"zone={zone}" in x.replace('"', "")
                and f"rule={rule}" in x.replace('"', "")
                and f"tag={tag}" in x.replace('"', "")
                and f"provider={provider}" in x.replace('"', "")],
                (zone, rule, told))
        self.assertIn("also", line)

    def test_outage_can_be_accepted(self):
        self.change({"alpha": [self.keys[0]]}, accept_outage="yes")
        self.reload("policy")

    def test_a_parent_does_not_go_back(self):
        ksk = self.a.add_ksk(self.zone, "second")
        self.change(parent_ds='{seen: 2025-01-01T00:00:00Z, ds: ["%s"]}' %
                    ap.ds_text(self.zone, ksk))
        line = self.reload("reload-refused")
        self.assertIn("parent-ds", line)

    def test_a_start_holds_the_zone_alone(self):
        self.assertEqual(self.a.stop(), 0)
        self.change({"alpha": [self.keys[0]]})
        self.a.write_policy()
        self.a.start(ready=False)
        ap.wait_for(self.answers, 20)
        reply = self.a.sign(self.peer(), self.zone, [self.keys[0]])
        self.assertEqual(reply[2], ap.NOT_READY, reply)
        ap.wait_for(lambda: self.a.sign(
            self.peer(), "other.example.", self.other)[2] == ap.DONE)
        troubles = self.done(self.peer().ask(ap.STATUS))[12]
        self.assertEqual([t[1] for t in troubles],
                         [ap.wire_name(self.zone)])
        self.assertTrue(troubles[0][3])
        # Also at the next start; a policy that fits ends it.
        self.assertEqual(self.a.stop(), 0)
        self.a.start(ready=False)
        ap.wait_for(self.answers, 20)
        reply = self.a.sign(self.peer(), self.zone, [self.keys[0]])
        self.assertEqual(reply[2], ap.NOT_READY, reply)
        self.change({"alpha": [self.keys[0]], "beta": [self.keys[1]]})
        self.reload("policy")
        ap.wait_for(lambda: self.a.sign(
            self.peer(), self.zone, self.keys)[2] == ap.DONE)


class Unsigned(Base):
    """What a policy says of a zone's parent is history from the first policy
    on, also of a zone that was never signed."""

    def setUp(self):
        a = self.make()
        self.zone = "lab.example."
        self.keys = add_zone(a, self.zone, 1, 1)
        a.add_ksk(self.zone, "second")
        self.change(self.zone, 3 * DAY)
        a.write_policy()
        a.start()

    def change(self, label, ago, **more):
        """The parent has the DS of one KSK since so many seconds; the first
        KSK is past its time."""
        name, _, providers, clients, keys = self.a.zones[0]
        ksks = [(self.zone, "from: 2020-01-01T00:00:00Z, "
                            "until: 2026-01-01T00:00:00Z"), "second"]
        ds = ap.ds_text(self.zone, self.a.ksks[label])
        seen = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                             time.gmtime(time.time() - ago))
        keys = dict(keys, **{"parent-ds": f'{{seen: {seen}, ds: ["{ds}"]}}'},
                    **more)
        self.a.zones[0] = (name, ksks, providers, clients, keys)

    def check(self):
        """Caches may hold the older DS set: its KSK must sign."""
        peer = self.peer()
        reply = peer.ask(ap.SIGN, {1: self.a.keyset(
            self.zone, self.keys, ["second"])})
        self.refused(reply, "ksk-present", "ds-covered")
        self.done(self.a.sign(peer, self.zone, self.keys))
        self.assertEqual(self.a.stop(), 0)
        self.a.kskadm("journal", "check",
                      self.a.path("state/journal/journal.db"))

    def test_by_a_reload(self):
        self.change("second", 3600)
        self.reload("policy")
        self.check()

    def test_by_a_start(self):
        self.assertEqual(self.a.stop(), 0)
        self.change("second", 3600)
        self.a.write_policy()
        self.a.start()
        self.check()

    def test_an_older_set_is_over_after_its_wait(self):
        self.change("second", 2 * DAY)
        self.reload("policy")
        reply = self.peer().ask(ap.SIGN, {1: self.a.keyset(
            self.zone, self.keys, ["second"])})
        self.done(reply)

    def test_a_parent_does_not_go_back(self):
        self.change("second", 4 * DAY)
        self.assertIn("parent-ds", self.reload("reload-refused"))
        self.change("second", 4 * DAY, **{"accept-outage": "yes"})
        self.reload("policy")


class Crash(Base):
    def setUp(self):
        a = self.make()
        self.zone = "lab.example."
        self.keys = add_zone(a, self.zone, 2, 1)
        a.write_policy()
        a.start()

    def work(self, got, halt):
        """Repeats each request, whatever happens, until it has its answer."""
        a1, _, b1 = self.keys
        number = 0
        while not halt.is_set():
            number += 1
            zsks = [a1, b1] if number < 20 else self.keys
            body = {1: self.a.keyset(self.zone, zsks),
                    3: number.to_bytes(16, "big")}
            while not halt.is_set():
                try:
                    with self.a.peer(timeout=3) as peer:
                        reply = peer.ask(ap.SIGN, body)
                except (OSError, ConnectionError):
                    time.sleep(0.01)
                    continue
                if reply[2] == ap.DONE:
                    got[number] = (body, reply[3])
                    break
                if reply[2] != ap.NOT_READY:
                    got[0] = (body, reply)
                    return
                time.sleep(0.01)

    def test_records_timeline_and_repeats_agree(self):
        got, halt = {}, threading.Event()
        thread = threading.Thread(target=self.work, args=(got, halt))
        thread.start()
        try:
            for i in range(10):
                time.sleep(0.05 + 0.03 * i)
                os.kill(self.a.children()["kskd-signer"][0], signal.SIGKILL)
                count = len(got)
                ap.wait_for(lambda: len(got) > count + 3 or 0 in got)
        finally:
            halt.set()
            thread.join(30)
        self.assertNotIn(0, got)
        self.a.wait_ready()
        peer = self.peer()
        # Each had one answer, and has it still.
        records = [reply[2] for _, reply in got.values()]
        self.assertEqual(len(set(records)), len(records))
        for number in (1, 2, max(got)):
            body, reply = got[number]
            again = peer.ask(ap.SIGN, body)
            if number == max(got):
                self.assertEqual(self.done(again), reply)
        last = self.done(self.a.last_answer(peer, self.zone))
        self.assertGreaterEqual(last[3], max(records))
        self.assertEqual(self.a.stop(), 0)
        check = self.a.kskadm(
            "journal", "check", self.a.path("state/journal/journal.db"),
            check=False)
        self.assertEqual(check.returncode, 0, check.out + check.err)


if __name__ == "__main__":
    unittest.main()
