#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# desec - an adapter of `kskctl sync` for deSEC's API: prints the keys that deSEC
# signs a domain with, or adds the keys of the others to its DNSKEY RRset.
# deSEC signs with one CSK of its own: a co-signer with `role: csk` in the
# policy.
#
#   desec.sh gather ZONE TOKEN-FILE [URL]
#   desec.sh deliver ZONE TOKEN-FILE [URL]    JSON on standard input
set -eu
adapter=desec
authorization='Authorization: Token '
# shellcheck source=client/adapters/rest.sh
. "$(dirname "$0")/rest.sh"

# own: the keys that deSEC made itself.
ask_own() {
	request GET "/domains/$zone/"
	expect "the domain $zone" 200
	own=$(pick "$forms [.keys[] | select(.managed != false) | .dnskey | form]")
	own_ds=$(pick "$forms [.keys[] | select(.managed != false) | .ds[] | form]")
	least=$(pick .minimum_ttl)
}

deliver() {
	read_input
	ask_own
	[ "$ttl" -ge "$least" ] ||
		fail "a TTL of $ttl is too small: deSEC takes $least and more"
	keys=$(wanted dnskey "$own")
	jq -n --argjson ttl "$ttl" --argjson dnskey "$keys" \
		--argjson cds "$(wanted cds "$own_ds")" \
		--argjson cdnskey "$(wanted cdnskey "$own")" '
		[["DNSKEY", $dnskey], ["CDS", $cds], ["CDNSKEY", $cdnskey]] | map(
			{subname: "", type: .[0], ttl: $ttl, records: .[1]})' \
		>"$dir/change"
	# All of them at once, or none; an empty list takes a set away.
	request PATCH "/domains/$zone/rrsets/" "$dir/change"
	expect 'the change' 200
	request GET "/domains/$zone/rrsets/@/DNSKEY/"
	if [ "$code" = 404 ]; then
		there='[]'
	else
		expect 'the DNSKEY RRset' 200
		there=$(pick "$forms [.records[] | form]")
	fi
	same "$there" "$keys" ||
		fail 'the API took the change, but lists another DNSKEY RRset'
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 'gather|deliver ZONE TOKEN-FILE [URL]'
begin "$2" "$3" "${4:-https://desec.io/api/v1}"
case $1 in
gather)
	ask_own
	print_keys "$own"
	;;
deliver) deliver ;;
*) fail "it can gather and deliver, not $1" ;;
esac
