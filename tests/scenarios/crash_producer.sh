#!/usr/bin/env bash
# crash_producer.sh - a sample of the crash sweep of the producer.
set -euo pipefail
exec bash "$(dirname "$0")/../crash/run.sh" --fast producer
