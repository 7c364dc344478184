#!/usr/bin/env bash
# sqlite_faults.sh - files that are no SQLite files of ours, full disks, two
# loads at once, deaths in the middle: nothing half written, nothing twice.
. "$(dirname "$0")/lib.sh"

lite() { # FILE SQL...
	python3 "$top/tests/support/lite.py" "$@"
}

load() { # FILE ARGS...: exit code; the message is in $work/err
	local file=$1 code=0
	shift
	"$bin/sluice" load --dataset events --to "sqlite:$file" "$@" \
		>"$work/out" 2>"$work/err" || code=$?
	printf '%s\n' "$code"
}

# What there is once $many is loaded, and its books agree.
summary() { # FILE
	lite "$1" "select count(*), count(distinct id) from raw_events_delta" \
		"select count(*), count(distinct id), sum(length(username)) from raw_events" \
		"select records, inserted, updated, unchanged, rejected,
			completed_at is not null from meta_source" \
		"select count(*), sum(records) from meta_chunk where kind = 'c'" \
		"select count(*), min(line), max(line) from meta_reject" \
		"select sum(events), count(*) from modelled_events_seen" \
		"select sum(events), count(*) from modelled_events_loaded" \
		"pragma integrity_check"
	"$bin/sluice" --json models verify --to "sqlite:$1" | jq .different
}

scenario_begin sqlite_faults
sample=$top/tests/data/events_sample.json

# -- files that are something else -------------------------------------------
printf 'this is a letter, and no database, and long enough to be read as one%s\n' \
	"$(seq -s, 200)" >"$work/letter.db"
sum=$(md5sum <"$work/letter.db")
check "a file that is no database" "$(load "$work/letter.db" --file "$sample")" 74
check_has "says so" "$(cat "$work/err")" 'not an SQLite database'
check "and is as it was" "$(md5sum <"$work/letter.db")" "$sum"
python3 - "$work/other.db" <<'END'
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
base.execute("create table mine (a)")
base.commit()
END
sum=$(md5sum <"$work/other.db")
check "another program's database" "$(load "$work/other.db" --file "$sample")" 74
check_has "says so" "$(cat "$work/err")" "another program's database"
check "and is as it was" "$(md5sum <"$work/other.db")" "$sum"
mkdir "$work/folder.db"
check "a folder" "$(load "$work/folder.db" --file "$sample")" 74
check_has "says so" "$(cat "$work/err")" 'is a folder'
mkfifo "$work/pipe.db"
check "a pipe" "$(timeout 120 bash -c "$(declare -f load); bin=$bin work=$work; \
	load $work/pipe.db --file $sample")" 74
check "a folder that is not there" "$(load "$work/none/a.db" --file "$sample")" 74
check "no name" "$(load '' --file "$sample")" 64
check "other words" "$("$bin/sluice" load --to sqlight:x 2>"$work/err" >/dev/null; echo $?)" 64
check_has "say what there is" "$(cat "$work/err")" 'postgres or sqlite:FILE'
check "a file to look at must be there" \
	"$("$bin/sluice" models verify --to "sqlite:$work/nothing.db" 2>"$work/err" >/dev/null; \
	echo $?)" 74
check_has "says who makes it" "$(cat "$work/err")" 'makes it'
check "and is not made by looking" "$([ -e "$work/nothing.db" ] || echo no)" no
check "a sound one" "$(load "$work/a.db" --file "$sample")" 0
truncate -s 20000 "$work/a.db"
check "cut short" "$(load "$work/a.db" --file "$sample" --date 2024-03-01)" 74
check_has "is damaged" "$(cat "$work/err")" damaged
check "a dry run makes no file" \
	"$(load "$work/dry.db" --file "$sample" --dry-run; ls "$work/dry.db" 2>/dev/null)" 0

# -- one that may not be written, by one who is not root ----------------------
if [ "$(id -u)" = 0 ] && [ -n "$run_as" ]; then
	mkdir "$work/theirs"
	check "theirs" "$(load "$work/theirs/b.db" --file "$sample")" 0
	chown -R "$run_as" "$work/theirs"
	chmod 444 "$work/theirs/b.db"
	sum=$(md5sum <"$work/theirs/b.db")
	code=0
	(as_daemon "$bin/sluice" load --dataset events --to "sqlite:$work/theirs/b.db" \
		--file "$sample") >/dev/null 2>"$work/err" || code=$?
	check "a file that may not be written" "$code" 74
	check_has "says so" "$(cat "$work/err")" 'cannot be written to'
	check "and is as it was" "$(md5sum <"$work/theirs/b.db")" "$sum"
fi

# -- other columns ------------------------------------------------------------
check "a new file" "$(load "$work/c.db" --file "$sample")" 0
sed -i 's/{ name: plan_name, .*/&\n      - { name: region, type: text }/' \
	"$work/pipelines/events.yaml"
printf '{"id": "r", "event_type": "x", "received_at": "2025-01-01 00:00:00", "region": "north"}' \
	>"$work/region.json"
check "a new column comes along" "$(load "$work/c.db" --file "$work/region.json")" 0
check "in both tables" "$(lite "$work/c.db" "select m.region, d.region from raw_events m
	join raw_events_delta d using (id) where id = 'r'")" 'north|north'
sed -i 's/{ name: region, type: text }/{ name: region, type: integer }/' \
	"$work/pipelines/events.yaml"
check "another type does not" "$(load "$work/c.db" --file "$work/region.json")" 78
check_has "says so" "$(cat "$work/err")" 'made for other columns'
cp "$top/pipelines/events.yaml" "$work/pipelines/"
check "nor does a column that is gone" "$(load "$work/c.db" --file "$work/region.json")" 78

