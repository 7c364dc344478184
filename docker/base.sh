#!/usr/bin/env bash
# base.sh IMAGE - makes the base image from Debian's archive, where the usual
# one can be neither found nor pulled. Needs root and debootstrap.
set -euo pipefail

work=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-base.XXXXXX")
clean() { # debootstrap that was ended leaves what it mounted
	umount -l "$work/root/proc" "$work/root/sys" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap clean EXIT
debootstrap --variant=minbase bookworm "$work/root" >"$work/log" 2>&1 || {
	tail -n 5 "$work/log" >&2
	exit 69
}
root=$work/root
# security updates, and what later packages need not bring along
archive=$(awk '$1 == "deb" { print $2; exit }' "$root/etc/apt/sources.list")
cat >"$root/etc/apt/sources.list" <<-END
	deb $archive bookworm main
	deb $archive bookworm-updates main
	deb ${archive%/debian*}/debian-security bookworm-security main
END
cat >"$root/etc/dpkg/dpkg.cfg.d/sluice-slim" <<-END
	path-exclude /usr/share/doc/*
	path-include /usr/share/doc/*/copyright
	path-exclude /usr/share/man/*
	path-exclude /usr/share/info/*
	path-exclude /usr/share/locale/*
END
find "$root/usr/share/doc" ! -type d ! -name copyright -delete
rm -rf "$root"/usr/share/{man,info,locale}/* "$root"/var/lib/apt/lists/* \
	"$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb \
	"$root"/var/log/*.log
tar -C "$root" -c . | docker import - "$1" >/dev/null
