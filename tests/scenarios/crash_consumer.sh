#!/usr/bin/env bash
# crash_consumer.sh - a sample of the crash sweep of the consumer.
set -euo pipefail
exec bash "$(dirname "$0")/../crash/run.sh" --fast consumer
