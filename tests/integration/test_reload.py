#!/usr/bin/python3
"""SIGHUP: all or nothing, without a gap in service; what a reload takes away
is gone within a second, live connections included."""
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

SANITIZED = True


class Reload(unittest.TestCase):
    def setUp(self):
        self.a = ap.standard()
        self.addCleanup(self.a.__exit__)

    def reload(self, expect):
        """Sends SIGHUP and waits for its log line."""
        before = len(self.a.log_lines(expect))
        self.a.reload()
        ap.wait_for(lambda: len(self.a.log_lines(expect)) > before, 15)
        return self.a.log_lines(expect)[-1]

    def ask_version(self, client="auto"):
        with self.a.peer(client) as peer:
            return peer.ask(ap.STATUS)[3][6]

    def test_a_new_policy_comes_into_force(self):
        a = self.a
        a.start()
        stranger = ap.Zsk(a.path("gamma"), a.zone)
        with a.peer() as peer:
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2, stranger])
            self.assertEqual(reply[2], ap.REFUSED)
            a.zones[0][2]["gamma"] = [stranger]
            a.write_policy()
            self.reload("reload-done")
            reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2, stranger])
            self.assertEqual(reply[2], ap.DONE, reply)
            self.assertEqual(reply[3][4], 2)

    def test_a_bad_policy_changes_nothing(self):
        a = self.a
        a.start()
        good = a.policy_text()
        for text, words in (
                (good.replace("kind: policy", "kind: polcy"), ["line 1"]),
                (good.replace("ttl: 1h", "ttl: 1hour"), ["ttl"]),
                (good.replace("version: 2", "version: 0"), ["version"]),
                (good.replace(a.id, "00" * 16), ["appliance"]),
                ("", ["policy", "empty"])):
            a.write_policy(text)
            line = self.reload("reload-refused")
            for word in words:
                self.assertIn(word, line)
            self.assertEqual(self.ask_version(), 1)
        # The same version with other bytes, and a lower one.
        a.version = 0
        a.write_policy(a.policy_text() + "# changed\n")
        self.assertIn("other content", self.reload("reload-refused"))
        a.version = 4
        a.write_policy()
        self.reload("reload-done")
        a.version = 2
        a.write_policy()
        self.assertIn("lower", self.reload("reload-refused"))
        self.assertEqual(self.ask_version(), 5)
        # Also over a restart: an old policy is never taken again.
        a.stop()
        a.start(ready=False)
        self.assertNotEqual(a.process.wait(20), 0)
        self.assertIn("lower", a.log_text())
        a.process = None

    def test_a_removed_client_is_out_within_a_second(self):
        a = self.a
        a.add_client("second")
        a.zones[0] = (*a.zones[0][:3], ("auto", "second"), a.zones[0][4])
        a.version = 0
        a.write_policy()
        a.start()
        with a.peer("second") as old:
            self.assertEqual(old.ask(ap.STATUS)[2], ap.DONE)
            del a.clients["second"]
            a.zones[0] = (*a.zones[0][:3], ("auto",), a.zones[0][4])
            a.write_policy()
            self.reload("reload-done")
            begin = time.monotonic()
            with self.assertRaises((ConnectionError, OSError)):
                while True:
                    self.assertNotEqual(
                        old.ask(ap.STATUS)[2], ap.DONE)
            self.assertLess(time.monotonic() - begin, 1.0 * ap.SLOW)
        with self.assertRaises((ConnectionError, OSError)):
            with a.peer("second") as peer:
                peer.ask(ap.STATUS)
        self.assertEqual(self.ask_version(), 2)

    def test_all_or_nothing(self):
        """A good policy with a bad certificate: neither is taken."""
        a = self.a
        a.start()
        os.rename(a.path("etc/tls.crt"), a.path("etc/keep.crt"))
        ap.sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:P-256", "-nodes", "-keyout",
              a.path("etc/other.key"), "-out", a.path("etc/tls.crt"),
              "-days", "3", "-subj", "/CN=other")
        a.write_policy()
        self.reload("reload-refused")
        self.assertEqual(self.ask_version(), 1)
        os.rename(a.path("etc/keep.crt"), a.path("etc/tls.crt"))
        self.reload("reload-done")
        self.assertEqual(self.ask_version(), 2)

    def test_a_worker_that_dies_meanwhile(self):
        """Nothing is wrong with the files: nobody has to ask again."""
        a = self.a
        a.start()
        ap.wait_for(lambda: len(a.children()["kskd-token"]) == 2)
        worker = a.children()["kskd-token"][0]
        os.kill(worker, signal.SIGSTOP)
        a.write_policy()
        a.reload()
        # The signer has judged the policy, the worker is asked.
        ap.wait_for(lambda: "kskd-policy" not in a.children())
        time.sleep(1)
        os.kill(worker, signal.SIGKILL)
        ap.wait_for(lambda: self.ask_version() == 2)
        self.assertIn("died", a.log_lines("reload-again")[-1])
        self.assertEqual(a.log_lines("reload-refused"), [])

    def state(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3][4]

    def test_a_keymap_that_is_refused_gives_no_key(self):
        """Workers look up keys by a keymap that they were asked about."""
        a = self.a
        a.start()
        with open(a.path("etc/keymap"), encoding="ascii") as f:
            right = f.read()
        a.write("etc/keymap", "# empty\n")
        self.reload("reload-done")
        ap.wait_for(lambda: self.state() == 3)
        frontend = a.children()["kskd-frontend"][0]
        os.kill(frontend, signal.SIGSTOP)
        a.write("etc/keymap", right)
        ready = 'the state of the appliance has changed state="ready"'
        seen = a.log_text().count(ready)
        a.reload()
        ap.wait_for(lambda: a.log_text().count(ready) > seen)
        a.write("etc/kskd.yaml", "listen: 1\n")
        os.kill(frontend, signal.SIGKILL)
        ap.wait_for(lambda: a.log_lines("reload-refused"))
        ap.wait_for(lambda: self.state() == 3)
        self.assertEqual(a.log_lines("worker-wrong"), [])

    def test_a_new_certificate_for_the_same_key(self):
        a = self.a
        a.start()
        with a.peer() as peer:
            before = peer.sock.getpeercert(True)
        ap.sh("openssl", "req", "-x509", "-key", a.path("etc/tls.key"),
              "-out", a.path("etc/tls.crt"), "-days", "3", "-subj", "/CN=new")
        self.reload("reload-done")
        with a.peer() as peer:
            self.assertNotEqual(peer.sock.getpeercert(True), before)
        self.assertEqual(a.pin_of(a.path("etc/tls.crt")), a.server_pin)

    def test_no_gap_under_load(self):
        a = self.a
        a.start()
        halt, bad, good = threading.Event(), [], []
        keyset = a.keyset(a.zone, [a.zsk1, a.zsk2])

        def load():
            with a.peer() as peer:
                while not halt.is_set():
                    reply = peer.ask(ap.SIGN, {1: keyset})
                    (good if reply[2] == ap.DONE else bad).append(reply)
        threads = [threading.Thread(target=load) for _ in range(3)]
        for t in threads:
            t.start()
        for _ in range(10):
            a.write_policy()
            self.reload("reload-done")
        halt.set()
        for t in threads:
            t.join()
        self.assertEqual(bad, [])
        self.assertGreater(len({r[3][4] for r in good}), 5)

    def test_a_restart_only_value_refuses_the_reload(self):
        a = self.a
        a.start()
        a.config(listen=f'"127.0.0.1:{ap.free_port()}"')
        a.write_policy()
        self.assertIn("listen", self.reload("reload-refused"))
        self.assertEqual(self.ask_version(), 1)


if __name__ == "__main__":
    unittest.main()
