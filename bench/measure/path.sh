# path.sh - (d) the whole path beside the bare program, with one consumer and
# with two, first and when all keys are there already, with models and without;
# (g) what it takes.
# shellcheck shell=bash disable=SC2154,SC2034

path_steps=9

# The bare program, as often as there are keys. Sets limit_cpu, the database's
# seconds.
limit_into() { # KEYS DATABASE PIPELINE DATASET FILE
	local keys=$1 key rate before after
	SLUICE_BROKER=false fresh "$2"
	before=$(cpu_now)
	"$bin/bare_load" -t "$(wc -w <<<"$keys")" "$3" "$4" "$5" >"$work/bare"
	after=$(cpu_now)
	limit_cpu=$(calc "${after##* } - ${before##* }")
	for key in $keys; do
		read -r _ _ rate
		put "$key" "$rate"
	done <"$work/bare"
	gone "$2"
}

# path_into KEY DATABASE FILE [FOLDER [RECORDS]]: daemons are started anew for
# it in an empty database; they go on.
path_into() {
	fresh "$2"
	daemons_start "${consumers:-1}"
	path_again "$1" 1 "${@:3}"
}

# path_again KEY SOURCES FILE [FOLDER [RECORDS]]: one more file
path_again() {
	drop "$3" "${4:-events}"
	await_sources "$2"
	[ "$(q 'select records from meta.source order by source_id desc limit 1')" = \
		"${5:-$records}" ] || trouble "the file has other records"
	put "$1" "$(rate "${5:-$records}" "$(until_committed "$dropped_at")")"
}

path_end() { # DATABASE
	stop_daemons
	gone "$1"
}

# What everybody takes for a million records.
path_spent() { # BEFORE AFTER
	awk -v n="$records" -v b="$1" -v a="$2" 'BEGIN {
		split(b, before, " ")
		split(a, after, " ")
		split("producer broker consumer database", name, " ")
		for (i = 1; i <= 4; i++) {
			s = after[i] - before[i]
			sum += s
			printf "%s_cpu_s\t%.4f\n", name[i], s * 1e6 / n
		}
		printf "cpu_us_per_record\t%.4f\n", sum * 1e6 / n
	}' >>"$work/taken"
}

path_once() {
	local before broker
	fresh "path_$round"
	daemons_start
	broker=$(server_pid rabbitmq)
	forget_peak "$broker"
	before=$(cpu_now)
	path_again path_per_s 1 "$work/events.json"
	path_spent "$before" "$(cpu_now)"
	put producer_rss_mib "$(peak_mib "${daemons[0]}")"
	put consumer_rss_mib "$(peak_mib "${daemons[1]}")"
	put broker_rss_mib "$(peak_mib "$broker")"
	put database_rss_mib "$(database_mib)"
}

# What the start costs, until the first batch is full, weighs a fifth here.
path_long() {
	next_step "(d) the whole path, five times the records"
	path_into path_long_per_s "long_$round" "$work/long.json" events $((records * 5))
	path_end "long_$round"
	next_step "(d) limit: five times the records"
	limit_into limit_long_per_s "limitl_$round" events events "$work/long.json"
}

path_round() {
	next_step "(d) limit without models"
	limit_into limit_bare_per_s "bare_$round" bare events "$work/events.json"
	next_step "(d) the whole path"
	path_once
	next_step "(d) all keys are there already"
	path_again path_dup100_per_s 2 "$work/events.json"
	path_end "path_$round"
	next_step "(d) limit: COPY, upsert, models"
	limit_into "limit_per_s limit_dup100_per_s" "limit_$round" events events \
		"$work/events.json"
	put limit_database_cpu_s "$(calc "$limit_cpu * 1e6 / $records / 2")"
	path_long
	next_step "(d) the whole path, two consumers"
	consumers=2 path_into path_two_per_s "two_$round" "$work/events.json"
	path_end "two_$round"
	next_step "(d) the whole path without models"
	path_into path_bare_per_s "plain_$round" "$work/events.json" bare_events
	path_end "plain_$round"
	next_step "(d) the whole path without models, two consumers"
	consumers=2 path_into path_bare_two_per_s "plain2_$round" \
		"$work/events.json" bare_events
	path_end "plain2_$round"
}
