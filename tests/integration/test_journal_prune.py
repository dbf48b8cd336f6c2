#!/usr/bin/python3
"""kskadm journal prune: what leaves a journal is in an export that the audit
key proves, and what somebody may still ask for stays; what is left is whole,
says since where, and goes on. The journal is a real appliance's, written in
three weeks of its clock.
"""
import hashlib
import io
import os
import re
import shutil
import sqlite3
import sys
import time
import unittest

import cbor2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash")]
import appliance as ap  # noqa: E402
import crash  # noqa: E402
from test_clock import with_clock  # noqa: E402

GOOD, USAGE, FILE, BAD, RUNNING = 0, 2, 7, 14, 17
INTENT, RESULT, POLICY, PRUNE = 1, 2, 6, 11
JOURNAL_READ = 8
DAY = 86400


class Prune(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = a = ap.standard(workers=1)
        try:
            cls.prepare(a)
        except BaseException:
            a.__exit__()
            raise

    @classmethod
    def prepare(cls, a):
        text = a.kskadm("key", "generate", "--token", "main", "--audit").out
        cls.key = a.write("audit.key", text, 0o600)
        cls.clock = with_clock(a)
        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            a.write("etc/kskd.yaml",
                    f.read().replace("workers: 1", "workers: 1\n"
                                     "    anchor: yes"))
        a.zones[0][4]["signature"] = (
            "{validity: 3d, refresh: 1d, inception-offset: 1h, horizon: 0,"
            " min-validity: 1d}")
        cls.other = [ap.Zsk(a.path(f"other-{x}"), "other.example.")
                     for x in ("alpha", "beta")]
        a.add_ksk("other.example.", "ksk2")
        a.add_zone("other.example.", ["ksk2"], dict(zip(
            ("alpha", "beta"), ([z] for z in cls.other))), **a.zones[0][4])
        os.mkdir(a.path("home"), 0o700)
        out = cls.ctl("enroll", "--name", "auto", "--appliance",
                      f"127.0.0.1:{a.port}", "--server-pin", a.server_pin).out
        a.add_client("auto", "read, sign, journal")
        a.clients["auditor"] = (re.search(r"pin: (\w+)", out).group(1),
                                "journal, read")
        a.write_policy()
        cls.live = a.path("state/journal")
        cls.story()
        cls.anchored = cls.objects()

    @classmethod
    def story(cls):
        """Three weeks: the other zone is signed on the first day only."""
        a, clock = cls.a, cls.clock
        clock.set(seconds=-20 * DAY)
        a.start()
        keys = [a.zsk1, a.zsk2]
        cls.first = cls.sign("other.example.", cls.other)
        for _ in range(5):
            cls.sign(a.zone, keys)
            cls.sign(a.zone, keys[:1], ap.REFUSED)
        cls.checkpoint()
        cls.early = a.path("early.ksk")
        cls.ctl("journal", "export", "--out", cls.early)
        clock.pass_time(10 * DAY)
        for _ in range(5):
            cls.sign(a.zone, keys)
        cls.checkpoint()
        cls.middle = cls.head()
        clock.pass_time(10 * DAY - 2000)
        cls.last = cls.sign(a.zone, keys)
        cls.checkpoint()
        cls.export = a.path("journal.ksk")
        cls.ctl("journal", "export", "--out", cls.export)
        if a.stop() != 0:
            raise AssertionError(a.log_text())
        cls.records = cls.rows(cls.live)

    @classmethod
    def tearDownClass(cls):
        log = cls.a.log_text()
        cls.clock.close()
        cls.a.__exit__()
        if "Sanitizer" in log:
            raise AssertionError(log)

    # ---- the appliance ----

    @classmethod
    def ctl(cls, *argv, code=0):
        done = ap.sh(os.path.join(ap.BUILD, "kskctl"), "--config",
                     cls.a.path("home/profile"), *argv, check=False)
        if done.returncode != code:
            raise AssertionError(f"{argv} -> {done.returncode}\n{done.out}"
                                 f"{done.err}\n{cls.a.log_text()[-2000:]}")
        return done

    @classmethod
    def sign(cls, zone, zsks, status=ap.DONE):
        with cls.a.peer() as peer:
            reply = cls.a.sign(peer, zone, zsks,
                               body={3: os.urandom(16)})
        if reply[2] != status:
            raise AssertionError(f"{reply}\n{cls.a.log_text()[-2000:]}")
        return reply

    @classmethod
    def head(cls):
        with cls.a.peer() as peer:
            return peer.ask(JOURNAL_READ, {1: 0, 2: 0})[3]

    @classmethod
    def checkpoint(cls):
        """The loop looks at its clock when something comes."""
        want = cls.head()[3]

        def there():
            cls.clock.pass_time(61)
            return [c for c in cls.head()[2] if c[2] >= want]
        ap.wait_for(there, 10, 0.1)

    @classmethod
    def objects(cls):
        return cls.a.path("tokens")

    @staticmethod
    def rows(folder):
        """{number: (record, encoding, hash)} of a closed journal."""
        db = sqlite3.connect(os.path.join(folder, "journal.db"))
        try:
            return {n: (cbor2.loads(body), body, digest)
                    for n, body, digest in db.execute(
                        "SELECT number, body, hash FROM record")}
        finally:
            db.close()

    # ---- a copy for each test ----

    def setUp(self):
        a = self.a
        self.folder = a.path(self.id().rsplit(".", 1)[1])
        shutil.copytree(self.live, self.folder)
        self.own(self.folder)
        self.path = os.path.join(self.folder, "journal.db")
        with open(a.path("etc/kskd.yaml"), encoding="utf-8") as f:
            text = f.read().replace(os.path.join(self.live, "journal.db"),
                                    self.path)
        self.config = a.write(f"etc/{self.id()}.yaml", text)

    def tearDown(self):
        shutil.rmtree(self.folder)

    @staticmethod
    def own(folder):
        if os.getuid() == 0:
            for path in [folder] + [os.path.join(folder, x)
                                    for x in os.listdir(folder)]:
                os.chown(path, ap.USERS["signer"], ap.USERS["signer"])

    def kskadm(self, *argv, code=GOOD):
        done = ap.sh(self.a.tool("kskadm"), "-c", self.config, *argv,
                     check=False)
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.out}{done.err}")
        self.assertNotIn("Sanitizer", done.err)
        return done

    def prune(self, *more, export=None, key=None, code=GOOD):
        return self.kskadm("journal", "prune", "--export",
                           export or self.export, "--audit-key",
                           key or self.key, *more, code=code)

    def check(self, code=GOOD):
        return self.kskadm("journal", "check", "--audit-key", self.key,
                           self.path, code=code)

    def change(self, sql, *values):
        db = sqlite3.connect(self.path)
        self.assertNotEqual(db.execute(sql, values).rowcount, 0, sql)
        db.commit()
        db.close()

    def unchanged(self):
        self.assertEqual(self.rows(self.folder), self.records)

    def use(self, back=False):
        """The appliance takes the copy."""
        a = self.a
        shutil.rmtree(self.live)
        shutil.copytree(self.folder, self.live)
        self.own(self.live)

    # ---- what leaves and what stays ----

    def test_what_leaves_and_what_stays(self):
        middle = self.middle[3]
        out = self.prune().out
        through = int(re.search(r"records 0 to (\d+);", out).group(1))
        # Behind the last checkpoint whose records have all expired.
        self.assertEqual(through, self.middle[2][0][2])
        left = self.rows(self.folder)
        stay = sorted(n for n in left if n <= through)
        expected = {self.first[3][2], self.records[self.first[3][2]][0][8],
                    max(n for n, (r, _, _) in self.records.items()
                        if r[3] == POLICY)}
        self.assertEqual(set(stay), {n for n in expected if n <= through})
        self.assertIn(f"{len(stay)} stay", out)
        self.assertGreater(through, middle - 20)
        # All others are as they were, and one says what happened.
        head = max(left)
        self.assertEqual(head, max(self.records) + 1)
        for n, row in left.items():
            if n != head:
                self.assertEqual(row, self.records[n])
        self.assertEqual(set(left) - set(stay),
                         set(range(through + 1, head + 1)))
        record, body, digest = left[head]
        self.assertEqual(record[3], PRUNE)
        self.assertEqual(digest, hashlib.sha256(
            b"ksk-record-1" + self.records[head - 1][2] + body).digest())
        stays = hashlib.sha256(b"".join(
            left[n][2] + left[n][1] for n in stay)).digest()
        self.assertEqual(record[18], {1: through, 2: self.records[through][2],
                                      3: stays})
        out = self.check().out
        self.assertIn(f"records: {through + 1} to {head}, all chained", out)
        self.assertIn(f"pruned: up to record {through}; {len(stay)} of those "
                      "stay", out)
        # The files are the signer's.
        if os.getuid() == 0:
            for name in os.listdir(self.folder):
                self.assertEqual(os.stat(os.path.join(
                    self.folder, name)).st_uid, ap.USERS["signer"], name)
        # There is nothing more to do, and it says why.
        out = self.prune().out
        self.assertRegex(out, r"nothing is pruned: record \d+ is about "
                         r"signatures that are valid until 20")

    def test_it_goes_on(self):
        """A whole appliance on a pruned journal."""
        a = self.a
        kept = a.path("kept")
        shutil.copytree(self.live, kept)
        shutil.copytree(self.anchored, a.path("kept-tokens"))
        self.addCleanup(self.put_back, kept)
        self.prune()
        self.use()
        left = self.rows(self.live)
        head = max(left)
        self.clock.set(seconds=0)       # as kskadm's
        a.start()
        oldest = self.head()[8]
        with a.peer() as peer:
            # What was answered is still told, with all its RRSIGs.
            last = a.last_answer(peer, "other.example.")
            self.assertEqual(last[3][2], self.first[3][1])
            self.assertEqual(last[3][3], self.first[3][2])
            last = a.last_answer(peer, a.zone)
            self.assertEqual(last[3][2], self.last[3][1])
            # What left is refused by name, and where it begins is said.
            for at in (0, oldest - 1):
                reply = peer.ask(JOURNAL_READ, {1: at, 2: 5})
                self.assertEqual(reply[2], ap.REFUSED)
                self.assertEqual(reply[4][0][1], "pruned")
                self.assertIn(f"oldest record is {oldest}", reply[5])
            reply = peer.ask(JOURNAL_READ, {1: oldest, 2: 256})[3]
            self.assertEqual(reply[7], self.records[oldest - 1][2])
            self.assertEqual(reply[8], oldest)
            before = reply[7]
            for i, body in enumerate(reply[1]):
                self.assertEqual(cbor2.loads(body)[1], oldest + i)
                before = hashlib.sha256(
                    b"ksk-record-1" + before + body).digest()
            self.assertEqual(before, reply[4])
        # The anchor is of a record that is there; signing goes on.
        self.sign(a.zone, [a.zsk1, a.zsk2])
        self.assertFalse(a.log_lines("restored"))
        self.checkpoint()
        # A new export begins where the journal does, the old one goes on.
        new = a.path("new.ksk")
        self.ctl("journal", "export", "--out", new)
        done = self.ctl("journal", "verify", new, "--audit-key", self.key)
        self.assertIn(f"records: {oldest} to ", done.out)
        old = shutil.copy(self.export, a.path("old.ksk"))
        self.ctl("journal", "export", "--out", old)
        done = self.ctl("journal", "verify", old, "--audit-key", self.key)
        self.assertIn("records: 0 to ", done.out)
        shown = self.ctl("journal", "show", new).out
        self.assertIn(f"pruned: up to record {oldest - 1}", shown)
        # One that ends before can't.
        early = shutil.copy(self.early, a.path("early2.ksk"))
        done = self.ctl("journal", "export", "--out", early, code=5)
        self.assertIn("pruned", done.err)
        self.assertIn("new file", done.err)
        done = self.ctl("journal", "export", "--from", "0", "--out",
                        a.path("none.ksk"), code=5)
        self.assertIn(f"oldest record is {oldest}", done.err)
        # Killed and started again: the chain from its beginning on.
        os.kill(a.process.pid, 9)
        a.process.wait()
        a.start()
        self.sign(a.zone, [a.zsk1, a.zsk2])
        a.stop()
        self.assertGreater(max(self.rows(self.live)), head)
        self.assertNotIn("restored", a.log_text())

    def put_back(self, kept):
        self.a.stop(check=False)
        for there, here in ((self.live, kept),
                            (self.anchored, self.a.path("kept-tokens"))):
            shutil.rmtree(there)
            shutil.copytree(here, there)
            shutil.rmtree(here)
        self.own(self.live)
        self.own_tokens()

    def own_tokens(self):
        if os.getuid() == 0:
            for folder, _, names in os.walk(self.anchored):
                for path in [folder] + [os.path.join(folder, n)
                                        for n in names]:
                    os.chown(path, ap.USERS["token"], ap.USERS["token"])

    # ---- what may not be ----

    def nothing(self, words, *more, **how):
        self.assertRegex(self.prune(*more, **how).out,
                         "nothing is pruned: " + words)
        self.unchanged()

    def refused(self, words, code=BAD, **how):
        self.assertRegex(self.prune(code=code, **how).err, words)
        self.unchanged()

    def test_only_what_is_exported_and_proven(self):
        a = self.a
        with open(self.export, "rb") as f:
            whole = f.read()
        # As much as a shorter export proves.
        out = self.prune(export=self.early).out
        through = int(re.search(r"records 0 to (\d+);", out).group(1))
        self.assertLess(through, self.middle[2][0][2])
        self.assertEqual(self.rows(self.folder)[through + 1],
                         self.records[through + 1])
        self.check()
        # And then what the longer one adds; what stayed may leave now or
        # stays on.
        out = self.prune().out
        self.assertIn(f"records {through + 1} to {self.middle[2][0][2]};",
                      out)
        self.assertIn("of those stay", self.check().out)
        self.setUpAgain()
        for name, data, words in (
                ("cut", whole[:-1], "cut off"),
                ("unmarked", whole[:whole.rindex(b"\x82\x03")], "cut off"),
                ("changed", whole[:2000] + bytes([whole[2000] ^ 1])
                 + whole[2001:], "."),
                ("text", b"no export\n", "damaged"),
                ("empty", b"", "empty")):
            path = a.path(name + ".ksk")
            with open(path, "wb") as f:
                f.write(data)
            self.refused(words, export=path,
                         code=FILE if name == "empty" else BAD)
        self.refused("No such file", export=a.path("missing"), code=FILE)
        bare, items = b"", io.BytesIO(whole)
        decoder = cbor2.CBORDecoder(items)
        while items.tell() < len(whole):
            item = decoder.decode()
            bare += b"" if item[0] == 2 else cbor2.dumps(item)
        path = a.path("bare.ksk")
        with open(path, "wb") as f:
            f.write(bare)
        self.nothing("the export has no checkpoint", export=path)
        # An audit key that is another one proves nothing.
        stranger = a.write("stranger.key", "0 3 13 axfR8uEsQkf4vOblY6RA8ncDfYEt"
                           "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBo"
                           "N79R9Q==\n")
        self.refused("another audit key", key=stranger)
        done = self.kskadm("journal", "prune", "--export", self.export,
                           code=USAGE)
        self.assertIn("audit-key", done.err)

    def setUpAgain(self):
        shutil.rmtree(self.folder)
        self.setUp()

    def test_not_of_another_journal(self):
        path = self.a.path("other.ksk")
        with open(self.export, "rb") as f:
            data = f.read()
        journal = self.middle[5]
        with open(path, "wb") as f:
            f.write(data.replace(journal, bytes(16), 1))
        self.refused("of another journal", export=path)
        # Nor with a gap between the file and the journal.
        late = self.a.path("late.ksk")
        self.a.start()
        try:
            self.ctl("journal", "export", "--from", "5", "--out", late)
            self.assertIn("in use", self.kskadm_live("journal", "prune",
                          "--export", self.export, "--audit-key", self.key))
        finally:
            self.a.stop()
        self.refused("what is between would be lost", export=late)

    def kskadm_live(self, *argv):
        """While kskd has it."""
        done = self.a.kskadm(*argv, check=False)
        self.assertEqual(done.returncode, RUNNING, done.err)
        return done.err

    def test_not_what_is_younger(self):
        self.nothing("record 0 was written after", "--older-than", "30d")
        self.assertIn("--older-than", self.prune(
            "--older-than", "soon", code=USAGE).err)
        out = self.prune("--older-than", "15d").out
        through = int(re.search(r"records 0 to (\d+);", out).group(1))
        self.assertLess(through, self.middle[2][0][2])

    def test_not_beyond_the_anchor(self):
        def anchored(number):
            self.change("UPDATE state SET value = ? WHERE name = 'anchored'",
                        number.to_bytes(8, "big"))
        anchored(1)
        self.nothing("the journal's anchor is over record 1")
        anchored(self.middle[2][0][2])
        self.assertNotIn(f"to {self.middle[2][0][2]};", self.prune().out)
        self.setUpAgain()
        self.change("DELETE FROM state WHERE name = 'anchored'")
        self.nothing("the journal's anchor is over record 0")

    def test_not_with_an_open_intent(self):
        last = max(self.records)
        intent = dict(self.records[max(
            n for n, (r, _, _) in self.records.items() if r[3] == INTENT)][0])
        intent[1] = last + 1
        body = cbor2.dumps(intent, canonical=True)
        self.change("INSERT INTO record VALUES(?, ?, ?, ?, ?)", last + 1,
                    intent[2], INTENT, body, hashlib.sha256(
                        b"ksk-record-1" + self.records[last][2] + body)
                    .digest())
        self.assertIn("intents have no end", self.prune(code=RUNNING).err)

    def test_not_by_a_clock_that_is_behind(self):
        last = max(self.records)
        record = {1: last + 1, 2: int(time.time()) + 5 * DAY, 3: 10,
                  12: "clock"}
        body = cbor2.dumps(record, canonical=True)
        self.change("INSERT INTO record VALUES(?, ?, ?, ?, ?)", last + 1,
                    record[2], 10, body, hashlib.sha256(
                        b"ksk-record-1" + self.records[last][2] + body)
                    .digest())
        self.assertIn("clock is behind", self.prune(code=RUNNING).err)

    def test_not_what_is_damaged(self):
        self.change("UPDATE record SET time = time + 1 WHERE number = 3")
        self.assertIn("record 3", self.prune(code=BAD).err)

    # ---- what is changed afterwards is found ----

    def test_changes_of_what_stays(self):
        self.prune()
        pruned = self.a.path("pruned.db")
        shutil.copy(self.path, pruned)
        oldest = int(re.search(r"records: (\d+) to", self.check().out)
                     .group(1))
        staying = [n for n in self.rows(self.folder) if n < oldest]
        for words, sql, *values in (
                ("not those that stayed",
                 "UPDATE record SET body = body || x'00' WHERE number = ?",
                 min(staying)),
                ("not those that stayed",
                 "UPDATE record SET hash = zeroblob(32) WHERE number = ?",
                 min(staying)),
                ("not those that stayed|names record|in the table of policies"
                 "|no result", "DELETE FROM record WHERE number = ?",
                 max(staying)),
                ("not those that stayed",
                 "INSERT INTO record VALUES(1, 0, 3, x'00', zeroblob(32))"),
                ("is due", "DELETE FROM record WHERE number = ?", oldest),
                ("is due|cut off", "DELETE FROM state WHERE name = 'pruned'"),
                ("no checkpoint says", "DELETE FROM checkpoint WHERE number"
                 " = ?", oldest - 1)):
            shutil.copy(pruned, self.path)
            self.own(self.folder)
            self.change(sql, *values)
            self.assertRegex(self.check(code=BAD).err, words, sql)
        # A start looks at the beginning too.
        for sql, *values in (
                ("DELETE FROM record WHERE number = ?", oldest),
                ("UPDATE state SET value = zeroblob(40) WHERE name ="
                 " 'pruned'",),
                ("UPDATE state SET value = x'01' WHERE name = 'pruned'",)):
            shutil.copy(pruned, self.path)
            self.own(self.folder)
            self.change(sql, *values)
            answer = self.reopen(self.folder)
            self.assertIn("damaged", answer, sql)

    def reopen(self, folder):
        """The signer's own way to open a journal."""
        with crash.Reopener(self.a.id) as reopener:
            files = {}
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), "rb") as f:
                    files[name] = f.read()
            return reopener.open(files)

    # ---- a disk that is full ----

    # In a name space of its own: $1 the copy, $2 where to mount, rest: prune.
    ON_A_FULL_DISK = """
        set -e
        from=$1 on=$2
        shift 2
        mount -t tmpfs -o size=4m,mode=0700 none "$on"
        cp -a "$from/." "$on"
        chown --reference="$from" "$on"
        if [ "$KEEP_NO_RESERVE" ]; then : > "$on/reserve"; fi
        cat /dev/zero > "$on/filler" 2>/dev/null || true
        code=0
        "$@" || code=$?
        rm "$on/filler"
        cp -a "$on/." "$from"
        exit $code
    """

    def on_a_full_disk(self, **env):
        folder = self.a.path("small")
        os.makedirs(folder, exist_ok=True)
        with open(self.config, encoding="utf-8") as f:
            config = self.a.write("etc/small.yaml", f.read().replace(
                self.path, os.path.join(folder, "journal.db")))
        return ap.sh("unshare", "-m", "sh", "-c", self.ON_A_FULL_DISK, "sh",
                     self.folder, folder, self.a.tool("kskadm"), "-c", config,
                     "journal", "prune", "--export", self.export,
                     "--audit-key", self.key, check=False,
                     env=dict(os.environ, **env))

    @unittest.skipUnless(os.getuid() == 0 and ap.sh(
        "unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt",
        check=False).returncode == 0, "may not mount")
    def test_on_a_full_disk(self):
        """The signer's reserve is what makes room."""
        self.assertGreater(os.path.getsize(os.path.join(
            self.folder, "reserve")), 0)
        done = self.on_a_full_disk(KEEP_NO_RESERVE="1")
        self.assertEqual(done.returncode, FILE, done.out + done.err)
        self.assertIn("full", done.err)
        self.unchanged()
        self.setUpAgain()
        done = self.on_a_full_disk()
        self.assertEqual(done.returncode, GOOD, done.out + done.err)
        self.assertIn("pruned: records 0 to", done.out)
        self.assertEqual(os.path.getsize(os.path.join(
            self.folder, "reserve")), 0)
        self.check()

    # ---- no end leaves half a journal ----

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_killed_at_any_point(self):
        """Before each write, sync and cut of a file it is whole: the old one
        or the pruned one, for kskadm and for kskd."""
        old, new, nth, step = 0, 0, {}, 1
        for call in ("pwrite64", "fdatasync", "ftruncate", "unlink"):
            nth[call], step = 1, 1
            while True:
                self.setUpAgain()
                done = ap.sh(
                    "strace", "-f", "-o", "/dev/null", "-e", f"trace={call}",
                    "-e", f"inject={call}:signal=KILL:when={nth[call]}",
                    self.a.tool("kskadm"), "-c", self.config, "journal",
                    "prune", "--export", self.export, "--audit-key",
                    self.key, check=False)
                answer = self.reopen(self.folder)
                self.assertTrue(answer.startswith("ok "), answer)
                out = self.check().out
                if "pruned: up to" in out:
                    new += 1
                else:
                    self.assertIn(f"records: 0 to {max(self.records)},", out)
                    old += 1
                if done.returncode == 0:
                    break
                self.assertIn(done.returncode, (-9, 137), done.err)
                # What a kill left is pruned by the next try.
                if nth[call] == 1:
                    self.assertRegex(self.prune().out,
                                     "pruned: records|nothing is pruned")
                nth[call] += step
                step = min(step + 1, 7)
        self.assertGreater(old, 1)
        self.assertGreater(new, 1)
        self.assertGreater(nth["pwrite64"], 5, nth)


if __name__ == "__main__":
    unittest.main()
