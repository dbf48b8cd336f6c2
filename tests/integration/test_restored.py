#!/usr/bin/python3
"""Journals put back from older copies, and anchors that are taken away: what
the anchor in the token sees, what it can't, and how it ends.
"""
import os
import re
import shutil
import sys
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)),
                os.path.join(os.path.dirname(os.path.dirname(
                    os.path.abspath(__file__))), "token")]
import appliance as ap  # noqa: E402
from test_clock import with_clock  # noqa: E402

RESTORED = 6
COPIES = int(os.environ.get("KSK_COPIES", "12"))


class Restored(unittest.TestCase):
    anchor = True

    def setUp(self):
        self.a = ap.standard(workers=1)
        self.addCleanup(self.a.__exit__)
        self.clock = with_clock(self.a)
        self.addCleanup(self.clock.close)
        self.configure()
        self.folder = self.a.path("state/journal")

    def configure(self):
        a = self.a
        a.config(tokens=f"""
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
""")

    def status(self):
        with self.a.peer() as peer:
            return peer.ask(ap.STATUS)[3]

    def wait_state(self, want):
        def seen():
            try:
                return self.status()[4] == want
            except OSError:
                return False
        ap.wait_for(seen, 15)
        return self.status()

    def sign(self, zsks=None, **more):
        with self.a.peer() as peer:
            return self.a.sign(
                peer, self.a.zone,
                [self.a.zsk1, self.a.zsk2] if zsks is None else zsks, **more)

    def copy(self, name):
        shutil.copytree(self.folder, self.a.path(name))

    def put_back(self, name):
        shutil.rmtree(self.folder)
        shutil.copytree(self.a.path(name), self.folder)
        if os.getuid() == 0:
            for path in [self.folder] + [os.path.join(self.folder, x)
                                         for x in os.listdir(self.folder)]:
                os.chown(path, ap.USERS["signer"], ap.USERS["signer"])

    def objects(self):
        return ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label",
                     "ksk", "--login", "--pin", self.pin(), "--list-objects",
                     "--type", "data",
                     env=dict(os.environ, SOFTHSM2_CONF=self.a.path(
                         "etc/softhsm2.conf"))).out.count("ksk-anchor")

    def pin(self):
        with open(self.a.path("etc/pin.main"), encoding="ascii") as f:
            return f.read().strip()


