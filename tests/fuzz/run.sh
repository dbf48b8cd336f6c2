#!/bin/sh
# Runs every fuzz entry with libFuzzer, ASan and UBSan for some seconds, each on
# a copy of its corpus: run.sh CLANG SECONDS P11_CFLAGS. Fails on a finding and
# leaves the input that shows it; it belongs into the corpus for ever.
set -eu
clang=$1 seconds=$2 p11_cflags=$3
cd "$(dirname "$0")/../.."
build=build/fuzz
work=$(mktemp -d "${TMPDIR:-/tmp}/ksk-fuzz.XXXXXX")
trap 'rm -rf "$work"; exit 130' INT TERM
libraries="under hsm policy base protocol"
targets=$(basename -s .c tests/fuzz/fuzz_*.c)

wanted=
for library in $libraries; do wanted="$wanted $build/lib$library.a"; done
for target in $targets; do
	wanted="$wanted $build/obj/tests/fuzz/$target.o"
done
# shellcheck disable=SC2086 # a list of words
make --no-print-directory -j"$(nproc)" CC="$clang" SAN=1 BUILD="$build" \
	CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" P11_CFLAGS="$p11_cflags" \
	$wanted

failed=0
for target in $targets; do
	# shellcheck disable=SC2046
	"$clang" -pie -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o "$build/$target" \
		"$build/obj/tests/fuzz/$target.o" \
		$(for l in $libraries; do echo "$build/lib$l.a"; done) \
		-lp11 -lp11-kit -lldns -lcyaml -lyaml -lsqlite3 -lcbor \
		-ljansson -levent_core -lssl -lcrypto -lseccomp -lcap
	mkdir "$work/$target"
	cp -R "tests/fuzz/corpus/${target#fuzz_}/." "$work/$target/"
	echo "  FUZZ  $target for $seconds s"
	if ! "$build/$target" -max_total_time="$seconds" -max_len=65535 \
		-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$work/$target-" "$work/$target" \
		>"$work/$target.log" 2>&1; then
		failed=1
		tail -n 40 "$work/$target.log"
		echo "$target: see $work/$target-* and $work/$target.log" >&2
	else
		grep -E '^(Done|stat::(number_of_executed|average_exec))' \
			"$work/$target.log"
	fi
done
[ "$failed" -eq 0 ] || exit 1
rm -rf "$work"
# shellcheck disable=SC2086 # a list of words
set -- $targets
echo "fuzz: $# targets, $seconds s each, nothing found"
