#!/bin/sh
# Installs the Debian packages named on the command line that are missing; if
# it may not, it names them and fails.
set -eu
missing=
for package in "$@"; do
	dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null |
		grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages, install them as root:" >&2
	echo "  apt-get install$missing" >&2
	exit 1
fi
echo "  APT  $missing"
export DEBIAN_FRONTEND=noninteractive
# Daemons that come with a package are test tools here: none is started.
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	made=yes
fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT
log=$(mktemp)
if ! { apt-get update -qq &&
	# shellcheck disable=SC2086
	apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1
then
	cat "$log" >&2
	rm -f "$log"
	echo "packages could not be installed:$missing" >&2
	exit 1
fi
rm -f "$log"
