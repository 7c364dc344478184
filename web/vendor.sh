#!/usr/bin/env bash
# vendor.sh - the libraries of others below web/vendor/: renews them from npm,
# of the pinned version and checked against the pinned sum of its package.
#
#   vendor.sh          fetches and writes web/vendor/
#   vendor.sh --check  the files there are those of the pinned sums (no network)
#
# Another version: change VERSION, take INTEGRITY from
# `npm view uplot@VERSION dist.integrity`, run it, and put the sums it prints
# into web/vendor/SHA256SUMS by committing that file.
set -euo pipefail

PACKAGE=uplot VERSION=1.6.32
INTEGRITY=sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
TO=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)/vendor

check() {
	(cd "$TO" && sha256sum --check --strict --quiet SHA256SUMS)
	[ "$(find "$TO" -type f ! -name SHA256SUMS | wc -l)" = \
		"$(wc -l <"$TO/SHA256SUMS")" ] ||
		{ echo "vendor.sh: a file of web/vendor/ is not in SHA256SUMS" >&2; exit 1; }
}

renew() {
	local dir sum
	dir=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder of now
	trap "rm -rf -- '$dir'" EXIT
	(cd "$dir" && npm pack --silent "$PACKAGE@$VERSION" >/dev/null)
	sum=sha512-$(openssl dgst -sha512 -binary "$dir/$PACKAGE-$VERSION.tgz" |
		openssl base64 -A)
	[ "$sum" = "$INTEGRITY" ] ||
		{ echo "vendor.sh: $PACKAGE $VERSION is another package: $sum" >&2; exit 1; }
	tar -xzf "$dir/$PACKAGE-$VERSION.tgz" -C "$dir"
	mkdir -p -- "$TO"
	install -m 0644 "$dir/package/dist/uPlot.iife.min.js" "$TO/uplot.js"
	install -m 0644 "$dir/package/dist/uPlot.min.css" "$TO/uplot.css"
	install -m 0644 "$dir/package/LICENSE" "$TO/uplot.LICENSE.txt"
	(cd "$TO" && sha256sum -- uplot.* | tee SHA256SUMS)
}

case ${1:-} in
'') renew ;;
--check) check ;;
*)
	echo "usage: vendor.sh [--check]" >&2
	exit 64
	;;
esac
