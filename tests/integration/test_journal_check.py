#!/usr/bin/python3
"""kskadm journal check: a whole journal passes, each way of changing one is
named, and nothing is written. The journal is a real appliance's; Python's
sqlite3 changes copies of it.
"""
import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import sqlite3
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cbor2  # noqa: E402

import appliance as ap  # noqa: E402

SANITIZED = True
GOOD, USAGE, FILE, BAD, RUNNING = 0, 2, 7, 14, 17
INTENT, RESULT, POLICY = 1, 2, 6


def chain(before, record):
    return hashlib.sha256(b"ksk-record-1" + before + record).digest()


def dump(value):
    return cbor2.dumps(value, canonical=True)


class Check(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.a = a = ap.standard()
        try:
            text = a.kskadm("key", "generate", "--token", "main",
                            "--audit").out
            cls.key = a.write("audit.key", text)
            cls.key_rdata = b"\0\0\3\x0d" + base64.b64decode(re.search(
                r"^0 3 13 (\S+)$", text, re.M).group(1))
            a.add_client("auditor", "journal")
            a.write_policy()
            a.start()
            with a.peer() as peer, a.peer("auditor") as reader:
                for _ in range(10):
                    for _ in range(51):
                        peer.send(ap.SIGN, {1: a.keyset(
                            a.zone, [a.zsk1, a.zsk2])})
                    for _ in range(51):
                        reply = peer.receive()
                        if reply[2] != ap.DONE:
                            raise AssertionError(reply)
                ap.wait_for(lambda: reader.ask(8, {1: 0, 2: 0})[3][2], 20)
                # What a refusal and a repeat look like.
                a.sign(peer, a.zone, [a.zsk1])
                a.sign(peer, "nobody.example.", [])
            cls.live = a.path("state/journal/journal.db")
            cls.running = a.kskadm("journal", "check", cls.live, check=False)
            if a.stop() != 0:
                raise AssertionError(a.log_text())
        except BaseException:
            a.__exit__()
            raise

    @classmethod
    def tearDownClass(cls):
        log = cls.a.log_text()
        cls.a.__exit__()
        if "Sanitizer" in log:
            raise AssertionError(log)

    def setUp(self):
        self.dir = self.a.path(self.id())
        os.mkdir(self.dir)
        self.path = os.path.join(self.dir, "journal.db")
        shutil.copy(self.live, self.path)

    def check(self, *argv, code=GOOD, path=None):
        done = self.a.kskadm("journal", "check", *argv, path or self.path,
                             check=False)
        self.assertEqual(done.returncode, code,
                         f"{argv}\n{done.out}\n{done.err}")
        self.assertNotIn("Sanitizer", done.err)
        self.assertEqual(done.err == "", code == GOOD)
        return done

    @contextlib.contextmanager
    def db(self):
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            yield db
            db.commit()

    def change(self, sql, *values):
        """Changes a fresh copy."""
        shutil.copy(self.live, self.path)
        with self.db() as db:
            done = db.execute(sql, values)
            self.assertNotEqual(done.rowcount, 0, sql)

    def refused(self, words, sql, *values, argv=()):
        self.change(sql, *values)
        self.assertRegex(self.check(*argv, code=BAD).err, words, sql)

    def rows(self, sql, *values):
        with self.db() as db:
            return db.execute(sql, values).fetchall()

    # ---- what is good ----

    def test_a_whole_journal(self):
        last, = self.rows("SELECT number, hash FROM record"
                          " ORDER BY number DESC LIMIT 1")
        out = self.check().out
        self.assertIn(f"records: 0 to {last[0]}, all chained", out)
        self.assertIn(last[1].hex(), out)
        self.assertIn(f"appliance: {self.a.id}", out)
        self.assertIn("give --audit-key for proof", out)
        out = self.check("--audit-key", self.key).out
        self.assertIn("signed by the audit key that was given", out)
        number = self.rows("SELECT max(number) FROM checkpoint")[0][0]
        self.assertIn(f"the last over record {number},", out)

    def test_it_changes_nothing(self):
        def state(folder):
            found = {}
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), "rb") as f:
                    found[name] = (hashlib.sha256(f.read()).hexdigest(),
                                   os.fstat(f.fileno()).st_uid)
            return found
        before = state(self.dir)
        self.check()
        after = state(self.dir)
        after.pop("journal.db-wal", None)  # empty, if it is there
        self.assertEqual(before, after)

    def test_after_a_crash(self):
        """What stands in the log beside the file only is read too."""
        a = ap.standard()
        try:
            a.start()
            with a.peer() as peer:
                for _ in range(5):
                    reply = a.sign(peer, a.zone, [a.zsk1, a.zsk2])
            live = a.path("state/journal/journal.db")
            os.killpg(a.process.pid, signal.SIGKILL)
            a.process.wait()
            a.process = None
            ap.wait_for(lambda: a.kskadm(
                "journal", "check", live, check=False).returncode != RUNNING)
            log = live + "-wal"
            self.assertGreater(os.path.getsize(log), 0)
            with open(log, "rb") as f:
                before = f.read()
            done = a.kskadm("journal", "check", live)
            self.assertRegex(done.out, rf"records: 0 to {reply[3][2]},")
            with open(log, "rb") as f:
                self.assertEqual(f.read(), before)
            self.assertEqual(os.stat(log).st_uid, os.stat(live).st_uid)
            # kskd takes it as if nobody had looked.
            a.start()
            self.assertEqual(a.stop(), 0)
        finally:
            a.__exit__()

    def test_not_while_kskd_runs(self):
        self.assertEqual(self.running.returncode, RUNNING, self.running.err)
        self.assertIn("stop kskd first", self.running.err)

    # ---- what is not ----

    def test_records(self):
        middle = self.rows("SELECT max(number) FROM record")[0][0] // 2
        body, = self.rows("SELECT body FROM record WHERE number = ?",
                          middle)[0]
        for at in (len(body) // 3, len(body) - 1):
            bad = bytearray(body)
            bad[at] ^= 1
            self.refused("hash is not what|can't be read",
                         "UPDATE record SET body = ? WHERE number = ?",
                         bytes(bad), middle)
        self.refused("time is not", "UPDATE record SET time = time + 1"
                     " WHERE number = ?", middle)
        self.refused("kind is not", "UPDATE record SET kind = 3"
                     " WHERE number = ?", middle)
        self.refused("hash is not", "UPDATE record SET hash = zeroblob(32)"
                     " WHERE number = ?", middle)
        self.refused("hash is not", "UPDATE record SET hash = x'00'"
                     " WHERE number = ?", middle)
        self.refused("is due", "DELETE FROM record WHERE number = ?", middle)
        self.refused("record 0 is due", "DELETE FROM record"
                     " WHERE number < ?", middle)
        self.refused("holds no record", "DELETE FROM record")
        self.refused("is due", "UPDATE record SET number = -number"
                     " WHERE number = ?", middle)

    def test_a_cut_tail(self):
        last = self.rows("SELECT max(number) FROM checkpoint")[0][0]
        self.refused("the end of the journal is cut off",
                     "DELETE FROM record WHERE number >= ?", last)

    def test_pruned_by_hand(self):
        """Only kskadm journal prune leaves a whole one."""
        last = self.rows("SELECT max(number) FROM checkpoint")[0][0]
        digest, = self.rows("SELECT hash FROM record WHERE number = ?",
                            last)[0]
        shutil.copy(self.live, self.path)
        with self.db() as db:
            db.execute("DELETE FROM record WHERE number <= ?", (last,))
            db.execute("DELETE FROM policy WHERE number <= ?", (last,))
            db.execute("DELETE FROM idempotency")
            db.execute("INSERT INTO state VALUES('pruned', ?)",
                       (struct.pack("!Q", last) + digest,))
        self.assertIn("no prune record says so", self.check(code=BAD).err)
        with self.db() as db:
            db.execute("UPDATE state SET value = ? WHERE name = 'pruned'",
                       (struct.pack("!Q", last) + bytes(32),))
        self.assertIn("no checkpoint says", self.check(code=BAD).err)
        with self.db() as db:
            db.execute("UPDATE state SET value = x'00' WHERE name = 'pruned'")
        self.assertIn("where it was pruned", self.check(code=BAD).err)

    def forge(self, at):
        """Changes a record and chains all that follow anew."""
        shutil.copy(self.live, self.path)
        with self.db() as db:
            rows = db.execute("SELECT number, body, hash FROM record"
                              " ORDER BY number").fetchall()
            before = bytes(32)
            for number, body, _ in rows:
                if number == at:
                    value = cbor2.loads(body)
                    value[2] += 1
                    body = dump(value)
                    db.execute("UPDATE record SET body = ?, time = ?"
                               " WHERE number = ?", (body, value[2], number))
                before = chain(before, body)
                db.execute("UPDATE record SET hash = ? WHERE number = ?",
                           (before, number))
            db.execute("DELETE FROM timeline")

    def test_a_forged_chain(self):
        self.forge(5)
        self.assertIn("not the one that was signed",
                      self.check(code=BAD).err)
        with self.db() as db:
            db.execute("UPDATE checkpoint SET hash = (SELECT hash FROM record"
                       " WHERE record.number = checkpoint.number)")
        self.assertIn("does not verify", self.check(code=BAD).err)
        # Without any checkpoint nothing tells; the answer says so.
        with self.db() as db:
            db.execute("DELETE FROM checkpoint")
        self.assertIn("checkpoints: none", self.check().out)

    def test_checkpoints(self):
        self.refused("does not verify", "UPDATE checkpoint SET signature ="
                     " zeroblob(64)")
        self.refused("does not verify", "UPDATE checkpoint SET time = 5")
        self.refused("not the one", "UPDATE checkpoint SET hash ="
                     " zeroblob(32)")
        self.refused("not the one", "UPDATE checkpoint SET number ="
                     " number - 1")
        stranger = self.key_rdata[:4] + bytes.fromhex(
            "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
            "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5")
        self.refused("another audit key", "UPDATE checkpoint SET key = ?",
                     stranger, argv=("--audit-key", self.key))
        self.refused("does not verify", "UPDATE checkpoint SET key = ?",
                     stranger)

    def test_tables(self):
        self.refused("not in the table of policies", "DELETE FROM policy")
        self.refused("is none", "INSERT INTO policy VALUES(1)"
                     if not self.rows("SELECT 1 FROM record WHERE number = 1"
                                      " AND kind = 6") else
                     "INSERT INTO policy VALUES(3)")
        self.refused("no result record", "INSERT INTO idempotency VALUES"
                     "(999999999, zeroblob(32), zeroblob(16), zeroblob(32),"
                     " 0)")

    def test_intents(self):
        """An intent that is ended twice, and one that is left open."""
        rows = self.rows("SELECT number, body, hash FROM record"
                         " ORDER BY number")
        last = rows[-1]
        ended = next(cbor2.loads(b)[8] for _, b, _ in rows
                     if cbor2.loads(b)[3] == RESULT)
        body = dump({1: last[0] + 1, 2: 1767225600, 3: 5, 8: ended})
        add = ("INSERT INTO record VALUES(?, 1767225600, ?, ?, ?)",
               last[0] + 1)
        self.refused("is not open", *add, 5, body, chain(last[2], body))
        intent = cbor2.loads(rows[ended][1])
        intent[1] = last[0] + 1
        intent[2] = 1767225600
        body = dump(intent)
        self.change(*add, INTENT, body, chain(last[2], body))
        with self.db() as db:
            db.execute("UPDATE meta SET open_from = ?", (last[0] + 1,))
        self.assertIn("open intents: 1", self.check().out)
        with self.db() as db:
            db.execute("UPDATE meta SET open_from = ?", (last[0] + 2,))
        self.assertIn("has no end", self.check(code=BAD).err)

    def timeline(self, **changes):
        """A row of `timeline` for one answer, made here byte by byte."""
        rows = self.rows("SELECT body, hash FROM record ORDER BY number")
        number = max(i for i, (b, _) in enumerate(rows)
                     if cbor2.loads(b)[3] == RESULT)
        result = cbor2.loads(rows[number][0])
        intent = cbor2.loads(rows[result[8]][0])
        a = {"record": number, "hash": rows[number][1],
             "released": result[2], "ttl": intent[5][3], "type": intent[5][2],
             "inception": intent[6][1], "expiration": intent[6][2],
             "owner": intent[5][1], "keys": intent[5][4]}
        a.update(changes)
        keys, members = b"", b""
        for i, rdata in enumerate(a["keys"]):
            digest = hashlib.sha256(intent[5][1] + rdata).digest()
            keys += struct.pack("!HBBB", ap.key_tag(rdata), rdata[3], 2, 32) \
                + digest + struct.pack("!HBBB", 0, 0, 0, 0) + rdata[:2] \
                + struct.pack("!BQQ", 0, 0, a["expiration"])
            members += struct.pack("!HB", i, 0)
        count = struct.pack("!H", len(a["keys"]))
        body = struct.pack("!BBQQ", 1, 0, 0, 0) + count + keys + struct.pack(
            "!HQHBIQQQQ", 1, a["record"] * 1024, a["type"], 0, a["ttl"],
            a["inception"], a["expiration"], a["released"], a["record"]) \
            + a["hash"] + count + members + struct.pack("!HHH", 0, 0, 0)
        self.change("INSERT OR REPLACE INTO timeline VALUES(?, ?, ?)",
                    a["owner"], a["expiration"], a.get("body", body))

    def test_timelines(self):
        self.timeline()
        self.check()
        number = self.rows("SELECT max(number) FROM record WHERE kind = 2"
                           )[0][0]
        for words, changes in (
                ("no such record", {"record": 10**9}),
                ("another hash", {"hash": bytes(32)}),
                ("another hash", {"record": number - 1}),
                ("another zone, type or TTL", {"ttl": 60}),
                ("another zone, type or TTL", {"owner": b"\1x\0"}),
                ("another time", {"released": 1}),
                ("expire later", {"expiration": 1767225600}),
                ("other keys", {"keys": [self.a.zsk1.rdata]}),
                ("other keys", {"keys": [self.a.zsk1.rdata] * 3}),
                ("can't be read", {"body": b"\1"}),
                ("of no zone", {"owner": b"\1X\0"})):
            self.timeline(**changes)
            self.assertRegex(self.check(code=BAD).err, words, changes)

    def test_files(self):
        missing = os.path.join(self.dir, "missing")
        self.check(code=FILE, path=missing)
        self.assertFalse(os.path.exists(missing))
        empty = os.path.join(self.dir, "empty")
        open(empty, "wb").close()
        self.check(code=BAD, path=empty)
        text = os.path.join(self.dir, "text")
        with open(text, "w", encoding="ascii") as f:
            f.write("no database\n" * 100)
        self.check(code=BAD, path=text)
        with open(self.path, "r+b") as f:
            f.truncate(os.path.getsize(self.path) // 2)
        self.check(code=BAD)
        self.change("PRAGMA user_version = 5")
        self.assertIn("schema 5", self.check(code=BAD).err)
        self.change("UPDATE meta SET journal_id = x''")
        self.check(code=BAD)

    def test_usage(self):
        done = self.a.kskadm("journal", "check", check=False)
        self.assertEqual(done.returncode, USAGE)
        self.check("--audit-key", os.path.join(self.dir, "missing"),
                   code=FILE)
        self.check("--audit-key", self.path, code=FILE)


if __name__ == "__main__":
    sys.exit(unittest.main())
