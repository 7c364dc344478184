#!/usr/bin/env bash
# hostile_writers.sh - files written to, shrunk and replaced while they wait,
# while they are read and after that; folders renamed, removed and made again:
# every byte that was claimed is in the ledger, and what came later loads too.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/relays.sh
. "$top/tests/support/relays.sh"

scenario_undo() {
	relays_end
}

# lines FROM TO: records
lines() {
	seq "$1" "$2" | sed 's/.*/{"id":&,"pad":"0123456789012345678901234567890123456789"}/'
}

# begin NAME: drops a file of 20,000 records and stops the producer while it
# reads, which takes it long; $claimed is the file.
begin() {
	relay amqp 'slow 40000'
	lines 1 20000 >"$work/raw/$1.new"
	[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/raw/$1.new"
	mv "$work/raw/$1.new" "$folder/$1.json"
	until_true confirmed "$1.json"
	kill -STOP "$producer_pid"
	claimed=$(find "$folder/.claimed" -type f)
	check "$1: the file was stopped at in its middle" \
		"$(printf '%s\n' "$claimed" | grep -c .)|$(q "select completed_at is null
		from meta.source where name = 'writers/$1.json'")" "1|t"
}

# Some of it is in the database, so the producer is past its beginning.
confirmed() { # NAME
	[ "$(q "select chunks > 3 from meta.source where name = 'writers/$1'")" = t ]
}

producer_goes_on() {
	relay amqp pass
	kill -CONT "$producer_pid"
}

# finished NAME: it goes on and ends; what was claimed is loaded or one reject
finished() {
	producer_goes_on
	eventually "$1: complete" "select completed_at is not null from meta.source
		where name = 'writers/$1.json'" t
	check "$1: the rest is one reject that says why" "$(q "select count(*), min(code)
		from meta.reject join meta.source using (source_id)
		where name = 'writers/$1.json'")" "1|source_changed"
	check "$1: the ledger covers every byte that was claimed" "$(q "select
		min(lo) = 0 and max(hi) = min(s.file_size) and sum(hi - lo) = min(s.file_size)
		from meta.chunk c join meta.source s using (drop_id)
		where name = 'writers/$1.json'")" t
	check "$1: what loaded is the beginning of it" "$(q "select count(*) = max(id)
		from raw.writers_delta d join meta.source s on s.source_id = d._source
		where name = 'writers/$1.json'")" t
	files_put_away
	check_has "$1: the file lies in failed/" \
		"$(find "$work/raw/failed" -type f)" "$1.json"
}

# It scans the folders, connects then.
watches_again() {
	[ "$(grep -c event=connected "$work/producer.log")" -gt 1 ]
}

scenario_begin hostile_writers
export SLUICE_CHUNK_RECORDS=10 SLUICE_CONFIRM_WINDOW=2
folder=$work/raw/writers
cat >"$work/pipelines/writers.yaml" <<'Y'
pipeline: writers
datasets:
  writers:
    source: { directory: writers, pattern: "*.json" }
    table: raw.writers
    key: [id]
    columns:
      - { name: id, type: integer }
Y
"$bin/sluice" apply >>"$work/apply.log" 2>&1
mkdir -p "$folder"
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work/raw"
relay_start amqp "$(setting broker_port)"
SLUICE_BROKER_PORT=$(cat "$work/amqp.port") producer_start
consumer_start

begin appended
lines 90001 90010 >>"$claimed"
finished appended
begin shrunk
truncate -s 600000 "$claimed"
finished shrunk
begin rewritten
printf '{"id":99999,"' | dd of="$claimed" bs=1 seek=1000000 conv=notrunc status=none
finished rewritten
check "what came after a claim is not in the table" \
	"$(q 'select count(*) from raw.writers where id > 20000')" 0

# a new file under the name of one that is being read is a source of its own
begin replaced
lines 30001 30005 >"$folder/.new"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$folder/.new"
mv "$folder/.new" "$folder/replaced.json"
producer_goes_on
eventually "replaced: both load" "select count(*), sum(manifest_records) from meta.source
	where name = 'writers/replaced.json' and completed_at is not null" "2|20005"

# a folder that is renamed while a file of it is read, and renamed back
begin moved
mv "$folder" "$work/raw/away"
lines 40001 40003 >"$work/raw/away/late.json"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$work/raw/away/late.json"
producer_goes_on
until_true grep -q 'path=away why="it holds files' "$work/producer.log"
check "a file in a folder of no dataset is left, and said" \
	"$([ -f "$work/raw/away/late.json" ] && echo there)" there
until_true mv -T "$work/raw/away" "$folder" 2>/dev/null
eventually "renamed back: what was under way ends, what waited loads" "select name,
	manifest_records from meta.source where completed_at is not null
	and name ~ '(moved|late).json' order by 1" "writers/late.json|3
writers/moved.json|20000"

# removed and made again; the folder above it is away while a file waits
rm -rf "$folder"
mkdir -p "$folder"
[ -z "$run_as" ] || chown "$run_as:$run_group" "$folder"
lines 50001 50002 >"$work/anew.json"
drop "$work/anew.json" writers
mv "$work/raw" "$work/raw_elsewhere"
until_true grep -q event=no_raw_dir "$work/producer.log"
mv "$work/raw_elsewhere" "$work/raw"
eventually "made again, away and back: what was dropped there loads" "select count(*)
	from meta.source where completed_at is not null and name = 'writers/anew.json'" 1

check "the producer that did all this is still the first" \
	"$(grep -c "event=start " "$work/producer.log")" 1

# one that is written slowly is taken when it is closed, once
producer_stop
SLUICE_SETTLE_SECS=3600 SLUICE_BROKER_PORT=$(cat "$work/amqp.port") producer_start
until_true watches_again || true
for i in 1 2 3 4 5 6; do
	lines "6000$i" "6000$i"
	sleep 0.3
done >"$folder/slow.json"
eventually "written slowly: loads whole" "select manifest_records from meta.source
	where completed_at is not null and name = 'writers/slow.json'" 6
check_invariants
scenario_end