class Anchored(Restored):
    def test_an_orderly_life(self):
        a = self.a
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        self.assertEqual(self.status()[14], "token-object")
        a.stop()
        self.assertEqual(self.objects(), 1)
        for _ in range(3):
            a.start()
            self.assertEqual(self.sign()[2], ap.DONE)
            a.stop()
        self.assertEqual(self.objects(), 1)
        self.assertFalse(a.log_lines("restored"))

    def test_a_crash_is_no_restored_journal(self):
        a = self.a
        a.start()
        for _ in range(5):
            self.assertEqual(self.sign()[2], ap.DONE)
            os.kill(a.children()["kskd-signer"][0], 9)
            a.wait_ready()
        a.process.kill()
        a.process.wait()
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)

    def test_older_copies_are_recognised(self):
        """Each at another moment, put back after the next orderly stop."""
        a = self.a
        a.start()
        copies = []
        for i in range(COPIES):
            self.assertEqual(self.sign()[2], ap.DONE)
            if i % 10 == 0:
                a.stop()
                copies.append(f"copy {i}")
                self.copy(copies[-1])
                a.start()
            else:
                # Taken while it runs, as a snapshot of the disk would be.
                copies.append(f"copy {i}")
                self.copy(copies[-1])
        self.assertEqual(self.sign()[2], ap.DONE)
        a.stop()
        self.copy("right")
        for name in copies:
            self.put_back(name)
            a.start(ready=False)
            status = self.wait_state(RESTORED)
            self.assertIn("older than its anchor", status[5], name)
            self.assertEqual(self.sign()[2], ap.NOT_READY)
            a.stop()
        # The right one is taken again, and nothing was lost over it.
        self.put_back("right")
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        self.assertEqual(len(a.log_lines("error restored")), COPIES)

    def test_accepted(self):
        a, once = self.a, {3: b"the same request"}
        a.start()
        self.assertEqual(self.sign(body=once)[2], ap.DONE)
        a.stop()
        self.copy("old")
        a.start()
        self.sign()
        a.stop()
        self.put_back("old")
        a.start(ready=False)
        self.wait_state(RESTORED)
        # No answer is known to be the last one: none is given again. What is
        # refused now moves the head, and the line still holds.
        self.assertEqual(self.sign(body=once)[2], ap.NOT_READY)
        self.assertEqual(self.sign(zsks=[])[2], ap.REFUSED)
        words = re.search(r"kskadm accept restore (\w+) (\d+) (\w+)",
                          self.wait_state(RESTORED)[5])
        number = int(words.group(2))
        a.kskadm("accept", "restore", words.group(1), number + 1,
                 words.group(3))
        a.reload()
        ap.wait_for(lambda: a.log_lines("accept-refused"))
        self.assertIn("another head", a.log_text())
        a.kskadm("accept", "restore", *words.groups())
        a.reload()
        self.wait_state(0)
        self.assertEqual(self.sign()[2], ap.DONE)
        a.stop()
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        self.assertEqual(self.objects(), 1)

    def test_anchor_taken_away(self):
        a = self.a
        a.start()
        self.sign()
        a.stop()
        ap.sh("pkcs11-tool", "--module", ap.SOFTHSM, "--token-label", "ksk",
              "--login", "--pin", self.pin(), "--delete-object", "--type",
              "data", "--label", "ksk-anchor",
              env=dict(os.environ, SOFTHSM2_CONF=self.a.path(
                  "etc/softhsm2.conf")))
        a.start(ready=False)
        self.assertIn("anchor is gone", self.wait_state(RESTORED)[5])
        self.assertEqual(self.sign()[2], ap.NOT_READY)

    def test_another_appliances_journal(self):
        """One that was made anew has another id: the anchor tells."""
        a = self.a
        a.start()
        self.sign()
        a.stop()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        mark = os.path.join(self.folder, "new")
        with open(mark, "w", encoding="ascii"):
            pass
        if os.getuid() == 0:
            os.chown(mark, ap.USERS["signer"], ap.USERS["signer"])
        a.start(ready=False)
        self.assertIn("of another journal", self.wait_state(RESTORED)[5])

    def test_token_away_at_the_start(self):
        """Nothing is signed before the anchor is read."""
        a = self.a
        a.start()
        self.sign()
        a.stop()
        os.rename(a.path("tokens"), a.path("away"))
        a.start(ready=False)
        self.wait_state(1)
        self.assertEqual(self.sign()[2], ap.NOT_READY)
        os.rename(a.path("away"), a.path("tokens"))
        self.wait_state(0)
        self.assertEqual(self.sign()[2], ap.DONE)


    def test_status_tells_an_anchor_that_cannot_be_written(self):
        a = self.a
        a.start()
        self.sign()
        os.rename(a.path("tokens"), a.path("away"))
        self.clock.pass_time(61)
        self.assertEqual(self.sign(zsks=[])[2], ap.REFUSED)
        ap.wait_for(lambda: self.status()[14] == "token-object, late")
        os.rename(a.path("away"), a.path("tokens"))
        ap.wait_for(lambda: self.status()[14] == "token-object", 30)
        self.assertEqual(self.sign()[2], ap.DONE)


class NotAnchored(Restored):
    anchor = False

    def test_what_is_not_seen(self):
        """Without an anchor an older copy is taken for what it says; kskctl
        remembers the last record that it saw."""
        a = self.a
        a.start()
        self.sign()
        a.stop()
        self.copy("old")
        a.start()
        self.sign()
        a.stop()
        self.put_back("old")
        a.start()
        self.assertEqual(self.sign()[2], ap.DONE)
        self.assertEqual(self.status()[14], "none")
        self.assertEqual(self.objects(), 0)


del Restored

if __name__ == "__main__":
    unittest.main()
