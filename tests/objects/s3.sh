#!/usr/bin/env bash
# s3.sh - starts an S3 server of its own and tries the object store on it.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'bash "$here/support/s3.sh" stop "$dir" || true; rm -rf "$dir"' EXIT
code=0
found=$(bash "$here/support/s3.sh" start "$dir") || code=$?
[ "$code" = 0 ] || exit "$code"
while IFS='=' read -r name value; do
	export "SLUICE_TEST_$name=$value"
done <<<"$found"
SLUICE_TEST_S3_DIR=$dir timeout 200 "$SLUICE_BIN/object_tests"
