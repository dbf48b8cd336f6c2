#!/usr/bin/python3
"""What `deliver: {by: exec}` runs for a PowerDNS that signs by itself: the keys
of the others, CDS and CDNSKEY go into its database, its own key stays out (it
is there by itself). The folder of pdns.conf is the only argument.
"""
import json
import subprocess
import sys


def pdnsutil(*argv):
    done = subprocess.run(["pdnsutil", f"--config-dir={sys.argv[1]}", *argv],
                          check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def main():
    wanted = json.load(sys.stdin)
    zone = wanted["zone"]
    own = pdnsutil("export-zone-dnskey", zone, "1").split()[-1]
    for kind in ("dnskey", "cds", "cdnskey"):
        if wanted[kind] is None:
            subprocess.run(["pdnsutil", f"--config-dir={sys.argv[1]}",
                            "delete-rrset", zone, "@", kind.upper()],
                           check=False, stdout=subprocess.DEVNULL)
            continue
        records = [" ".join(x.split()[4:]) for x in wanted[kind]["records"]]
        if kind == "dnskey":
            records = [x for x in records if not x.endswith(own)]
        pdnsutil("replace-rrset", zone, "@", kind.upper(),
                 str(wanted["ttl"]), *records)
    pdnsutil("increase-serial", zone)
    pdnsutil("rectify-zone", zone)


if __name__ == "__main__":
    main()
