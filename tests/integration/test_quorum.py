#!/usr/bin/python3
"""A policy that needs several operators: what takes effect, every way in which
it does not, and that what is in force stays, also over restarts. Documents are
signed with openssl's own tool.
"""
import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402
import quorum as q  # noqa: E402

SANITIZED = True
ZONE = "lab.example."
# Older policies, and documents of another appliance; the soak has more.
DOCUMENTS = int(os.environ.get("KSK_DOCUMENTS", "8"))


def make_house():
    a = q.Quorum()
    try:
        a.make_quorum()
        a.add_ksk(ZONE, "ksk1")
        a.add_client("auto")
        a.zsk1 = ap.Zsk(a.path("alpha"), ZONE)
        a.zsk2 = ap.Zsk(a.path("beta"), ZONE)
        a.add_zone(ZONE, ["ksk1"], {"alpha": [a.zsk1], "beta": [a.zsk2]})
        a.start(ready=False)
        a.wait_up(state=7)
    except BaseException:
        a.__exit__()
        raise
    return a


class House(unittest.TestCase):
    def setUp(self):
        self.a = make_house()
        self.addCleanup(self.a.__exit__)

    def begin(self):
        """A first policy in force; returns its text."""
        a = self.a
        text = a.signed_policy_text()
        self.done(a.submit_text(q.POLICY, text, ["anna", "bert"]))
        a.wait_ready()
        return text

    def done(self, reply):
        self.assertEqual(reply[2], ap.DONE, f"{reply}\n{self.a.log_text()}")
        return reply[3]

    def refused(self, reply, *rules):
        self.assertEqual(reply[2], ap.REFUSED, reply)
        self.assertEqual(q.rules(reply), set(rules), reply)

    def signs(self, code=ap.DONE):
        with self.a.peer() as p:
            reply = self.a.sign(p, ZONE, [self.a.zsk1, self.a.zsk2])
        self.assertEqual(reply[2], code, reply)

    def stands(self, text):
        """This policy is in force, and signs."""
        with self.a.peer("boss") as p:
            self.assertEqual(p.ask(ap.STATUS)[3][7].hex(), q.hash_of(text))
        self.signs()


class FirstPolicy(House):
    def test_two_of_three(self):
        a = self.a
        with a.peer("boss") as p:
            self.assertEqual(p.ask(ap.KEYS, {1: ap.wire_name(ZONE)})[2],
                             ap.UNKNOWN_ZONE)
        self.assertEqual(a.show()[2], 1)
        self.assertEqual(a.show()[3].hex(), q.hash_of(a.first))
        text = a.signed_policy_text()
        self.refused(a.submit_text(q.POLICY, text, ["anna"]), "quorum")
        dry = self.done(a.submit_text(q.POLICY, text, ["anna", "bert"],
                                      dry_run=True))
        self.assertEqual(list(dry), [1])
        with a.peer("boss") as p:
            self.assertEqual(p.ask(ap.STATUS)[3][4], 7)
        done = self.done(a.submit_text(q.POLICY, text, ["anna", "bert"]))
        self.assertEqual(done[1].hex(), q.hash_of(text))
        a.wait_ready()
        self.stands(text)
        # It is there again after a restart, without any file.
        a.stop()
        a.start()
        self.stands(text)
        content, whole = a.show(kind=q.POLICY)
        self.assertTrue(content[1])
        with open(a.path("back.cms"), "wb") as f:
            f.write(whole)
        ap.sh("openssl", "cms", "-verify", "-inform", "DER", "-noverify",
              "-binary", "-in", a.path("back.cms"), "-out", a.path("back"))
        with open(a.path("back"), encoding="utf-8") as f:
            self.assertEqual(f.read(), text)
        # The record says who signed.
        content, whole = a.show(kind=q.AUTHORITY)
        self.assertEqual((content[1], whole.decode()), (False, a.first))

    def test_the_right_is_needed(self):
        a = self.a
        self.begin()
        reply = a.submit_text(q.POLICY, "x", ["anna", "bert"], client="auto")
        self.assertEqual(reply[2], ap.NOT_AUTHORISED)
        with a.peer() as p:
            self.assertEqual(p.ask(q.SUBMIT, {1: 1, 2: bytes(32)})[2],
                             ap.NOT_AUTHORISED)
            self.assertEqual(p.ask(q.POLICY_SHOW)[2], ap.NOT_AUTHORISED)

    def test_what_did_not_come(self):
        a = self.a
        with a.peer("boss") as p:
            self.refused(p.ask(q.SUBMIT, {1: 1, 2: bytes(32)}), "document")
            part = {1: 10, 2: bytes(32), 3: 0, 4: b"01234"}
            self.assertEqual(p.ask(q.PART, part)[3], {1: 5})
            part[3] = 7
            part[4] = b"789"
            self.assertEqual(p.ask(q.PART, part)[3], {1: 5})
            part[3] = 5
            part[4] = b"56789"
            self.assertEqual(p.ask(q.PART, part)[3], {1: 10})
            self.refused(p.ask(q.SUBMIT, {1: 1, 2: bytes(32)}), "document")
            part[1] = 1 << 40
            self.assertEqual(p.ask(q.PART, part)[2], ap.TOO_LARGE)


