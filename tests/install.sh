#!/bin/sh
# make install: puts what was built, its documents and samples in place under
# DESTDIR. Never overwrites a configuration that is there.
set -eu
build=$1 dest=$2 prefix=$3 sysconf=$4 libexec=$5 man=$6 doc=$7 unit=$8
sysusers=$9

programs='kskd kskd-frontend kskd-signer kskd-policy kskd-token'
install -d "$dest$libexec" "$dest$prefix/sbin" "$dest$prefix/bin"
for program in $programs; do
	install -m 755 "$build/$program" "$dest$libexec/$program"
done
# kskd finds its children beside itself, wherever the link to it lies.
ln -sfn "$libexec/kskd" "$dest$prefix/sbin/kskd"
install -m 755 "$build/kskadm" "$dest$prefix/sbin/kskadm"
install -m 755 "$build/kskctl" "$dest$prefix/bin/kskctl"

install -d "$dest$libexec/adapters"
install -m 755 client/adapters/desec.sh client/adapters/cloudflare.sh \
	client/adapters/ns1.sh "$dest$libexec/adapters/"
install -m 644 client/adapters/rest.sh "$dest$libexec/adapters/"

for page in appliance/*.[0-9] client/*.[0-9]; do
	section=${page##*.}
	install -d "$dest$man/man$section"
	install -m 644 "$page" "$dest$man/man$section/"
done

install -d "$dest$doc" "$dest$unit" "$dest$sysusers"
install -m 644 README.md LICENSE protocol/PROTOCOL.md protocol/protocol.cddl \
	appliance/PRIVSEP.md firmware-config/kskd.yaml \
	firmware-config/policy.yaml firmware-config/tokens.yaml "$dest$doc/"
# The unit names the folder the programs are in.
sed "s|/usr/libexec/ksk|$libexec|g; s|/etc/ksk|$sysconf/ksk|g" \
	firmware-config/systemd/kskd.service >"$build/kskd.service"
install -m 644 "$build/kskd.service" "$dest$unit/kskd.service"
install -m 644 firmware-config/systemd/ksk.sysusers "$dest$sysusers/ksk.conf"

install -d -m 755 "$dest$sysconf/ksk"
for sample in kskd.yaml policy.yaml softhsm2.conf; do
	[ -e "$dest$sysconf/ksk/$sample" ] ||
		install -m 644 "firmware-config/$sample" "$dest$sysconf/ksk/$sample"
done