# -- models that are wrong ------------------------------------------------------
cp -r "$top/sql/models" "$work/models"
export SLUICE_MODELS_DIR=$work/models
sed 's/count(\*)/count(**)/' "$top/sql/models/events/events_loaded.sqlite.sql" \
	>"$work/models/events/events_loaded.sqlite.sql"
check "a model that is wrong does not hold up a load" \
	"$(load "$work/m.db" --file "$sample")" 0
check_has "it is named with file and line" "$(cat "$work/err")" \
	'events_loaded.sqlite.sql:11: near '
check "rows are there, and the other models" "$(lite "$work/m.db" "select
	(select count(*) from raw_events), (select sum(events) from modelled_events_seen),
	(select state from meta_model where model = 'events.events_loaded')")" '35|35|stale'
cp "$top"/sql/models/events/*.sql "$work/models/events/"
check "mended, it is made" "$(load "$work/m.db" --file "$top/tests/data/bad/bad_date.json")" 1
check "and counts what was there" "$(lite "$work/m.db" \
	"select sum(events) from modelled_events_loaded")" 38
sed -i 's/count(\*) as events/count(*) + 0 as events/' \
	"$work/models/events/events_loaded.sqlite.sql"
check "one that is changed is made anew" "$(load "$work/m.db" --file "$work/region.json")" 0
check "with all it reads" "$(lite "$work/m.db" \
	"select sum(events) from modelled_events_loaded")" 39
export SLUICE_MODELS_DIR=$top/sql/models

# -- deaths and faults ----------------------------------------------------------
many=$work/many.json
awk 'BEGIN {
	srand(7)
	for (i = 0; i < 600; i++)
		printf "{\"id\": \"m%d\", \"event_type\": \"x\", \"username\": \"u%d\", \"received_at\": \"%s\"}\n",
			i % 550, i % 37, i % 100 == 99 ? "never" : "2025-01-0" (1 + i % 550 % 3) " 00:00:00"
}' >"$many"
export SLUICE_CHUNK_RECORDS=25 SLUICE_BATCH_ROWS=100
check "the file as a whole" "$(load "$work/whole.db" --file "$many")" 1
want=$(summary "$work/whole.db")
check_has "has all its records" "$want" '600|545|49|0|6|1'

if "$bin/killat" openat 0 true 2>/dev/null; then
	deaths=0 wrong=0
	die() { # CALLS N...
		local call=$1 at code
		shift
		for at in "$@"; do
			rm -f "$work"/k.db*
			code=0
			"$bin/killat" -h "$call" "$at" "$bin/sluice" load --dataset events \
				--to "sqlite:$work/k.db" --file "$many" >/dev/null 2>&1 || code=$?
			[ "$code" = 137 ] || continue
			deaths=$((deaths + 1))
			load "$work/k.db" --file "$many" >/dev/null
			[ "$(summary "$work/k.db")" = "$want" ] && continue
			wrong=$((wrong + 1))
			note "wrong after death at $call $at: $(summary "$work/k.db")"
		done
	}
	die pwrite64 1 3 30 60 100 150 250
	die fdatasync,fsync 1 2 3 5 7
	die ftruncate 1 2
	die unlink 1
	check "died often" "$([ "$deaths" -ge 10 ] && echo often)" often
	check "and run again gave the same each time" "$wrong" 0
fi

# two at once, of two files, and of one
awk '{ sub(/"m/, "\"n"); print }' "$many" >"$work/others.json"
export SLUICE_BATCH_ROWS=25
pids=''
for file in "$many" "$work/others.json" "$many"; do
	"$bin/sluice" load --dataset events --to "sqlite:$work/two.db" --file "$file" \
		>/dev/null 2>>"$work/load.log" &
	pids="$pids $!"
done
codes=''
for pid in $pids; do
	code=0
	wait "$pid" || code=$?
	codes=$codes$code
done
check "two files at once, one of them twice: rejects, and no faults" "${codes//[01]/}" ''
check "are loaded once each" \
	"$(lite "$work/two.db" 'select count(*), count(distinct id) from raw_events_delta')" \
	'1188|1090'
check "and add up" "$("$bin/sluice" --json models verify --to "sqlite:$work/two.db" |
	jq .different)" 0

# a full disk
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	cat >"$work/full.sh" <<'END'
set -eu
mkdir -p "$work/disk"
mount -t tmpfs -o size=600k tmpfs "$work/disk"
code=0
"$bin/sluice" load --dataset events --to "sqlite:$work/disk/f.db" --file "$many" \
	>/dev/null 2>"$work/err" || code=$?
echo "full $code"
mount -o remount,size=64m "$work/disk"
code=0
"$bin/sluice" load --dataset events --to "sqlite:$work/disk/f.db" --file "$many" \
	>/dev/null 2>&1 || code=$?
echo "again $code"
cp "$work"/disk/f.db* "$work/"
END
	awk 'BEGIN { for (i = 0; i < 40; i++) printf "x%0999d", 0 }' >"$work/long"
	awk -v long="$(cut -c1-90 "$work/long")" '{ sub(/"x"/, "\"" long "\""); print }' "$many" \
		>"$work/wide.json"
	many=$work/wide.json
	export bin work many
	SLUICE_BATCH_ROWS=100 unshare -m bash "$work/full.sh" >"$work/full.txt" 2>&1 || true
	check "a full disk ends it, and room goes on" "$(xargs <"$work/full.txt")" 'full 74 again 1'
	check_has "says so" "$(cat "$work/err")" full
	check "nothing is missing, nothing twice" \
		"$(lite "$work/f.db" 'select count(*), count(distinct id) from raw_events_delta')" \
		'594|545'
fi
scenario_end
