#!/usr/bin/env bash
# start.sh PROGRAM ARGS... - a program of Sluice in its container, with what the
# deployment's file `environment` names: tokens, addresses, settings.
set -euo pipefail
# shellcheck source=deploy/lib.sh
. "$(dirname "$0")/lib.sh"
load_environment /run/secrets/environment
exec "$@"
