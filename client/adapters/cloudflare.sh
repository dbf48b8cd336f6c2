#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# cloudflare - an adapter of `kskctl sync` for Cloudflare's API, with
# multi-signer DNSSEC: prints the keys that Cloudflare signs a zone with, or adds
# the keys of the others to its DNSKEY RRset. Cloudflare signs that with a KSK of
# its own, which is a co-signer in the policy, and makes CDS and CDNSKEY itself.
# The token needs DNS Write for the zone.
#
#   cloudflare.sh gather ZONE TOKEN-FILE [URL]
#   cloudflare.sh deliver ZONE TOKEN-FILE [URL]    JSON on standard input
set -eu
adapter=cloudflare
authorization='Authorization: Bearer '
# shellcheck source=client/adapters/rest.sh
. "$(dirname "$0")/rest.sh"

# good WHAT: every answer says with `success` whether it is one.
good() {
	expect "$1" 200
	pick 'if .success then true else error end' >/dev/null
}

find_zone() {
	request GET "/zones?name=$zone"
	good "the zone $zone"
	id=$(pick -r '.result | if length == 1 then .[0].id else "none" end')
	case $id in
	none) fail "the token shows no zone $zone" ;;
	*[!0-9a-f]*) fail 'the zone has an id that can not be right' ;;
	esac
}

# own: its ZSKs that are in use or will be, and the KSK.
ask_own() {
	request GET "/zones/$id/dnssec"
	good 'the state of DNSSEC'
	ready=$(pick '.result | if .status == "active" and .dnssec_multi_signer
		then "yes" else "no" end')
	ksk=$(pick "$forms .result | if .public_key then [\"257 3 \\(.algorithm) \"
		+ .public_key | form] else [] end")
	request GET "/zones/$id/dnssec/zsk"
	good 'its ZSKs'
	own=$(pick --argjson ksk "$ksk" "$forms [.result[]
		| select(.Tag == \"active\" or .Tag == \"publish\") | .DNSKEY
		| \"\\(.Flags) \\(.Protocol) \\(.Algorithm) \\(.PublicKey)\" | form]
		+ \$ksk")
}

list() {
	request GET "/zones/$id/dns_records?type=DNSKEY&name=$zone&per_page=100"
	good 'the DNSKEY records'
	there=$(pick "$forms [.result[] | {id, key: (.data | whole)}]")
}

add() {
	jq -n --arg name "$zone" --argjson ttl "$ttl" --arg key "$1" "$forms
		{type: \"DNSKEY\", name: \$name, ttl: \$ttl, data: (\$key | parts)}" \
		>"$dir/change"
	request POST "/zones/$id/dns_records" "$dir/change"
	# An earlier try whose answer was lost: an identical record exists.
	jq -e 'any(.errors[]?; .code == 81058)' "$dir/body" >/dev/null 2>&1 ||
		good 'a new DNSKEY record'
}

remove() {
	request DELETE "/zones/$id/dns_records/$1"
	[ "$code" = 404 ] || good 'a DNSKEY record that leaves'
}

# What comes is there before anything goes.
change() {
	printf '%s' "$keys" | jq -r --argjson there "$there" \
		'(. - [$there[].key])[]' >"$dir/add"
	printf '%s' "$there" | jq -r --argjson keys "$keys" \
		'.[] | select(.key as $k | $keys | index($k) | not) | .id' \
		>"$dir/remove"
	while read -r key; do
		add "$key"
	done <"$dir/add"
	while read -r record; do
		remove "$record"
	done <"$dir/remove"
}

deliver() {
	read_input
	ask_own
	if [ "$ready" != '"yes"' ]; then
		echo '{"status": "active", "dnssec_multi_signer": true}' \
			>"$dir/change"
		request PATCH "/zones/$id/dnssec" "$dir/change"
		good 'multi-signer DNSSEC'
	fi
	keys=$(wanted dnskey "$own")
	list
	change
	list
	same "$(printf '%s' "$there" | jq -c '[.[].key]')" "$keys" ||
		fail 'the API took the changes, but lists other DNSKEY records'
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 'gather|deliver ZONE TOKEN-FILE [URL]'
begin "$2" "$3" "${4:-https://api.cloudflare.com/client/v4}"
find_zone
case $1 in
gather)
	ask_own
	print_keys "$own"
	;;
deliver) deliver ;;
*) fail "it can gather and deliver, not $1" ;;
esac
