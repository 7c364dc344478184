#!/usr/bin/env bash
# figures.sh - docs/PERFORMANCE.md and its chart show what bench/results has, and
# every figure's limit is a figure.
. "$(dirname "$0")/lib.sh"

while read -r row; do
	complain bench/figures "not a row of six, or there twice: $row"
done < <(awk -F '|' '/^[^#]/ && (NF != 6 || seen[$1]++) { print }' bench/figures)

# A figure's limit, or the two that a ratio is made of.
keys=$(awk -F ' *[|] *' '/^[a-z]/ { print $1 }' bench/figures)
while read -r key limit; do
	grep -qxF "$limit" <<<"$keys" ||
		complain bench/figures "$key: there is no figure $limit"
done < <(awk -F ' *[|] *' '/^[a-z]/ && $5 != "" { split($5, of, " / ")
	for (i in of) print $1, of[i] }' bench/figures)
if [ -e bench/results/latest.json ]; then
	said=$(bench/report.py check .) || complain docs/PERFORMANCE.md "$said"
fi
finish "$(wc -l <<<"$keys")"
