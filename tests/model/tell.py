#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes tests/scenarios/*.scn: the stories of stories.py, line by line, as
the model lives them. Where a story waits until something is accepted, the
file keeps the first refusal, the last one, and the moment it is accepted.
"""
import os
import sys

import rules
import scenario
import stories
from scenario import Step


class Box(rules.Box):
    """Writes down what it is asked."""

    def __post_init__(self):
        super().__post_init__()
        self.first, self.steps = self.pol, []

    def tell(self, step, refused):
        step.refused = tuple(refused)
        last = self.steps[-2:]
        if len(last) == 2 and all(self.same(x, step) for x in last):
            self.steps.pop()            # neither the first nor the last
        self.steps.append(step)
        return refused

    @staticmethod
    def same(was, step):
        """A refused try, and the same again."""
        return was.refused and step.refused and \
            (was.act, was.typ, was.keys, was.pol, was.superseding) == \
            (step.act, step.typ, step.keys, step.pol, step.superseding)

    def sign(self, typ, keys, now, inc=None, exp=None, supersedes=False):
        _, n = self.judge(typ, frozenset(keys), now, inc=inc, exp=exp,
                          supersedes=supersedes)
        bad = super().sign(typ, keys, now, inc=inc, exp=exp,
                           supersedes=supersedes)
        return self.tell(Step(now, "asks", typ=typ, keys=n.keys, inc=inc,
                              exp=exp, superseding=supersedes), bad)

    def schedule(self, bundles, now, supersedes=False):
        full, chain = [], list(self.tl["DNSKEY"])
        for keys, inc, exp in bundles:
            _, n = self.judge("DNSKEY", frozenset(keys), now, inc=inc,
                              exp=exp, supersedes=supersedes, chain=chain)
            chain.append(n)
            full.append((inc, exp, n.keys))
        bad = super().schedule(bundles, now, supersedes)
        return self.tell(Step(now, "schedules", superseding=supersedes,
                              bundles=tuple(full)), bad)

    def adopt(self, keys, signers, inc, exp, now, ttl=None):
        assert ttl is None
        super().adopt(keys, signers, inc, exp, now)
        self.tell(Step(now, "adopts", keys=self.head().keys,
                       signers=frozenset(signers), inc=inc, exp=exp), [])

    def load(self, pol, now):
        return self.tell(Step(now, "policy", pol=pol), super().load(pol, now))


def tell(f):
    """-> (name of the file, its text)."""
    was, stories.Box = stories.Box, Box
    tale, new = [], stories.Tale.__init__

    def keep(self, *args, **kw):
        new(self, *args, **kw)
        tale.append(self)
    stories.Tale.__init__ = keep
    try:
        f(rules.ALL)
    except stories.Stop:
        pass
    finally:
        stories.Box, stories.Tale.__init__ = was, new
    box, good = tale[0].box, f in stories.GOOD
    text = scenario.write(
        scenario.Scenario(f.__name__, good, box.first, box.steps),
        f.__doc__ or f.__name__.replace("_", " "))
    return f"{f.__name__}.scn", text


def main():
    os.makedirs(scenario.FOLDER, exist_ok=True)
    for f in stories.GOOD + stories.BAD:
        name, text = tell(f)
        with open(os.path.join(scenario.FOLDER, name), "w",
                  encoding="utf-8") as out:
            out.write(text)


if __name__ == "__main__":
    sys.exit(main())