class Refused(House):
    """Each with its own reason; what is in force stays."""

    def setUp(self):
        super().setUp()
        self.text = self.begin()
        self.next = self.a.signed_policy_text(q.hash_of(self.text))

    def tearDown(self):
        self.stands(self.text)
        # And the right one goes.
        self.done(self.a.submit_text(q.POLICY, self.next, ["anna", "bert"]))
        self.stands(self.next)

    def cms(self, text=None, names=("anna", "bert"), **more):
        return self.a.sign_text(text or self.next, names, **more)

    def policy(self, data, *rules):
        self.refused(self.a.submit(q.POLICY, data), *rules)

    def test_signatures(self):
        a = self.a
        good = self.cms()
        stranger = q.Operator(a.dir, "stranger")
        a.ops["stranger"] = stranger
        self.policy(self.cms(names=("anna", "bert", "stranger")), "operator")
        again = q.Operator(a.dir, "again")
        ap.sh("openssl", "req", "-x509", "-key", a.ops["anna"].key, "-out",
              again.crt, "-days", "30", "-subj", "/CN=anna again")
        again.key = a.ops["anna"].key
        a.ops["again"] = again
        self.policy(self.cms(names=("anna", "again")), "operator", "quorum")
        self.policy(self.cms(names=("anna", "bert", "again")), "operator")
        self.policy(self.cms(more=["-noattr"]), "signature", "quorum")
        self.policy(self.cms(md="sha1"), "signature", "quorum")
        other = good.replace(b"\nversion: 2\n", b"\nversion: 3\n")
        self.assertNotEqual(other, good)
        self.policy(other, "signature", "quorum")
        self.policy(good[:-1], "document")
        self.policy(good + b"\0", "document")
        self.policy(good[:100], "document")
        self.policy(self.next.encode(), "document")
        many = [q.Operator(a.dir, f"op{i}") for i in range(17)]
        a.ops.update({f"op{i}": o for i, o in enumerate(many)})
        self.policy(self.cms(names=[f"op{i}" for i in range(17)]), "document")

    def test_mails_change_lines(self):
        """CRLF in the text, and what openssl makes of one without -binary."""
        crlf = self.next.replace("\n", "\r\n").encode()
        good = self.cms()
        self.policy(good.replace(self.next.encode(),
                                 crlf[:len(self.next)]),
                    "signature", "quorum")

    def test_claims(self):
        a, text = self.a, self.next
        first = q.hash_of(self.text)
        for changed, rules in (
                (re.sub("not-after: .*", f"not-after: {q.later(-5)}", text),
                 {"not-after"}),
                (re.sub("not-after: .*\n", "", text), {"not-after"}),
                (re.sub("replaces: .*\n", "", text), {"replaces"}),
                (text.replace(first, "none"), {"replaces"}),
                (text.replace(first, q.hash_of("x")), {"replaces"}),
                (text.replace("version: 2", "version: 1"), {"version"}),
                (text.replace(a.id, "0" * 32), {"appliance"}),
                (text.replace("version: 2", "version: 02"), {"document"}),
                (text.replace("kind: policy", "kind: authority"), {"kind"}),
                (text.replace("clients:", f"lifts: [{first}]\nclients:", 1),
                 {"lifts"})):
            self.policy(self.cms(changed), *rules)
        # The one in force once more: nothing old comes back.
        self.policy(self.cms(self.text), "replaces", "version")
        for kind in (q.AUTHORITY, q.WITHDRAW, q.AUTHORISE):
            self.refused(a.submit(kind, self.cms()), "kind")

    def test_old_ones_and_those_of_others(self):
        a = self.a
        for i in range(DOCUMENTS):
            old = self.next.replace("version: 2", "version: 1") + f"# {i}\n"
            self.policy(self.cms(old), "version")
            other = self.next.replace(a.id, f"{i:032x}")
            self.policy(self.cms(other), "appliance")


