"""One zone's life with real providers, under a loop of queries that must never
fail. Each story is a class in a file story_*.py: its steps are policies,
`kskctl sync` as a timer runs it, and the providers' own tools, as
kskctl-guide(7) has them. stories.py runs them all.
"""
import time
import unittest

import bench as bn
import judges
from bench import ap

RATE = 20


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Story(unittest.TestCase):
    """The bench of one story: settled, watched, judged at the end."""
    NAMES = ("alpha", "beta", "gamma", "delta")
    KINDS = {}
    ALGORITHM = bn.ALGORITHM
    JOINING = ()
    validated = 0  # by all stories together

    def setUp(self):
        self.b = b = bn.Bench(self.NAMES, self.ALGORITHM, 8, **self.KINDS)
        for name in self.JOINING:
            b.states[name] = "joining"
        self.prepare()
        b.__enter__()
        self.addCleanup(b.__exit__)
        b.start_parent(b.ds(), *[k.ds for k in b.others])
        self.serving = [p for p in b.providers if p.name not in self.JOINING]
        self.synced(self.serving)
        self.settle()
        self.watch = bn.Watch(b, RATE, self.serving)
        self.begun = time.time()

    def prepare(self):
        """What a story changes before anything runs."""

    # -- steps --
    def synced(self, providers):
        """The file of `sync` has these."""
        self.file = list(providers)
        self.b.write_sync(self.file)

    def until(self, holds, seconds=40):
        """Runs sync until its words are right, as a timer would."""
        last = [""]

        def right():
            last[0] = self.b.sync(check=False).out
            return holds(last[0])
        try:
            ap.wait_for(right, seconds, 1)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{last[0]}") from None

    def settle(self):
        """Nothing is waited for and nothing is wrong."""
        b = self.b
        self.until(lambda out: "wait:" not in out and "fault:" not in out
                   and ": kept" in out and b.check().returncode < 2)

    def shared(self, *keys):
        """All providers serve these keys, and no cache lacks one."""
        self.until(lambda out: all(
            k.tag in p.tags() for p in self.file for k in keys) and not any(
            f"key {k.tag} " in out for k in keys))

    def gone(self, *keys):
        self.until(lambda out: all(
            k.tag not in p.tags() for p in self.file for k in keys))

    def cds_is(self, *tags):
        self.until(lambda out: all(
            p.shows(kind) == set(tags) for p in self.file
            for kind in ("CDS", "CDNSKEY")))

    def new_parent(self, *ds):
        """The parent takes over what CDS says, and operators attest it."""
        self.b.parent.change_ds(*ds)
        self.attest(*ds)
        # What the parent said before must be out of all caches.
        time.sleep(bn.DS_TTL + 2)

    def attest(self, *ds):
        texts = ", ".join(f'"{x}"' for x in ds)
        self.b.more["parent-ds"] = f"{{seen: {now()}, ds: [{texts}]}}"
        self.b.set_policy()

    def asked(self, *providers):
        """The NS RRset names these; the TTLs of what caches have pass."""
        self.watch.ask_from_now(providers)
        self.serving = list(providers)
        time.sleep(bn.TTL + 1)

    # -- judges --
    def in_order(self, *labels):
        """Every provider's keys validate every provider's data, `check` and
        the tools of others have nothing to say."""
        self.until(lambda out: self.b.check().returncode == 0)
        self.validates(*labels)

    def validates(self, *labels):
        """As far as others can see. labels: our KSKs at the parent."""
        b = self.b
        everybody, b.providers = b.providers, self.serving
        self.assertEqual(b.matrix(labels=labels, more=[
            k.ds for k in b.others]), {})
        b.providers = everybody
        self.assertEqual(judges.all_of_them(
            b, self.serving, [b.a.ksks[x] for x in labels]
            + [k.rdata for k in b.others]), [])

    def end(self, *who):
        """The story is over: not one query has failed."""
        time.sleep(bn.KEY_TTL)
        for name, one in self.watch.finish().items():
            self.assertEqual(one["bad"], [], (name, one["bogus"]))
            self.assertLessEqual(set(who or self.NAMES), set(one["who"]))
            Story.validated += one["validated"]
