#!/usr/bin/env bash
# truncation.sh - a file that ends at any of its bytes (array, lines, gzip,
# zstd): the records before the break load, what is left is one reject, and
# every byte is in the ledger.
. "$(dirname "$0")/lib.sh"

scenario_begin truncation
cat >"$work/pipelines/cuts.yaml" <<'Y'
pipeline: cuts
datasets:
  cuts:
    source: { directory: cuts, pattern: "*.json" }
    table: raw.cuts
    key: [id]
    columns:
      - { name: id, type: text, max_length: 50 }
      - { name: i, type: integer }
Y
"$bin/sluice" apply >>"$work/apply.log" 2>&1
python3 "$top/tests/support/make_cuts.py" "$work/raw/cuts" |
	LC_ALL=C sort >"$work/want"
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work/raw"
files=$(wc -l <"$work/want")
note "$files files"
producer_start
consumer_start
eventually "every cut of every file is complete" "$complete_sources" "$files"

q "select substr(name, 6), inserted + updated + unchanged, rejected,
	(select max(hi) from meta.chunk c where c.drop_id = s.drop_id)
	from meta.source s order by name collate \"C\"" >"$work/got"
check "records before the break load, the rest is one reject, each byte counts" \
	"$(diff "$work/got" "$work/want" | head -n 20)" ""
files_put_away
check "what failed lies in failed/, the rest in processed/" \
	"$(q "select count(*) from meta.source where remainder_failed")|$(q "select count(*)
		from meta.source where not remainder_failed")" \
	"$(find "$work/raw/failed" -type f | wc -l)|$(find "$work/raw/processed" -type f | wc -l)"
check "a reject's bytes are those behind the last record" "$(q "select count(*)
	from meta.reject r join meta.source s using (source_id)
	where r.hi - r.lo <> length(r.bytes) or r.lo < coalesce((select max(hi)
		from meta.chunk c where c.drop_id = s.drop_id and kind = 'c'), 0)")" 0
while IFS='|' read -r file _; do
	"$bin/sluice" receipt "$file" >"$work/receipt" 2>&1 ||
		check "the receipt of $file holds" "$(cat "$work/receipt")" HOLDS
done < <(awk 'NR % 8 == 1' "$work/want")
check "receipts hold" "$(tail -n 1 "$work/receipt")" HOLDS
check_invariants
scenario_end
