# reader.sh - (a) file to chunks, and to COPY's bytes, on one core, cached.
# shellcheck shell=bash disable=SC2154,SC2034

reader_steps=2

# The same bytes, only looked at. The clock of so short a work is coarse: the
# best of three.
reader_limit() { # PREFIX FILE
	local n best=9 secs cpu
	for n in 1 2 3; do
		"$bin/spent" "$work/spent" wc -l "$2" >/dev/null
		read -r secs cpu _ <"$work/spent"
		best=$(calc "$cpu < $best ? $cpu : $best")
	done
	put "$1_limit_mb_per_s" "$(calc "$(stat -c %s "$2") / 1e6 / ($best > 0 ? $best : $secs)")"
}

reader_take() { # KEY FILE [ARGS...]
	local key=$1 file=$2 said
	shift 2
	said=$("$bin/bench_reader" -n 2 "$@" "$file")
	case $said in
	*" 0 rejects"*) ;;
	*) trouble "the reader rejects: $said" ;;
	esac
	put "${key}_mb_per_s" "$(sed 's/.* \([0-9]*\) MB\/s.*/\1/' <<<"$said")"
	put "${key}_records_per_s" "$(sed 's/.* \([0-9]*\) records\/s.*/\1/' <<<"$said")"
}

reader_round() {
	next_step "(a) the reader, events"
	reader_limit reader "$work/events.json"
	reader_take reader "$work/events.json"
	reader_take reader_mapped "$work/events.json" \
		-p "$work/pipelines/events.yaml" -m
	reader_take reader_copy "$work/events.json" \
		-p "$work/pipelines/events.yaml"
	next_step "(a) the reader, nested records"
	reader_limit reader_nested "$work/nested.json"
	reader_take reader_nested "$work/nested.json"
	reader_take reader_nested_mapped "$work/nested.json" \
		-p "$work/pipelines/gharchive.yaml" -m
	reader_take reader_nested_copy "$work/nested.json" \
		-p "$work/pipelines/gharchive.yaml"
}
