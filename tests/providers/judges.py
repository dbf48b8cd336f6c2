"""What others' tools say about each provider by itself: delv, drill and dnsviz
with the zone's KSK as trust anchor. Nothing of ours takes part.
"""
import os

from servers import ZONE, ap, sh, write


def delv(bench, provider, keys):
    """-> what is wrong with an answer and a denial, as lines"""
    anchor = os.path.join(bench.dir, "delv.anchors")
    lines = [ap.dnskey_line(ZONE, k).split(None, 7)[4:] for k in keys]
    write(anchor, "trust-anchors {\n" + "".join(
        f'  "{ZONE}" static-key {f} {p} {a} "{key}";\n'
        for f, p, a, key in lines) + "};\n")
    wrong = []
    for name, verdict in (("w1." + ZONE, "; fully validated"),
                          ("nx." + ZONE, "; negative response, fully "
                           "validated")):
        out = sh("delv", f"@{provider.host}", "-p", provider.port, "-a", anchor,
                 "+root=" + ZONE, name, "A", check=False).out
        if verdict not in out.splitlines():
            wrong.append(f"delv: {provider.name}: {name}: {out.strip()}")
    return wrong


def drill(bench, provider, keys):
    anchor = os.path.join(bench.dir, "drill.anchors")
    write(anchor, "".join(ap.dnskey_line(ZONE, k) + "\n" for k in keys))
    out = sh("drill", "-p", provider.port, "-k", anchor, "-S",
             f"@{provider.host}", "w1." + ZONE, "A", check=False).out
    good = ";; Chase successful" in out.splitlines()
    return [] if good else [f"drill: {provider.name}: {out.strip()}"]


def dnsviz(bench, providers):
    """All providers together, as resolvers see them."""
    probe = os.path.join(bench.dir, "probe.json")
    names = {p.name: f"ns-{p.name}.{ZONE.rstrip('.')}" for p in providers}
    sh("dnsviz", "probe", "-4", "-A", "-d", "1", "-R", "SOA,DNSKEY,NS",
       "-x", ZONE + "+:" + ",".join(
           f"{names[p.name]}={p.host}:{p.port}" for p in providers),
       "-N", ZONE + ":" + ",".join(
           f"{names[p.name]}={p.host}" for p in providers),
       "-o", probe, ZONE, check=False)
    out = sh("dnsviz", "print", "-r", probe, check=False).out
    wrong = sorted({x.strip() for x in out.splitlines()
                    if "E:" in x or "W:" in x})
    # Of each provider's ZSK there is a signature to be seen.
    return wrong if "DNSKEY" in out else ["no data: " + out]


def all_of_them(bench, providers, keys):
    """-> what is wrong, as lines; keys: the KSKs whose DS the parent has"""
    wrong = ["dnsviz: " + x for x in dnsviz(bench, providers)]
    for provider in providers:
        wrong += delv(bench, provider, keys) + drill(bench, provider, keys)
    return wrong
