#!/usr/bin/env bash
# bad_input.sh - every kind of bad input: the good rest loads, the bad is one
# reject each with its reason and place, nothing crashes, memory stays bounded.
. "$(dirname "$0")/lib.sh"

good() { # ID: an event that loads
	printf '{"id":"%s","event_type":"User Created","username":"u","user_email":"u@example.org","user_type":"User","organization_name":"O","plan_name":null,"received_at":"2026-01-02 03:04:05.000001"}' "$1"
}

# bad NAME CODE RECORD: a line file of good, bad, good
bad() {
	{ good "$1-a"; printf '\n%b\n' "$3"; good "$1-b"; printf '\n'; } >"$work/made/$1.json"
	printf '%s|%s|2\n' "$1.json" "$2" >>"$work/want_lines"
}

event() { # FIELD VALUE: the good event with one value changed, as JSON text
	good x | jq -c --argjson v "$2" ".$1 = \$v"
}

scenario_begin bad_input
mkdir "$work/made"
: >"$work/want_lines"
cat >"$work/pipelines/kinds.yaml" <<'Y'
pipeline: kinds
datasets:
  kinds:
    source: { directory: kinds, pattern: "*.json" }
    table: raw.kinds
    key: [id]
    columns:
      - { name: id, type: text, required: true, max_length: 50 }
      - { name: i, type: integer }
      - { name: d, type: double }
      - { name: n, type: numeric }
      - { name: t, type: timestamp }
      - { name: j, type: json }
Y
"$bin/sluice" apply >>"$work/apply.log" 2>&1

bad number not_object '17'
bad missing_key missing '{"event_type":"User Created","received_at":"2026-01-02 03:04:05"}'
bad wrong_type type "$(event username 5)"
bad too_long too_long "$(event username "\"$(printf 'x%.0s' $(seq 101))\"")"
bad bad_date timestamp "$(event received_at '"2020-13-45 00:00:00"')"
bad nul json_nul "$(good x | sed 's/"u"/"a\\\\u0000b"/')"
bad surrogate json_surrogate "$(good x | sed 's/"u"/"a\\\\ud800b"/')"
bad utf8 json_utf8 "$(good x | sed 's/"u"/"a\\xffb"/')"
bad twice duplicate_key "$(good x | sed 's/{/{"username":"v",/')"
bad syntax json_syntax '{"id": nope}'

kind() { # NAME CODE RECORD
	printf '{"id":"%s-a"}\n%s\n{"id":"%s-b"}\n' "$1" "$3" "$1" >"$work/made/kinds_$1.json"
	printf '%s|%s|2\n' "kinds_$1.json" "$2" >>"$work/want_lines"
}
kind float range '{"id":"f","d":1e400}'
kind int range '{"id":"i","i":9223372036854775808}'
printf '{"id":"exact","i":9007199254740993,"n":123456789012345678901234567890.123456789}\n' >"$work/made/kinds_exact.json"

# whole files
: >"$work/made/empty.json"
printf ' \n\t\n' >"$work/made/blank.json"
printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR' >"$work/made/picture.json"
printf '<html><body>No</body></html>\n' >"$work/made/page.json"
printf 'id,name\n1,a\n' >"$work/made/table.json"
{ printf '['; good cut-a; printf ','; good cut-b; printf ',{"id":"cu'; } >"$work/made/cut.json"
{ good gz-a; printf '\n'; good gz-b; printf '\n'; } | gzip -c | head -c -9 >"$work/made/cut.gz.json"
{ good deep-a; printf '\n'; head -c 100000 /dev/zero | tr '\0' '['; printf '\n'; good deep-b; printf '\n'; } >"$work/made/deep.json"
{ good huge-a; printf '\n{"id":"'; head -c 1073741824 /dev/zero | tr '\0' 'x'; printf '"}\n'; good huge-b; printf '\n'; } >"$work/made/huge.json"

producer_start
consumer_start
files=0
for file in "$work"/made/*; do
	files=$((files + 1))
	case $(basename "$file") in
	kinds_*) drop "$file" kinds ;;
	*) drop "$file" ;;
	esac
done
rm -rf "$work/made"
deadline_secs=$((deadline_secs * 2)) # a GiB is among them
eventually "all $files files are complete" "$complete_sources" "$files"
files_put_away

while IFS='|' read -r file code good_rows; do
	check "$file: one reject, $code, neighbours loaded" \
		"$(q "select s.inserted + s.updated + s.unchanged, s.rejected, (select string_agg(distinct code, ' ')
			from meta.reject r where r.source_id = s.source_id)
			from meta.source s where s.name like '%/$file' or s.name = '$file'")" \
		"$good_rows|1|$code"
done <"$work/want_lines"
state() { # NAME: loaded|rejected|codes|folder
	printf '%s|%s\n' "$(q "select s.inserted + s.updated + s.unchanged, s.rejected,
		(select string_agg(distinct code, ' ') from meta.reject r where r.source_id = s.source_id)
		from meta.source s where s.name like '%$1'")" \
		"$(basename "$(dirname "$(dirname "$(dirname "$(find "$work/raw/processed" "$work/raw/failed" -name "$1")")")")")"
}
check "empty file" "$(state empty.json)" '0|0||processed'
check "file of blanks" "$(state blank.json)" '0|0||processed'
check "PNG" "$(state picture.json)" '0|1|not_json|failed'
check "HTML" "$(state page.json)" '0|1|not_json|failed'
check "CSV" "$(state table.json)" '0|1|not_json|failed'
check "truncated array" "$(state cut.json)" '2|1|truncated|failed'
check "truncated gzip keeps the records before the break" \
	"$(state cut.gz.json | cut -d'|' -f2-)" '1|truncated_input|failed'
check "depth 100,000" "$(state deep.json)" '2|1|json_depth|processed'
check "a line of 1 GiB" "$(state huge.json)" '2|1|record_too_long|processed'
check "9007199254740993 and 39 digits are exact" \
	"$(q "select i, n from raw.kinds where id = 'exact'")" \
	"9007199254740993|123456789012345678901234567890.123456789"
check "a reject names line and offset" "$(q "select r.line, r.record_no, r.field
	from meta.reject r join meta.source s using (source_id)
	where s.name like '%wrong_type.json'")" "2|2|username"
peak_mib() { # PID
	awk '/^VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$1/status"
}
note "peak memory: producer $(peak_mib "$producer_pid") MiB, consumer $(peak_mib "$consumer_pid") MiB"
# the sanitizers' own memory would hide ours
[ "${SLUICE_TEST_PRESET:-dev}" = asan ] ||
	check "the producer's memory is bounded by max_record_bytes, not by the line" \
		"$([ "$(peak_mib "$producer_pid")" -lt 64 ] && echo yes)" yes
check_invariants
scenario_end
