# SPDX-License-Identifier: BSD-2-Clause
"""Scenario files, tests/scenarios/*.scn: what happens to one zone, line by
line, and what the appliance must say to it.

    # a comment
    story NAME told rightly|wrongly
    policy ITEM; ITEM …                       the first policy, any lines
    at TIME policy ITEM; … expect VERDICT     another policy is loaded
    at TIME asks DNSKEY|CDS|CDNSKEY KEY … [inception TIME]
        [expiration TIME] [superseding] expect VERDICT      to be signed
    at TIME schedules [superseding] | TIME TIME KEY … | … expect VERDICT
        DNSKEY sets, each from inception to expiration, all or none
    at TIME adopts KEY … signed-by KEY … inception TIME expiration TIME

A line that begins with a blank goes on the line above. TIME is counted from
the story's beginning, as 3d2h or -4h; KEY is z… (ZSK), k… (KSK of ours) or
x… (KSK of others), then .e (algorithm 13) or .r (15); a CDS or CDNSKEY set of
no keys is the delete form. `superseding` names all later answers. VERDICT is
`ok` or `refused` with every rule that must be named. An ITEM is

    ttl|validity|refresh|inception-offset|horizon|zone-max-ttl|propagation|
    sign-delay|parent-ds-ttl|parent-propagation TIME
    cds-delete|accept-outage yes|no
    ksk KEY from TIME [until TIME] [cds no]           or  no ksk KEY
    parent-ds KEY …|none seen TIME
    provider NAME joining|serving|leaving [gone TIME]
        [keys KEY [retired TIME] [withdrawn] …]       or  no provider NAME
    co-signer KEY [in-parent]                         or  no co-signer KEY
"""
import glob
import os
import re
from dataclasses import dataclass, replace

from rules import KeyEntry, Ksk, Policy, Provider

FOLDER = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "scenarios")
SPANS = {"ttl": "ttl", "validity": "validity", "refresh": "refresh",
         "inception-offset": "offset", "horizon": "horizon",
         "zone-max-ttl": "Z", "propagation": "P", "sign-delay": "SD",
         "parent-ds-ttl": "PT", "parent-propagation": "PP"}
SWITCHES = {"cds-delete": "cds_delete", "accept-outage": "outage"}


@dataclass
class Step:
    """One `at` line."""
    at: int
    act: str                            # policy | asks | schedules | adopts
    refused: tuple = ()                 # rules; empty: ok
    pol: Policy = None                  # policy: as it is after this line
    typ: str = "DNSKEY"
    keys: tuple = ()
    signers: tuple = ()                 # adopts
    inc: int = None
    exp: int = None
    superseding: bool = False
    bundles: tuple = ()                 # schedules: (inc, exp, keys)


@dataclass
class Scenario:
    name: str
    rightly: bool
    first: Policy
    steps: list


# ---- reading ----

class Words:
    def __init__(self, text):
        self.words = text.split()

    def next(self):
        if not self.words:
            raise ValueError("the line ends too early")
        return self.words.pop(0)

    def take(self, word):
        """-> whether it was the next one."""
        if self.words and self.words[0] == word:
            self.words.pop(0)
            return True
        return False

    def time(self):
        text = self.next()
        found = re.fullmatch(r"(-?)(?:(\d+)d)?(?:(\d+)h)?", text)
        if not found or not re.search(r"\d", text):
            raise ValueError(f"{text} is no time")
        n = 24 * int(found[2] or 0) + int(found[3] or 0)
        return -n if found[1] else n

    def key(self):
        text = self.next()
        if not re.fullmatch(r"[zkx][a-z0-9]*\.[er]", text):
            raise ValueError(f"{text} is no key")
        return text

    def keys(self):
        out = []
        while self.words and re.match(r"[zkx][a-z0-9]*\.", self.words[0]):
            out.append(self.key())
        return tuple(out)

    def end(self):
        if self.words:
            raise ValueError(f"not understood: {' '.join(self.words)}")


def read_provider(w):
    p = Provider(state=w.next())
    if p.state not in ("joining", "serving", "leaving"):
        raise ValueError(f"a provider is never {p.state}")
    if w.take("gone"):
        p = replace(p, gone=w.time())
    entries = []
    if w.take("keys"):
        while w.words:
            key, e = w.key(), KeyEntry()
            if w.take("retired"):
                e = replace(e, retired=w.time())
            if w.take("withdrawn"):
                e = replace(e, withdrawn=True)
            entries.append((key, e))
    return replace(p, keys=tuple(entries))


def without(pairs, name):
    if name not in dict(pairs):
        raise ValueError(f"there is no {name}")
    return tuple(x for x in pairs if x[0] != name)


