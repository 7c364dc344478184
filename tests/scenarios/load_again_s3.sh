#!/usr/bin/env bash
# load_again_s3.sh - answers kept in a bucket are loaded again, audited and read
# back like those in a folder. The S3 server keeps each object as a file.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
s3_dir=$(mktemp -d)
s3_stop() {
	bash "$here/../support/s3.sh" stop "$s3_dir"
	rm -rf "$s3_dir"
}
trap s3_stop EXIT
code=0
found=$(bash "$here/../support/s3.sh" start "$s3_dir") || code=$?
[ "$code" = 0 ] || exit "$code"
while IFS='=' read -r name value; do
	declare "$name=$value"
done <<<"$found"
export SLUICE_OBJECT_STORE=s3 SLUICE_S3_ENDPOINT=$S3_ENDPOINT
export SLUICE_S3_REGION=$S3_REGION SLUICE_S3_BUCKET=$S3_BUCKET
export AWS_ACCESS_KEY_ID=$S3_ACCESS_KEY AWS_SECRET_ACCESS_KEY=$S3_SECRET_KEY
objects=$s3_dir/data/$S3_BUCKET
scenario=load_again_s3
more_undo() {
	s3_stop
}
. "$here/load_again_api.sh"
