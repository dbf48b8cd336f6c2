# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh disable=SC2034,SC2154
# rest - what the adapters for REST APIs share: a token from a file that nobody
# else can read, requests by curl that wait when they are told to, and errors of
# one line. Sourced by the adapters; kskctl-sync(5), ADAPTERS, describes them.
# Needs curl and jq.

# The last line on standard error is what `kskctl sync` tells.
fail() {
	echo "$adapter: $*" >&2
	exit 1
}

# begin ZONE TOKEN-FILE URL: checks all three, makes a folder that goes with us.
begin() {
	case $1 in
	*[!a-zA-Z0-9._-]* | .* | '') fail "$1 is no zone that the API knows" ;;
	esac
	zone=$(printf %s "${1%.}" | tr '[:upper:]' '[:lower:]')
	url=${3%/}
	# Whoever can listen has the token.
	case $url in
	https://*) protocol='=https' ;;
	http://127.0.0.1:* | http://localhost:*) protocol='=http' ;;
	*) fail "$url: only https is spoken" ;;
	esac
	command -v curl >/dev/null || fail 'curl is not installed'
	command -v jq >/dev/null || fail 'jq is not installed'
	read_token "$2"
	umask 077
	dir=$(mktemp -d) || fail 'no temporary folder can be made'
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' HUP INT TERM
}

read_token() {
	[ -f "$1" ] || fail "$1: there is no file with a token"
	case $(stat -L -c %a "$1") in
	*00) ;;
	*) fail "$1: others can read the token; chmod 600" ;;
	esac
	token=
	read -r token <"$1" || [ -n "$token" ] || fail "$1: it holds no token"
	case $token in
	*[!A-Za-z0-9._~+/=-]*) fail "$1: a token has no such characters" ;;
	esac
}

# request METHOD PATH [FILE]: sends a request, with FILE as its JSON body, and
# tries again when the API is busy. Leaves the answer in $dir/body and its code
# in $code. The token goes to curl by standard input: arguments are seen by all.
request() {
	tries=0
	while :; do
		tries=$((tries + 1))
		send "$@"
		[ "$tries" -lt 3 ] || return 0
		case $code in
		429)
			pause=$(retry_after "$1 $2") || exit 1
			sleep "$pause"
			;;
		000 | 5??) sleep "${KSK_ADAPTER_PAUSE:-$tries}" ;;
		*) return 0 ;;
		esac
	done
}

send() {
	: >"$dir/body"
	: >"$dir/head"
	set -- "$1" "$url$2" ${3:+"$3"}
	code=$(printf 'header = "%s%s"\n' "$authorization" "$token" |
		curl --config - --silent --show-error --proto "$protocol" \
			--connect-timeout 10 \
			--max-time "${KSK_ADAPTER_TIMEOUT:-30}" --request "$1" \
			--header 'Accept: application/json' \
			${3:+--header 'Content-Type: application/json'} \
			${3:+--data-binary "@$3"} --output "$dir/body" \
			--dump-header "$dir/head" --write-out '%{http_code}' \
			"$2" 2>"$dir/error") || code=000
}

# How many seconds the API wants us to wait; more than a run of sync can is an
# error.
retry_after() {
	wait=$(tr -d '\r' <"$dir/head" |
		sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,6\}\)$/\1/p' | tail -n 1)
	[ "${wait:-1}" -le 10 ] ||
		fail "$1: too many requests; the API asks to wait $wait seconds"
	echo "${wait:-1}"
}

# expect WHAT CODE...: ends with one clear line unless the answer has one of
# these codes.
expect() {
	what=$1
	shift
	for one; do
		[ "$code" != "$one" ] || return 0
	done
	case $code in
	000) fail "$what: $(tail -n 1 "$dir/error" | sed 's/^curl: ([0-9]*) //')" ;;
	401 | 403) fail "$what: the API refuses the token ($code)" ;;
	404) fail "$what: the API has no such zone ($code)" ;;
	429) fail "$what: too many requests ($code)" ;;
	5??) fail "$what: the API is in trouble ($code)" ;;
	*) fail "$what: $code$(said)" ;;
	esac
}

# What an answer says of an error, on one line; nothing if it is no JSON.
said() {
	jq -r '": " + ([.. | strings] | join(", "))' "$dir/body" 2>/dev/null |
		tr -d '\r\n' | cut -c 1-300
}

# pick FILTER [ARGUMENT...]: jq over the answer; one that has another form is an
# error.
pick() {
	jq -ce "$@" "$dir/body" 2>/dev/null ||
		fail 'the answer of the API has another form than is documented'
}

# All as ["256 3 13 KEY", ...], so that lists can be compared: the blanks that
# some put into keys and digests are left out.
forms='
def form: split(" ") | map(select(. != ""))
	| (.[0:3] + [.[3:] | join("")]) | join(" ");
def records: if . == null then [] else
	[.records[] | split(" ") | .[4:] | join(" ") | form] end;
def parts: split(" ") | {flags: (.[0] | tonumber), protocol: (.[1] | tonumber),
	algorithm: (.[2] | tonumber), public_key: .[3]};
def whole: [.flags, .protocol, .algorithm, .public_key] | map(tostring)
	| join(" ") | form;
'

# print_keys LIST: as zone text, for gather.
print_keys() {
	printf '%s' "$1" | jq -re --arg zone "$zone." \
		'if length == 0 then error else .[] | "\($zone) IN DNSKEY \(.)" end' \
		2>/dev/null || fail 'the API lists no key of its own'
}

# read_input: the JSON that `kskctl sync` feeds an adapter with.
read_input() {
	cat >"$dir/input"
	jq -e '.zone and .ttl and .dnskey.records' "$dir/input" >/dev/null 2>&1 ||
		fail 'standard input is not what kskctl sync feeds an adapter with'
	ttl=$(jq .ttl "$dir/input")
}

# wanted SET OWN: what is to be there besides the provider's own, as a list.
wanted() {
	jq -c --argjson own "$2" "$forms (.$1 | records) - \$own | sort" \
		"$dir/input" || fail 'standard input has another form'
}

# same A B: true if two lists say the same.
same() {
	[ "$(printf '%s' "$1" | jq -c sort)" = "$(printf '%s' "$2" | jq -c sort)" ]
}