def read_no(pol, w):
    what, name = w.next(), w.next()
    if what == "ksk":
        return replace(pol, ksk=without(pol.ksk, name))
    if what == "provider":
        return replace(pol, providers=without(pol.providers, name))
    if what == "co-signer" and name in pol.cosigners:
        return replace(pol, cosigners=pol.cosigners - {name},
                       cosigner_ds=pol.cosigner_ds - {name})
    raise ValueError(f"there is no {what} {name}")


def read_item(pol, text):
    """-> the policy with that item."""
    w = Words(text)
    what = w.next()
    if what in SPANS:
        pol = replace(pol, **{SPANS[what]: w.time()})
    elif what in SWITCHES:
        pol = replace(pol, **{SWITCHES[what]: {"yes": True, "no": False}[
            w.next()]})
    elif what == "ksk":
        key, entry = w.key(), Ksk(frm=None)
        if not w.take("from"):
            raise ValueError("a KSK stands from a time on")
        entry = replace(entry, frm=w.time())
        if w.take("until"):
            entry = replace(entry, until=w.time())
        if w.take("cds"):
            entry = replace(entry, cds={"no": False}[w.next()])
        pol = replace(pol, ksk=tuple({**dict(pol.ksk), key: entry}.items()))
    elif what == "parent-ds":
        keys = () if w.take("none") else w.keys()
        if not w.take("seen"):
            raise ValueError("when was it seen?")
        pol = replace(pol, parent_ds=frozenset(keys), seen=w.time())
    elif what == "provider":
        name = w.next()
        pol = pol.with_provider(name, read_provider(w))
    elif what == "co-signer":
        key = w.key()
        pol = replace(pol, cosigners=pol.cosigners | {key})
        held = pol.cosigner_ds - {key}
        pol = replace(pol, cosigner_ds=held | {key} if w.take("in-parent")
                      else held)
    elif what == "no":
        pol = read_no(pol, w)
    else:
        raise ValueError(f"{what} is nothing that a policy says")
    w.end()
    return pol


def read_items(pol, text):
    for item in text.split(";"):
        pol = read_item(pol, item)
    return pol


def read_bundles(text):
    out = []
    for part in text.split("|"):
        w = Words(part)
        out.append((w.time(), w.time(), w.keys()))
        w.end()
    return tuple(out)


def read_step(line, pol):
    what, found, verdict = line.partition(" expect ")
    w = Words(what)
    w.next()
    step = Step(at=w.time(), act=w.next())
    if not found and step.act != "adopts":
        raise ValueError("what is expected?")
    v = Words(verdict)
    if found and not v.take("ok"):
        if not v.take("refused") or not v.words:
            raise ValueError("neither ok nor refused by a rule")
        step.refused, v.words = tuple(v.words), []
    v.end()
    rest = what.split(None, 3)[3]
    if step.act == "policy":
        step.pol = read_items(pol, rest)
        return step
    if step.act == "schedules":
        head, _, bundles = rest.partition("|")
        step.superseding = head.strip() == "superseding"
        step.bundles = read_bundles(bundles)
        return step
    if step.act == "asks":
        step.typ = w.next()
        if step.typ not in ("DNSKEY", "CDS", "CDNSKEY"):
            raise ValueError(f"{step.typ} is not for us to sign")
    elif step.act != "adopts":
        raise ValueError(f"nobody {step.act}")
    step.keys = w.keys()
    if step.act == "adopts" and w.take("signed-by"):
        step.signers = w.keys()
    if w.take("inception"):
        step.inc = w.time()
    if w.take("expiration"):
        step.exp = w.time()
    step.superseding = w.take("superseding")
    w.end()
    return step


def read(text):
    """-> the Scenario; ValueError says the line and what is wrong with it."""
    s = Scenario(None, None, Policy(), [])
    pol = None
    for line in re.sub(r"\n[ \t]+", " ", text).splitlines():
        line = line.split("#")[0].strip()
        try:
            if line.startswith("story "):
                _, s.name, how = line.split(None, 2)
                s.rightly = {"told rightly": True,
                             "told wrongly": False}[how]
            elif line.startswith("policy "):
                if s.steps:
                    raise ValueError("when?")
                s.first = pol = read_items(s.first, line[7:])
            elif line.startswith("at "):
                s.steps.append(read_step(line, pol or s.first))
                if s.steps[-1].act == "policy" and not s.steps[-1].refused:
                    pol = s.steps[-1].pol
            elif line:
                raise ValueError("no such line")
        except (KeyError, IndexError, ValueError) as e:
            raise ValueError(f"{line}: {e}") from None
    if s.name is None or not s.steps:
        raise ValueError("no story")
    if any(a.at > b.at for a, b in zip(s.steps, s.steps[1:])):
        raise ValueError("time goes back")
    return s


