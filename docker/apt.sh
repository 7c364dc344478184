#!/usr/bin/env bash
# apt.sh PACKAGE... - installs packages into an image and leaves nothing else.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # nothing is started here
chmod 755 /usr/sbin/policy-rc.d
apt-get -qq -o Acquire::Retries=3 update
# An image that was not finished is thrown away: no need to wait for the disk.
# What dpkg complains of is among what is said.
said=$(apt-get -qq -o Acquire::Retries=3 -o Dpkg::Options::=--force-unsafe-io \
	install -y --no-install-recommends "$@") || {
	printf '%s\n' "$said" | tail -n 15 >&2
	exit 1
}
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb \
	/var/cache/debconf/*-old /var/log/*.log /var/log/apt /usr/sbin/policy-rc.d
