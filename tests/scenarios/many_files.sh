#!/usr/bin/env bash
# many_files.sh - thousands of files at once, more than inotify can tell of:
# its queue overflows while the producer is stopped; all of them load.
# SLUICE_MANY_FILES: how many, 2000; tests/crash/many_files.sh takes 20,000.
. "$(dirname "$0")/lib.sh"

# churn TIMES: two events each, of a name that is nobody's
churn() {
	python3 -c 'import os, sys
a, b = sys.argv[1] + "/.a", sys.argv[1] + "/.b"
open(a, "w").close()
for _ in range(int(sys.argv[2])):
    os.rename(a, b)
    a, b = b, a' "$folder" "$1"
}

# fill COUNT: files of one record, half of them hard-linked into the folder
# from outside and the other name removed, which inotify calls no end of
# writing
fill() {
	python3 -c 'import os, sys
folder, other = sys.argv[1], sys.argv[2]
for i in range(int(sys.argv[3])):
    if i % 2:
        with open(f"{folder}/{i}.json", "w") as f:
            f.write("{\"id\":%d}\n" % i)
    else:
        with open(f"{other}/{i}", "w") as f:
            f.write("{\"id\":%d}\n" % i)
        os.link(f"{other}/{i}", f"{folder}/{i}.json")
        os.unlink(f"{other}/{i}")' "$folder" "$work/other" "$1"
}

scenario_begin many_files
count=${SLUICE_MANY_FILES:-2000}
folder=$work/raw/many
cat >"$work/pipelines/many.yaml" <<'Y'
pipeline: many
datasets:
  many:
    source: { directory: many, pattern: "*.json" }
    table: raw.many
    key: [id]
    columns:
      - { name: id, type: integer }
Y
"$bin/sluice" apply >>"$work/apply.log" 2>&1
mkdir "$folder" "$work/other"
printf '{"id":-1}\n' >"$folder/first.json"
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work/raw"
producer_start
consumer_start
eventually "the producer watches" "$complete_sources" 1
kill -STOP "$producer_pid"
queue=$(cat /proc/sys/fs/inotify/max_queued_events)
churn $((queue / 2 + 1))
fill "$count"
kill -CONT "$producer_pid"

deadline_secs=$((deadline_secs + count / 20))
begun=$SECONDS
while kill -0 "$producer_pid" && [ "$SECONDS" -lt $((begun + deadline_secs)) ]; do
	done_files=$(q "$complete_sources")
	[ "$done_files" -le "$count" ] || break
	[ "$count" -le 5000 ] || note "$done_files of $count files"
	sleep 1
done
eventually "every file is complete" "$complete_sources" $((count + 1))
note "$count files in $((SECONDS - begun)) s"
check "each record is there once" "$(q 'select count(*), min(id), max(id),
	(select count(*) from raw.many_delta) from raw.many')" \
	"$((count + 1))|-1|$((count - 1))|$((count + 1))"
files_put_away
check "every file is in processed/, none is left" \
	"$(find "$work/raw/processed" -type f | wc -l)|$(find "$folder" -name '*.json' | wc -l)" \
	"$((count + 1))|0"
check "the producer is the one that was stopped" \
	"$(grep -c "event=start " "$work/producer.log")" 1
check_invariants
scenario_end
