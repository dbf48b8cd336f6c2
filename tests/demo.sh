#!/bin/bash
# The demo: from nothing to a DNSKEY RRset that somebody else's validator
# accepts, and to a refusal. Everything happens in one temporary folder and on
# loopback, and nothing is left behind. $1: the folder with the programs.
set -euo pipefail

build=$(realpath "$1")
zone=demo.example.
umask 022
work=$(mktemp -d "${TMPDIR:-/tmp}/ksk demo.XXXXXX")
chmod 711 "$work"
daemon=

finish() {
	status=$?
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	if [ "$status" -ne 0 ] && [ -e "$work/kskd.log" ]; then
		echo "--- the appliance's log:" >&2
		cat "$work/kskd.log" >&2
	fi
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

exec 3>&1
title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
# Shows a command, also where its output goes to a file.
run() {
	printf '$' >&3
	printf ' %s' "$@" >&3
	printf '\n' >&3
	"$@"
}
free_port() {
	/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

cd "$work"
PATH=$build:$PATH
port=$(free_port)
mkdir -m 711 etc state
if [ "$(id -u)" -eq 0 ]; then
	users='{frontend: 64810, signer: 64811, policy: 64812, token: 64813}'
else
	users='{}'
fi

title "1. An appliance: configuration, identity, token, key"
cat >etc/softhsm2.conf <<END
directories.tokendir = $work/tokens
objectstore.backend = file
log.level = ERROR
END
cat >etc/kskd.yaml <<END
listen: "127.0.0.1:$port"
state: "$work/state"
policy: "$work/etc/policy.yaml"
keymap: "$work/etc/keymap"
tls: {key: "$work/etc/tls.key", certificate: "$work/etc/tls.crt"}
users: $users
authority: {mode: file}
clock: {synchronised: no}
journal: {path: "$work/state/journal/journal.db"}
tokens:
  - name: main
    module: /usr/lib/softhsm/libsofthsm2.so
    uri: "pkcs11:token=ksk-demo"
    pin: {file: "$work/etc/pin.main"}
    workers: 2
    environment: ["SOFTHSM2_CONF=$work/etc/softhsm2.conf"]
    paths:
      - {path: "$work/tokens", access: rw}
      - {path: "$work/etc/softhsm2.conf", access: r}
END
run kskadm -c etc/kskd.yaml init
run kskadm -c etc/kskd.yaml tls init
run kskadm -c etc/kskd.yaml token init main --generate-pin
run kskadm -c etc/kskd.yaml key generate --token main --zone "$zone" \
	--algorithm 13 --label demo-ksk | tee ksk.txt

title "2. Two providers make their own ZSKs with their own tools"
mkdir bind knot knot/db
run dnssec-keygen -q -K bind -a ECDSAP256SHA256 -L 3600 "$zone"
grep -h ' DNSKEY ' bind/*.key >bind.zsk
cat >knot/knot.conf <<END
database:
    storage: "$work/knot/db"
policy:
  - id: offline
    manual: on
    offline-ksk: on
    algorithm: ECDSAP256SHA256
    dnskey-ttl: 3600
    zone-max-ttl: 3600
    propagation-delay: 3600
    rrsig-refresh: 5d
zone:
  - domain: $zone
    dnssec-signing: on
    dnssec-policy: offline
END
run keymgr -c knot/knot.conf "$zone" generate algorithm=13 zsk=yes ksk=no \
	publish=-1h active=-1h
keymgr -c knot/knot.conf "$zone" generate-ksr +0 +1 |
	awk '/^;;/ { n++ } n == 1 && !/^;;/' >knot.zsk
cat bind.zsk knot.zsk

title "3. A client, and the policy: who may ask, which ZSKs may be listed"
server_pin=$(kskadm -c etc/kskd.yaml tls pin)
run kskctl --config client/kskctl.yaml enroll --dir client --name demo \
	--appliance "127.0.0.1:$port" --server-pin "$server_pin" >client.yaml
client_pin=$(grep -oE '[0-9a-f]{64}' client.yaml | head -n 1)
ds_of() { dnssec-dsfromkey -2 -A -f "$1" "$zone" | sed 's/.* DS //'; }
cat >etc/policy.yaml <<END
kind: policy
appliance: $(cat state/appliance-id)
version: 1
clients:
  - {name: demo, pin: $client_pin, may: [read, sign]}
zones:
  - name: $zone
    clients: [demo]
    ttl: 1h
    sign: [DNSKEY]
    signature: {validity: 14d, refresh: 5d, inception-offset: 1h, horizon: 0, min-validity: 1d}
    waits: {zone-max-ttl: 1h, propagation: 1h, sign-delay: 1h, parent-ds-ttl: 1d, parent-propagation: 1h}
    ksk:
      - {token: main, label: demo-ksk, ds: "$(awk '/IN DS/ { $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }' ksk.txt)", from: 2020-01-01T00:00:00Z, cds: yes}
    providers:
      - name: alpha
        state: serving
        source: pinned
        keys: [{ds: "$(ds_of bind.zsk)"}]
        max-keys: 2
        proof: none
      - name: beta
        state: serving
        source: pinned
        keys: [{ds: "$(ds_of knot.zsk)"}]
        max-keys: 2
        proof: none
END
cat etc/policy.yaml
run kskadm -c etc/kskd.yaml policy check etc/policy.yaml

title "4. The appliance goes up"
kskd -c etc/kskd.yaml >kskd.log 2>&1 &
daemon=$!
for _ in $(seq 100); do
	kskctl --config client/kskctl.yaml status >status.txt 2>&1 && break
	kill -0 "$daemon" 2>/dev/null || { echo "kskd is gone" >&2; exit 1; }
	sleep 0.1
done
cat status.txt
ps -o uid:8,pid,ppid,args --ppid "$daemon" --pid "$daemon"

title "5. The DNSKEY RRset goes in, its RRSIG comes out"
cat bind.zsk knot.zsk >zsks.zone
run kskctl --config client/kskctl.yaml sign zsks.zone | tee signed.zone

title "6. Somebody else's validator: dnssec-verify, with BIND's provider data"
grep -v RRSIG signed.zone >dnskey.zone
grep RRSIG signed.zone >rrsig.zone
cat >unsigned.zone <<END
\$ORIGIN $zone
\$TTL 3600
@ SOA ns.$zone hostmaster.$zone 1 3600 900 604800 3600
@ NS ns.$zone
ns A 192.0.2.1
www A 192.0.2.2
\$INCLUDE dnskey.zone
END
run dnssec-signzone -q -P -x -K bind -o "$zone" -f zone.signed unsigned.zone \
	"$(basename bind/K*.key .key)" >/dev/null
cat rrsig.zone >>zone.signed
run dnssec-verify -o "$zone" zone.signed

title "7. A refusal: the same set with a ZSK that nobody listed"
mkdir stranger
dnssec-keygen -q -K stranger -a ECDSAP256SHA256 -L 3600 "$zone" >/dev/null
cat zsks.zone >stranger.zone
grep -h ' DNSKEY ' stranger/*.key >>stranger.zone
status=0
run kskctl --config client/kskctl.yaml sign stranger.zone 2>refusal.txt ||
	status=$?
cat refusal.txt
echo "exit status $status"
[ "$status" -eq 1 ] && grep -q key-allowed refusal.txt

title "8. The appliance goes down in order"
kill "$daemon"
wait "$daemon"
daemon=
grep -v 'level=debug' kskd.log
printf '\nThe demo is complete: signed, verified by others, refused.\n'
