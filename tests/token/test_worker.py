#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kskd-token alone, with a peer in Python: login, links, what it refuses to
sign whatever it is asked, reload, stop, and a token that fails."""
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cryptoki
import judge
import peer
from cryptoki import Session, ds, tag
from spy import Spy

SANITIZED = True
ZONE = "example.com."

PIN_WRONG, PIN_LOCKED, TOKEN, IO, NOT_FOUND, AMBIGUOUS, BAD_INPUT, \
    TOO_LARGE = 16, 17, 18, 7, 5, 6, 14, 3
EXIT_CONFIG, EXIT_FILE, EXIT_MODULE, EXIT_TOKEN, EXIT_PIN, EXIT_PIN_LOCKED, \
    EXIT_PIN_SOURCE, EXIT_PEER = 3, 7, 8, 9, 10, 11, 12, 15
READY, TOKEN_DOWN, LOCKED = 0, 1, 2


class Worker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk worker.")
        os.chmod(cls.dir, 0o755)
        cls.store = cryptoki.Store(cls.dir)
        cls.store.make_token("ksk")
        cls.store.make_token("other")
        with Session(cls.store, "ksk") as t:
            cls.key = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
            cls.second = t.dnskey(t.generate(15, "b", b"\2")[0], 15)
        cls.ds = ds(ZONE, cls.key)
        cls.keymap = peer.keymap_line(ZONE, "main", cls.ds)
        cls.spy = Spy(cls.dir)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def setUp(self):
        self.workers = []
        self.spy.clear()

    def tearDown(self):
        for worker in self.workers:
            worker.close()

    def start(self, spy=False, **more):
        more.setdefault("keymap", self.keymap)
        label = more.pop("label", "ksk")
        worker = self.spy.worker(self.store, label, **more) if spy else \
            peer.Worker(self.store, label, **more)
        self.workers.append(worker)
        return worker

    def up(self, **more):
        """A worker with the key in slot 0."""
        worker = self.start(**more).ready().connect()
        self.assertEqual(worker.keys([(0, ZONE, self.ds, "a")]),
                         {0: (self.key, "")})
        return worker

    def job(self, **more):
        job = dict(slot=0, zone=ZONE, rdatas=[self.key],
                   window=peer.default_window())
        job.update(more)
        return job

    def done(self, worker, **more):
        job = self.job(**more)
        outcome, signature, why = worker.sign(**job)
        self.assertEqual(outcome, peer.DONE, why)
        key = self.key
        key_tag = tag(key)
        if job.get("revoked"):
            key_tag = tag(bytes([key[0], key[1] | 0x80]) + key[2:])
        data = judge.signed_bytes(ZONE, job.get("kind", 48),
                                  job.get("ttl", 3600), job["rdatas"],
                                  job["window"], 13, key_tag)
        self.assertTrue(judge.Key(key).verify(data, signature))

    def refused(self, worker, word, **more):
        outcome, signature, why = worker.sign(**self.job(**more))
        self.assertEqual((outcome, signature), (peer.REFUSED, b""))
        self.assertIn(word, why)
        self.done(worker)  # and it goes on

    def fails(self, code, err, state, *words, **more):
        worker = self.start(**more)
        got, why = worker.login()
        self.assertEqual((got, worker.state), (err, state), why)
        for word in words:
            self.assertIn(word, why)
        self.assertEqual(worker.wait(), code)
        return worker

    # -- jobs --
    def test_signs_the_three_types(self):
        worker = self.up()
        self.done(worker)
        self.done(worker, kind=59, rdatas=[
            struct.pack(">HBB", *self.ds[:3]) + self.ds[3]])
        self.done(worker, kind=60, rdatas=[self.key], ttl=60)
        self.assertEqual(worker.stop(), 0)

    def test_revoked_form(self):
        revoked = bytes([1, 0x81]) + self.key[2:]
        worker = self.up()
        self.done(worker, rdatas=[revoked], revoked=True)

    def test_full_set(self):
        rdatas = sorted({bytes([1, 0, 3, 8]) + bytes([i]) * 300
                         for i in range(31)} | {self.key})
        self.done(self.up(), rdatas=rdatas)

    def test_refuses_other_types(self):
        worker = self.up()
        for kind in (1, 2, 6, 43, 46, 257):
            self.refused(worker, "DNSKEY, CDS and CDNSKEY", kind=kind)

    def test_refuses_other_owners(self):
        worker = self.up()
        for zone in ("example.net.", "sub.example.com.", "com."):
            self.refused(worker, "apex", zone=zone)

    def test_refuses_odd_windows(self):
        worker = self.up()
        now = int(time.time())
        self.refused(worker, "ends before", window=(now, now))
        self.refused(worker, "ends before", window=(now, now - 1))
        year, day = 366 * 86400, 86400
        self.refused(worker, "longer", window=(now, now + year + 1))
        self.refused(worker, "longer", window=(now, now + 2**31))
        self.done(worker, window=(now, now + year))
        # By the worker's own clock.
        for begin in (year + day + 60, 2**31, 2**32):
            self.refused(worker, "ahead", window=(now + begin,
                                                  now + begin + day))
        self.done(worker, window=(now + year, now + 2 * year))
        for end in (year + day + 60, now - 1):
            self.refused(worker, "is over", window=(now - end - 1,
                                                    now - end))
        self.done(worker, window=(now - 2 * year, now - year))

    def test_refuses_sets_out_of_order(self):
        worker = self.up()
        other = bytes([1, 0, 3, 13]) + bytes(64)
        self.refused(worker, "canonical", rdatas=[self.key, other])
        self.refused(worker, "canonical", rdatas=[self.key, self.key])
        self.refused(worker, "TTL", ttl=2**31)

    def test_refuses_keys_that_the_keymap_lacks(self):
        """At the look-up, and per job when a reload has taken it away."""
        worker = self.up()
        found = worker.keys([(1, ZONE, ds(ZONE, self.second), "b")])
        self.assertEqual(found[1][0], b"")
        self.assertIn("kskadm key allow", found[1][1])
        # It is there; one that is not has another answer.
        self.assertEqual(worker.forbidden, {1})
        worker.keys([(2, ZONE, ds(
            ZONE, bytes([1, 1, 3, 13]) + bytes(64)), "")])
        self.assertEqual(worker.forbidden, set())
        self.refused(worker, "slot", slot=1)

    def test_keymap_names_token_and_zone(self):
        for keymap in (peer.keymap_line(ZONE, "second", self.ds),
                       peer.keymap_line("example.net.", "main", self.ds),
                       "", "# nothing\n"):
            worker = self.start(keymap=keymap).ready().connect()
            found, why = worker.keys([(0, ZONE, self.ds, "a")])[0]
            self.assertEqual(found, b"")
            self.assertIn("keymap", why)
            outcome, _, why = worker.sign(**self.job())
            self.assertEqual(outcome, peer.REFUSED)
            self.assertIn("slot", why)

    def test_refuses_unknown_slots(self):
        worker = self.up()
        for slot in (1, 4711, 2**32 - 1):
            self.refused(worker, "slot", slot=slot)

    def test_refused_and_done_in_one_packet(self):
        worker = self.up()
        worker.send_jobs([self.job(job=1), self.job(job=2, kind=1),
                          self.job(job=3)])
        done = worker.signed()
        self.assertEqual([(n, d[0]) for n, d in done.items()],
                         [(1, peer.DONE), (2, peer.REFUSED),
                          (3, peer.DONE)])

    # -- peers that break the format --
    def broken(self, worker, sock, data, fds=()):
        peer.send(sock, data, fds)
        self.assertEqual(worker.wait(), EXIT_PEER)
        self.assertIn("peer-broken", worker.text())

    def test_broken_link_packets(self):
        good = struct.pack(">H", peer.SIGN) + peer.job_bytes(
            **self.job(job=1))
        for data in (b"\0", b"\0\x99", struct.pack(">H", peer.SIGNED),
                     struct.pack(">H", peer.STOP), good[:-1], good + b"\0",
                     struct.pack(">H", peer.KEYS_SET) + b"\0\0"):
            worker = self.up()
            self.broken(worker, worker.link, data)

    def test_too_many_jobs(self):
        worker = self.up(spy=True)
        jobs = b"".join(peer.job_bytes(**self.job(job=i)) for i in range(17))
        self.broken(worker, worker.link, struct.pack(">H", peer.SIGN) + jobs)
        self.assertEqual(self.spy.count("C_Sign"), 0)

    def test_descriptor_on_a_link(self):
        worker = self.up()
        self.broken(worker, worker.link, struct.pack(">H", peer.SIGN), [0])

    def test_broken_control_packets(self):
        for data in (struct.pack(">HI", peer.COMMIT, 1),
                     struct.pack(">H", peer.READY),
                     struct.pack(">HB", peer.STOP, 1),
                     struct.pack(">HBHI", peer.LINK, 2, 0, 1),
                     struct.pack(">HI", peer.PREPARE, 1)):
            worker = self.up()
            self.broken(worker, worker.control, data)

    def test_link_of_another_worker(self):
        worker = self.up()
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        with ours, theirs:
            self.broken(worker, worker.control,
                        struct.pack(">HBHI", peer.LINK, 2, 5, 1),
                        [theirs.fileno()])

    def test_slot_number_out_of_range(self):
        """Two slots for each of a keymap's 262,144 lines."""
        worker = self.up()
        last = 2 * 262_144 - 1
        self.assertEqual(worker.keys([(last, ZONE, self.ds, "a")]),
                         {last: (self.key, "")})
        data = struct.pack(">HI", peer.KEYS_SET, last + 1) + \
            peer.block(cryptoki.wire(ZONE)) + \
            struct.pack(">HBB", *self.ds[:3]) + self.ds[3] + peer.block("")
        self.broken(worker, worker.link, data)

    def test_slots_are_bounded_by_the_keymap(self):
        """What a signer that is taken over can make a worker hold."""
        worker = self.up()

        def memory():
            with open(f"/proc/{worker.process.pid}/status",
                      encoding="ascii") as f:
                return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1])
        begin = memory()
        usable, why = 0, set()
        missing = ds(ZONE, bytes([1, 1, 3, 13]) + bytes(64))
        for first in range(0, 65536, 128):
            slots = range(first, first + 128)
            for found, text in worker.keys(
                    [(i, ZONE, self.ds if i % 2 else missing, "a")
                     for i in slots]).values():
                usable += found == self.key
                why.add(text.split(":")[0])
        # Slot 0 lost its key; slots were kept for one line four times.
        self.assertEqual(usable, 4)
        self.assertEqual(why, {"", "too many slots", "not found"})
        if not peer.BUILD.endswith("asan"):  # which keeps freed memory
            self.assertLess(memory() - begin, 2048)
        self.assertEqual(worker.sign(**self.job(slot=1))[0], peer.DONE)
        # A new signer begins with none.
        for generation in range(2, 12):
            worker.link.close()
            worker.connect(generation)
            self.assertEqual(worker.keys([(7, ZONE, self.ds, "a")]),
                             {7: (self.key, "")})
        # So does a slot that has lost its key.
        for i in range(10):
            self.assertEqual(worker.keys([(i, ZONE, self.ds, "a")]),
                             {i: (self.key, "")})
            self.assertEqual(worker.keys([(i, ZONE, missing, "a")])[i][0],
                             b"")
        self.assertEqual(worker.keys([(0, ZONE, self.ds, "a")]),
                         {0: (self.key, "")})
        self.done(worker)

    # -- links, reload, the end --
    def test_login_survives_the_link(self):
        worker = self.up(spy=True)
        worker.link.close()
        worker.connect(2)
        self.assertEqual(worker.sign(**self.job())[0], peer.REFUSED)
        self.assertEqual(worker.keys([(0, ZONE, self.ds, "")]),
                         {0: (self.key, "")})
        self.done(worker)
        worker.connect(3)  # replaces a link that is still open
        worker.keys([(0, ZONE, self.ds, "")])
        self.done(worker)
        self.assertEqual(self.spy.count("C_Login"), 1)

    def test_reload_of_the_keymap(self):
        worker = self.up()
        self.assertEqual(worker.prepare(1, ""), (True, ""))
        self.done(worker)  # not yet
        peer.send(worker.control, struct.pack(">HI", peer.ABORT, 1))
        self.done(worker)
        self.assertEqual(worker.prepare(2, ""), (True, ""))
        peer.send(worker.control, struct.pack(">HI", peer.COMMIT, 2))
        ok, why = worker.prepare(3, "ksk broken\n")  # also orders the two
        self.assertFalse(ok)
        self.assertIn("keymap: line 1", why)
        outcome, _, why = worker.sign(**self.job())
        self.assertEqual(outcome, peer.REFUSED)
        self.assertIn("kskadm key allow", why)
        # What a signer looks up before the COMMIT counts as of then.
        self.assertEqual(worker.keys([(0, ZONE, self.ds, "a")])[0][0], b"")
        peer.send(worker.control, struct.pack(">HI", peer.ABORT, 3))
        self.assertEqual(worker.prepare(4, self.keymap), (True, ""))
        self.assertEqual(worker.keys([(0, ZONE, self.ds, "a")]),
                         {0: (self.key, "")})
        self.assertEqual(worker.sign(**self.job())[0], peer.REFUSED)
        peer.send(worker.control, struct.pack(">HI", peer.COMMIT, 4))
        self.assertEqual(worker.prepare(5, self.keymap), (True, ""))
        self.done(worker)

    def test_commit_of_another_number(self):
        worker = self.up()
        worker.prepare(1, "")
        self.broken(worker, worker.control, struct.pack(">HI", peer.COMMIT,
                                                        2))

    def test_stop_finalises_once(self):
        worker = self.up(spy=True)
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.spy.count("C_Finalize"), 1)

    def test_stop_does_not_wait_for_a_module_that_hangs(self):
        worker = self.up(spy=True, bend="h")
        begin = time.monotonic()
        self.assertEqual(worker.stop(), 0)
        self.assertLess(time.monotonic() - begin, 5)

    def test_kskd_is_gone(self):
        worker = self.up()
        worker.control.close()
        self.assertEqual(worker.process.wait(30), 0)

    def test_not_started_by_hand(self):
        import subprocess
        done = subprocess.run([os.path.join(peer.BUILD, "kskd-token")],
                              stderr=subprocess.PIPE, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"started by kskd", done.stderr)

    # -- the token fails --
    def test_token_lost_while_signing(self):
        worker = self.up(spy=True, sign_fail=3)
        worker.send_jobs([self.job(job=i) for i in range(1, 6)])
        done = worker.signed()
        self.assertEqual([d[0] for d in done.values()],
                         [peer.DONE] * 2 + [peer.FAILED] * 3)
        self.assertIn("C_Sign: CKR_DEVICE_REMOVED", done[3][2])
        self.assertEqual(worker.wait(), EXIT_TOKEN)
        self.assertEqual(self.spy.count("C_Sign"), 3)
        self.assertIn("token-failed", worker.text())
        self.assertIn("CKR_DEVICE_REMOVED", worker.text())

    def test_store_moved_away(self):
        """SoftHSM's files go: the worker says so and leaves (C31)."""
        worker = self.up()
        self.done(worker)
        aside = self.store.tokens + ".aside"
        os.rename(self.store.tokens, aside)
        try:
            outcome, _, why = worker.sign(**self.job())
            self.assertEqual(outcome, peer.FAILED)
            self.assertIn("CKR_", why)
            self.assertEqual(worker.wait(), EXIT_TOKEN)
        finally:
            os.rename(aside, self.store.tokens)
        self.done(self.up())

    # -- PIN --
    def test_pin_forms(self):
        for pin in (b"1234", b"1234\n", b"1234\r\n"):
            worker = self.start(pin=pin).ready()
            self.assertEqual(worker.stop(), 0)

    def test_wrong_pin_is_tried_once(self):
        worker = self.fails(EXIT_PIN, PIN_WRONG, LOCKED, "CKR_PIN_INCORRECT",
                            "not tried again", spy=True, pin=b"9876")
        self.assertEqual(self.spy.count("C_Login"), 1)
        self.assertNotRegex(worker.text(), r"\b9876\b")

    def test_general_error_counts_as_wrong_pin(self):
        for rv, err, code in ((5, PIN_WRONG, EXIT_PIN),
                              (6, PIN_WRONG, EXIT_PIN),
                              (0xa1, PIN_WRONG, EXIT_PIN),
                              (0xa3, PIN_WRONG, EXIT_PIN),
                              (0x102, PIN_WRONG, EXIT_PIN),
                              (0x80000005, PIN_WRONG, EXIT_PIN),
                              (0xa4, PIN_LOCKED, EXIT_PIN_LOCKED)):
            self.spy.clear()
            self.fails(code, err, LOCKED, "CKR", spy=True, login_rv=rv)
            self.assertEqual(self.spy.count("C_Login"), 1)

    def test_answers_that_another_pin_or_a_person_ends(self):
        for rv, words in ((0xa3, "has expired"), (0xa4, "has locked"),
                          (0x102, "no user PIN yet")):
            self.spy.clear()
            worker = self.start(spy=True, login_rv=rv)
            _, why = worker.login()
            self.assertIn(words, why)
            self.assertEqual(worker.state, LOCKED)
            worker.wait()
            self.assertEqual(self.spy.count("C_Login"), 1)

    def test_device_trouble_is_not_the_pin(self):
        for rv in (0x30, 0x32, 0xe0, 0xb3):
            self.fails(EXIT_TOKEN, TOKEN, TOKEN_DOWN, "C_Login: CKR_",
                       spy=True, login_rv=rv)

    def test_odd_pins_cost_no_try(self):
        for pin in (b"", b"\n", b"1234\n\n", b"12\x0034", b"1",
                    b"x" * 256):
            self.fails(EXIT_PIN_SOURCE, BAD_INPUT, LOCKED, spy=True, pin=pin)
        self.fails(EXIT_PIN_SOURCE, TOO_LARGE, LOCKED, spy=True,
                   pin=b"x" * 257)
        self.assertEqual(self.spy.count("C_Login"), 0)

    # -- configuration --
    def test_no_such_token(self):
        self.fails(EXIT_TOKEN, NOT_FOUND, TOKEN_DOWN, '"ksk"', '"other"',
                   label="third")

    def test_ambiguous_uri(self):
        self.fails(EXIT_TOKEN, AMBIGUOUS, TOKEN_DOWN, "2 tokens", "serial",
                   uri="pkcs11:manufacturer=SoftHSM%20project")

    def test_uri_by_serial(self):
        worker = self.up()
        serial = worker.text().split('serial="')[1].split('"')[0]
        other = self.start(uri=f"pkcs11:serial={serial};token=ksk").ready()
        self.assertEqual(other.stop(), 0)
        self.fails(EXIT_TOKEN, NOT_FOUND, TOKEN_DOWN,
                   uri="pkcs11:token=ksk;serial=0000")

    def test_odd_uris(self):
        for uri, word in (("pkcs11:token=ksk?pin-value=1234", "PIN"),
                          ("pkcs11:token=ksk?pin-source=file:/x", "PIN"),
                          ("pkcs11:token=ksk;object=a", "object"),
                          ("pkcs11:token=ksk;colour=red", "not known"),
                          ("pkcs11:token=ksk?module-path=/x", "module"),
                          ("token=ksk", "RFC 7512"), ("pkcs11:%zz", "uri")):
            worker = self.fails(EXIT_CONFIG, BAD_INPUT, TOKEN_DOWN, word,
                                uri=uri)
            self.assertNotRegex(worker.text(), r"\b1234\b")

    def test_module_missing(self):
        self.fails(EXIT_MODULE, IO, TOKEN_DOWN, "/nowhere/module.so",
                   "No such file", module="/nowhere/module.so")

    def test_module_is_none(self):
        for path, word in ((self.store.conf, "can't be loaded"),
                           ("/usr/lib/x86_64-linux-gnu/libz.so.1",
                            "C_GetFunctionList")):
            if os.path.exists(path):
                self.fails(EXIT_MODULE, IO, TOKEN_DOWN, word, module=path)

    def test_module_digest(self):
        right = peer.sha256_of(cryptoki.SOFTHSM)
        self.assertEqual(self.start(sha256=right).ready().stop(), 0)
        self.fails(EXIT_MODULE, IO, TOKEN_DOWN, "has changed", right.hex(),
                   sha256=bytes(32))

    def test_module_without_its_configuration(self):
        """The file is named that it can't read, or what to check (C30)."""
        self.fails(EXIT_MODULE, IO, TOKEN_DOWN, "environment",
                   environment=[])

    def test_store_is_out_of_reach(self):
        """What is not in `paths` does not exist for the module."""
        self.fails(EXIT_MODULE, IO, TOKEN_DOWN, "paths", paths=[])

    def test_broken_keymap(self):
        worker = self.start(keymap="ksk x\n")
        self.assertEqual(worker.wait(), EXIT_FILE)
        self.assertIn("keymap-wrong", worker.text())
        self.assertIn("line 1", worker.text())

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_as_another_user(self):
        """Unprivileged, empty environment, store of its own (C30)."""
        folder = tempfile.mkdtemp(dir=self.dir)
        os.chmod(folder, 0o755)
        store = cryptoki.Store(os.path.join(folder, "own"))
        os.chmod(os.path.join(folder, "own"), 0o755)
        store.make_token("ksk")
        with Session(store, "ksk") as t:
            key = t.dnskey(t.generate(13, "a", b"\1")[0], 13)
        for top, folders, files in os.walk(store.tokens):
            for name in [top, *(os.path.join(top, x)
                                for x in folders + files)]:
                os.chown(name, 64899, 64899)
        worker = peer.Worker(store, "ksk", user=64899, keymap=peer.keymap_line(
            ZONE, "main", ds(ZONE, key)))
        self.workers.append(worker)
        worker.ready().connect()
        worker.keys([(0, ZONE, ds(ZONE, key), "a")])
        self.assertEqual(worker.sign(**self.job(rdatas=[key]))[0], peer.DONE)
        with open(f"/proc/{worker.process.pid}/status",
                  encoding="ascii") as f:
            status = f.read()
        for line in ("Uid:\t64899\t64899\t64899\t64899",
                     "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
                     "Seccomp:\t2"):
            self.assertIn(line, status)
        self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main()
