#!/usr/bin/env bash
# api_certs.sh - certificates for api_server --tls, good and bad.
#
#   api_certs.sh DIR    makes DIR/ca.crt, whom a client may trust, and of
#                       good, expired, self-signed, wrong-host the .crt and
#                       .key; all but wrong-host are for 127.0.0.1, localhost
set -euo pipefail

new_key() { # NAME
	openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$1.key" 2>/dev/null ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
			-out "$1.key"
}

# signed NAME SUBJECT_ALT_NAMES FROM UNTIL, by the authority
signed() {
	new_key "$1"
	openssl req -new -key "$1.key" -subj "/CN=tests $1" \
		-addext "subjectAltName=$2" -out "$1.csr"
	openssl ca -batch -notext -config ca.cnf -in "$1.csr" -out "$1.crt" \
		-startdate "$3" -enddate "$4" 2>>openssl.log
}

authority() {
	new_key ca
	openssl req -x509 -new -key ca.key -subj "/CN=tests authority" \
		-days 3650 -addext basicConstraints=critical,CA:true \
		-addext keyUsage=critical,keyCertSign -out ca.crt
	: >index.txt
	cat >ca.cnf <<-END
	[ca]
	default_ca = tests
	[tests]
	database = index.txt
	new_certs_dir = .
	rand_serial = yes
	certificate = ca.crt
	private_key = ca.key
	default_md = sha256
	policy = any
	copy_extensions = copy
	unique_subject = no
	[any]
	commonName = supplied
	END
}

main() {
	local here=IP:127.0.0.1,DNS:localhost
	[ $# = 1 ] || { sed -n "2,6s/^# \{0,1\}//p" "$0" >&2; exit 64; }
	umask 077
	mkdir -p -- "$1"
	cd -- "$1"
	authority
	signed good "$here" 20200101000000Z 20991231235959Z
	signed expired "$here" 20200101000000Z 20210101000000Z
	signed wrong-host DNS:elsewhere.example 20200101000000Z 20991231235959Z
	new_key self-signed
	openssl req -x509 -new -key self-signed.key -subj "/CN=tests self" \
		-days 3650 -addext "subjectAltName=$here" -out self-signed.crt
	chmod a+r ./*.crt
	rm -f -- ./*.csr ./*.pem ./index.txt* ca.cnf ca.key openssl.log
}

main "$@"