class Ends(House):
    """Reloads, and ends of processes at any moment."""

    def kill(self, program):
        for pid in self.a.children().get(program, []):
            os.kill(pid, signal.SIGKILL)

    def wait_signs(self):
        def signs():
            try:
                with self.a.peer() as p:
                    return self.a.sign(p, ZONE, [
                        self.a.zsk1, self.a.zsk2])[2] == ap.DONE
            except (OSError, KeyError):
                return False
        ap.wait_for(signs, 20)

    def test_a_reload_takes_no_policy(self):
        a = self.a
        text = self.begin()
        before = len(a.log_lines("reload-done"))
        a.reload()
        ap.wait_for(lambda: len(a.log_lines("reload-done")) > before)
        self.stands(text)
        a.quorum_config(**{"bootstrap-clients": "[]"})
        a.reload()
        ap.wait_for(lambda: a.log_lines("reload-refused"))
        self.assertIn("bootstrap-clients", a.log_text())
        # Nor does one change who may say what the policy is: the line says
        # which key takes a restart, and what operators signed stays.
        a.write_policy(text)
        a.quorum_config(authority="{mode: file}",
                        policy=f'"{a.path("etc/policy.yaml")}"',
                        **{"bootstrap-clients": None})
        a.reload()
        line = ap.wait_for(lambda: [x for x in a.log_lines("reload-refused")
                                    if "authority.mode" in x])[0]
        self.assertIn("takes a restart", line)
        self.stands(text)
        a.quorum_config()
        self.kill("kskd-signer")
        self.wait_signs()
        self.stands(text)

    def test_cut_off_while_it_comes_into_force(self):
        """Whatever stands then, the next document goes."""
        a = self.a
        text = self.begin()
        for wait in (0.0, 0.02, 0.1, 0.3):
            big = a.signed_policy_text(q.hash_of(text))
            big += "# " + "x" * 100 + "\n"
            big += ("# " + "y" * 200 + "\n") * 10000
            data = a.sign_text(big, ["anna", "bert"])
            with a.peer("boss") as p:
                _, digest = a.upload(p, data)
                p.send(q.SUBMIT, {1: q.POLICY, 2: digest})
                time.sleep(wait)
                self.kill("kskd-signer")
            self.wait_signs()
            stands = a.show()[5].hex()
            self.assertIn(stands, (q.hash_of(text), q.hash_of(big)))
            text = big if stands == q.hash_of(big) else text
            # The same again: done now, or it was.
            a.version -= 1
            again = a.signed_policy_text(q.hash_of(text))
            if text != big:
                again = big
            else:
                again = again.replace(f"version: {a.version}\n",
                                      f"version: {a.version + 1}\n")
                a.version += 1
            self.done(a.submit_text(q.POLICY, again, ["anna", "carl"]))
            text = again
            self.stands(text)
        with a.peer("boss") as p:
            self.assertEqual(p.ask(ap.STATUS)[3][4], 0)


class Authority(House):
    def authority(self, *args, **more):
        return self.a.authority_text(*args, **more)

    def submit(self, text, names):
        return self.a.submit_text(q.AUTHORITY, text, names)

    def test_operators_come_and_go(self):
        a = self.a
        a.ops["dora"] = q.Operator(a.dir, "dora")
        first = q.hash_of(a.first)
        # dora for carl; more for a policy.
        text = self.authority(2, ("anna", "bert", "dora"), 3, 2, 2, first)
        self.refused(self.submit(text, ["anna", "dora"]), "quorum")
        self.refused(self.submit(text, ["anna"]), "quorum")
        self.refused(self.submit(text, ["bert", "carl"]), "quorum")
        for wrong, rules in (
                (self.authority(3, ("anna",), 1, 1, 1, first), {"version"}),
                (self.authority(1, ("anna",), 1, 1, 1, first), {"version"}),
                (self.authority(2, ("anna",), 1, 1, 1, "none"),
                 {"replaces"}),
                (self.authority(2, ("anna", "bert"), 1, 1, 1, first,
                                not_after=q.later(-1)), {"not-after"}),
                (self.authority(2, ("anna", "bert"), 1, 1, 1, first,
                                appliance="0" * 32), {"appliance"}),
                (self.authority(2, ("anna", "bert"), 3, 1, 1, first),
                 {"document"})):
            self.refused(self.submit(wrong, ["anna", "bert"]), *rules)
        self.refused(self.submit(
            self.authority(2, ("anna", "bert", "carl"), 2, 3, 2, first),
            ["anna", "bert"]), "quorum")
        self.done(self.submit(text, ["anna", "bert", "dora"]))
        self.assertEqual(a.show()[2], 2)
        self.assertEqual(a.show()[3].hex(), q.hash_of(text))
        # Carl is nobody now, also after a restart.
        a.stop()
        a.start(ready=False)
        a.wait_up(state=7)
        policy = a.signed_policy_text()
        self.refused(a.submit_text(q.POLICY, policy, ["anna", "bert"]),
                     "quorum")
        self.refused(a.submit_text(
            q.POLICY, policy, ["anna", "bert", "dora", "carl"]), "operator")
        self.done(a.submit_text(q.POLICY, policy, ["anna", "bert", "dora"]))
        content, whole = a.show(kind=q.AUTHORITY)
        self.assertTrue(content[1])
        self.assertIn(text.encode(), whole)
        # The first one can't come back.
        self.refused(self.submit(a.first, ["anna", "bert"]), "version",
                     "replaces")

    def test_the_first_one_is_fixed(self):
        """Whoever is at the box can't give it other operators later."""
        a = self.a
        a.stop()
        other = a.authority_text(1, ("anna",), 1, 1, 1, "none")
        a.kskadm("authority", a.write("other.yaml", other))
        a.start(ready=False)
        a.wait_up(state=7)
        self.assertEqual(a.show()[3].hex(), q.hash_of(a.first))
        self.assertFalse(os.path.exists(a.path("state/journal/authority")))
        done = a.kskadm("authority", a.write(
            "bad.yaml", other.replace("version: 1", "version: 2")),
            check=False)
        self.assertEqual(done.returncode, 4, done.err)
        self.assertIn("version: 1", done.err)


