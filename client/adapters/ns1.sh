#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# ns1 - an adapter of `kskctl sync` for the API of NS1: prints the keys that NS1
# signs a zone with, or keeps one set of external keys there, with those of the
# others. NS1 signs its DNSKEY RRset with a KSK of its own, which is a co-signer
# in the policy, and makes CDS and CDNSKEY itself.
#
#   ns1.sh gather ZONE TOKEN-FILE [URL]
#   ns1.sh deliver ZONE TOKEN-FILE [URL]    JSON on standard input
set -eu
adapter=ns1
authorization='X-NSONE-Key: '
set_name=ksk-appliance
# shellcheck source=client/adapters/rest.sh
. "$(dirname "$0")/rest.sh"

ask_own() {
	request GET "/zones/$zone/dnssec"
	expect "the zone $zone" 200
	own=$(pick "$forms [(.keys.dnskey[], .delegation.dnskey[])
		| map(tostring) | join(\" \") | form] | unique")
}

# there: what the set holds; method: how it is changed.
ask_set() {
	request GET "/zones/$zone/dnssec/external_keys/$set_name"
	if [ "$code" = 404 ]; then
		there='[]' method=PUT
		return
	fi
	expect 'the external keys' 200
	there=$(pick "$forms [.dnskey.data[] | whole]")
	method=POST
}

deliver() {
	read_input
	ask_own
	keys=$(wanted dnskey "$own")
	ask_set
	if [ "$method" = PUT ] || ! same "$there" "$keys"; then
		jq -n --argjson ttl "$ttl" --argjson keys "$keys" "$forms
			{dnskey: {ttl: \$ttl, data: [\$keys[] | parts]}}" \
			>"$dir/change"
		request "$method" \
			"/zones/$zone/dnssec/external_keys/$set_name" \
			"$dir/change"
		expect 'the change' 200 201
		ask_set
	fi
	same "$there" "$keys" ||
		fail 'the API took the change, but lists other external keys'
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 'gather|deliver ZONE TOKEN-FILE [URL]'
begin "$2" "$3" "${4:-https://api.nsone.net/v1}"
case $1 in
gather)
	ask_own
	print_keys "$own"
	;;
deliver) deliver ;;
*) fail "it can gather and deliver, not $1" ;;
esac
