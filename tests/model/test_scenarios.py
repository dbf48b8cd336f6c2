#!/usr/bin/python3
"""The scenario files, tests/scenarios/*.scn: they tell what the stories tell,
and the model and the product's rules give the verdicts that they expect.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import judge  # noqa: E402
import rules  # noqa: E402
import scenario  # noqa: E402
import stories  # noqa: E402
import tell  # noqa: E402


def tearDownModule():
    judge.judge().close()


class Stage:
    """Plays a scenario before the model, which asks the product as well
    (judge.Box), and raises judge.Different if the two don't agree."""

    def __init__(self, first):
        self.box = judge.Box(first)

    def zsks(self, keys):
        return frozenset(k for k in keys if k.startswith("z"))

    def asks(self, s):
        keys = self.zsks(s.keys) if s.typ == "DNSKEY" else frozenset(s.keys)
        more = {"inc": s.inc, "exp": s.exp, "supersedes": s.superseding}
        _, n = self.box.judge(s.typ, keys, s.at, **more)
        if n.keys != frozenset(s.keys):
            return ["ksk-present"]
        return self.box.sign(s.typ, keys, s.at, **more)

    def schedules(self, s):
        return self.box.schedule(
            [(self.zsks(keys), inc, exp) for inc, exp, keys in s.bundles],
            s.at, s.superseding)

    def adopts(self, s):
        self.box.adopt(self.zsks(s.keys), s.signers, s.inc, s.exp, s.at)
        return []

    def policy(self, s):
        return self.box.load(s.pol, s.at)

    def play(self, s):
        """-> the rules that refuse the step."""
        return getattr(self, s.act)(s)


class Files(unittest.TestCase):
    def test_one_for_each_story(self):
        told = dict(tell.tell(f) for f in stories.GOOD + stories.BAD)
        self.assertEqual(sorted(told),
                         [os.path.basename(p) for p in scenario.all_files()])
        for path in scenario.all_files():
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), told[os.path.basename(path)],
                                 "tell.py writes it anew")

    def test_the_verdicts_are_those_expected(self):
        for path in scenario.all_files():
            s = scenario.load(path)
            stage = Stage(s.first)
            for step in s.steps:
                with self.subTest(story=s.name, at=step.at, act=step.act):
                    self.assertEqual(set(stage.play(step)),
                                     set(step.refused))
            # What is told wrongly ends with what the rules refuse.
            self.assertEqual(bool(s.steps[-1].refused), not s.rightly,
                             s.name)

    def test_a_wrong_verdict_shows(self):
        """Each file, with one step of it turned round, is not played well."""
        for path in scenario.all_files():
            s = scenario.load(path)
            stage, wrong = Stage(s.first), s.steps[-1]
            turned = () if wrong.refused else ("early-drop",)
            for step in s.steps[:-1]:
                stage.play(step)
            self.assertNotEqual(set(stage.play(wrong)), set(turned), s.name)

    def test_what_the_format_refuses(self):
        good = ("story s told rightly\npolicy ksk k1.e from 0h\n"
                "at 0h asks DNSKEY z1.e k1.e expect ok\n")
        self.assertEqual(scenario.read(good).steps[0].keys, ("z1.e", "k1.e"))
        for was, becomes in (
                ("rightly", "well"), ("expect ok", ""),
                ("expect ok", "expect refused"), ("expect ok", "expect no"),
                ("at 0h", "at noon"), ("at 0h", "at "), ("z1.e", "q1.e"),
                ("DNSKEY", "SOA"), ("asks", "takes"), ("from 0h", ""),
                ("from 0h", "from 0h cds yes"), ("ksk k1.e", "no ksk k1.e"),
                ("policy ksk k1.e from 0h", "policy provider p gone"),
                ("policy ksk k1.e from 0h", "policy colour red"),
                ("at 0h asks", "at 1h adopts z1.e signed-by k1.e\nat 0h asks"),
                ("story s told rightly\n", ""), (" expect ok", " x expect ok")):
            with self.subTest(becomes=becomes):
                text = good.replace(was, becomes)
                self.assertNotEqual(text, good)
                self.assertRaises(ValueError, scenario.read, text)


if __name__ == "__main__":
    unittest.main()