class NoOperators(unittest.TestCase):
    def test_does_not_start(self):
        with q.Quorum() as a:
            a.make()
            a.add_ksk(ZONE, "ksk1")
            a.add_client("boss")
            a.quorum_config()
            a.start(ready=False)
            ap.wait_for(lambda: a.process.poll() is not None)
            self.assertIn("kskadm authority FILE", a.log_text())
            a.process = None


class WithAFile(unittest.TestCase):
    def test_a_policy_is_not_submitted(self):
        with ap.standard() as a:
            a.add_client("boss", may="read, submit")
            a.write_policy()
            a.start()
            with a.peer("boss") as p:
                self.assertEqual(p.ask(q.SUBMIT, {1: 1, 2: bytes(32)})[2],
                                 ap.UNSUPPORTED)
                reply = p.ask(q.POLICY_SHOW, {1: 1, 2: 0})
                self.assertEqual(reply[2], ap.DONE)
                self.assertEqual(list(reply[3]), [1])
                self.assertFalse(reply[3][1][1])


class Keymap(House):
    def test_a_reload_brings_it(self):
        """Operators sign the policy; the keymap is root's, who reloads it."""
        a = self.a
        self.begin()
        self.signs()
        with open(a.path("etc/keymap"), encoding="ascii") as f:
            right = f.read()
        a.write("etc/keymap", "# empty\n")
        a.reload()
        a.wait_up("auto", state=3)
        self.signs(ap.NOT_READY)
        a.write("etc/keymap", right)
        a.reload()
        a.wait_ready()
        self.signs()
        self.assertEqual(a.log_lines("worker-wrong"), [])
        self.assertEqual(a.log_lines("reload-refused"), [])


class GoingOver(unittest.TestCase):
    """An appliance with a policy file gets operators later."""

    def test_the_next_policy_follows_the_file(self):
        with q.Quorum() as a:
            a.make_quorum()
            a.add_ksk(ZONE, "ksk1")
            a.add_client("auto")
            zsk = ap.Zsk(a.path("alpha"), ZONE)
            a.add_zone(ZONE, ["ksk1"], {"alpha": [zsk]})
            file = a.policy_text()
            a.write_policy(file)
            a.config()
            a.start()
            with a.peer() as p:
                self.assertEqual(a.sign(p, ZONE, [zsk])[2], ap.DONE)
            a.stop()
            a.quorum_config()
            a.start(ready=False)
            a.wait_up(state=7)
            first = a.signed_policy_text()
            self.assertEqual(q.rules(a.submit_text(
                q.POLICY, first, ["anna", "bert"])), {"replaces"})
            a.version -= 1
            text = a.signed_policy_text(q.hash_of(file))
            self.assertEqual(a.submit_text(
                q.POLICY, text, ["anna", "bert"])[2], ap.DONE)
            a.wait_ready()
            with a.peer() as p:
                self.assertEqual(a.sign(p, ZONE, [zsk])[2], ap.DONE)


if __name__ == "__main__":
    unittest.main()