def all_files():
    return sorted(glob.glob(os.path.join(FOLDER, "*.scn")))


def load(path):
    with open(path, encoding="utf-8") as f:
        return read(f.read())


# ---- writing ----

def time_text(t):
    d, h = divmod(abs(t), 24)
    return ("-" if t < 0 else "") + (f"{d}d" if d else "") + \
        (f"{h}h" if h or not d else "")


def key_order(key):
    return "zkx".index(key[0]), key


def keys_text(keys):
    return " ".join(sorted(keys, key=key_order))


def provider_text(name, p):
    text = f"provider {name} {p.state}"
    if p.gone is not None:
        text += f" gone {time_text(p.gone)}"
    if p.keys:
        text += " keys"
    for key, e in p.keys:
        text += f" {key}"
        if e.retired is not None:
            text += f" retired {time_text(e.retired)}"
        if e.withdrawn:
            text += " withdrawn"
    return text


def ksk_text(key, k):
    return f"ksk {key} from {time_text(k.frm)}" + \
        (f" until {time_text(k.until)}" if k.until is not None else "") + \
        ("" if k.cds else " cds no")


def items(pol, old):
    """What a policy says that another does not, as ITEMs."""
    out = [f"{word} {time_text(getattr(pol, field))}"
           for word, field in SPANS.items()
           if old is None or getattr(pol, field) != getattr(old, field)]
    was = old or Policy()
    out += [f"{word} {'yes' if getattr(pol, field) else 'no'}"
            for word, field in SWITCHES.items()
            if getattr(pol, field) != getattr(was, field)]
    out += [f"no ksk {k}" for k, _ in was.ksk if k not in dict(pol.ksk)]
    out += [ksk_text(k, e) for k, e in pol.ksk if dict(was.ksk).get(k) != e]
    if old is None or (pol.parent_ds, pol.seen) != (old.parent_ds, old.seen):
        out.append(f"parent-ds {keys_text(pol.parent_ds) or 'none'} "
                   f"seen {time_text(pol.seen)}")
    out += [f"no provider {n}" for n, _ in was.providers
            if n not in dict(pol.providers)]
    out += [provider_text(n, p) for n, p in pol.providers
            if dict(was.providers).get(n) != p]
    out += [f"no co-signer {k}" for k in sorted(was.cosigners -
                                                pol.cosigners)]
    out += [f"co-signer {k}" + (" in-parent" if k in pol.cosigner_ds else "")
            for k in sorted(pol.cosigners)
            if k not in was.cosigners or
            (k in pol.cosigner_ds) != (k in was.cosigner_ds)]
    return out


def step_text(step, pol):
    """pol: in force before it."""
    text = f"at {time_text(step.at)} {step.act}"
    if step.act == "policy":
        text += " " + "; ".join(items(step.pol, pol))
    elif step.act == "schedules":
        text += " superseding" if step.superseding else ""
        for inc, exp, keys in step.bundles:
            text += (f" | {time_text(inc)} {time_text(exp)} "
                     f"{keys_text(keys)}")
    else:
        text += f" {step.typ}" if step.act == "asks" else ""
        text += f" {keys_text(step.keys)}" if step.keys else ""
        if step.signers:
            text += f" signed-by {keys_text(step.signers)}"
        if step.inc is not None:
            text += f" inception {time_text(step.inc)}"
        if step.exp is not None:
            text += f" expiration {time_text(step.exp)}"
        text += " superseding" if step.superseding else ""
    if step.act == "adopts":
        return text
    return text + " expect " + (
        "refused " + " ".join(step.refused) if step.refused else "ok")


def wrap(line, width=78):
    out = []
    for word in line.split(" "):
        if out and len(out[-1]) + 1 + len(word) <= width:
            out[-1] += " " + word
        else:
            out.append("    " + word if out else word)
    return "\n".join(out)


def write(s, comment):
    """-> the file's text."""
    lines = [wrap(f"# {comment}").replace("\n    ", "\n# "),
             f"story {s.name} told {'rightly' if s.rightly else 'wrongly'}"]
    spans = items(s.first, None)
    lines.append("policy " + "; ".join(spans[:len(SPANS)]))
    lines += ["policy " + item for item in spans[len(SPANS):]]
    pol = s.first
    for step in s.steps:
        lines.append(step_text(step, pol))
        if step.act == "policy" and not step.refused:
            pol = step.pol
    return "\n".join(wrap(x) if x[0] != "#" else x for x in lines) + "\n"
