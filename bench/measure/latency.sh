# latency.sh - (i) how soon after their start the daemons commit a first row,
# (h) what they cost with nothing to do, (e) how long one dropped file of one
# record takes to be seen in the models: at rest, and while half of what the
# whole path can do comes in.
# shellcheck shell=bash disable=SC2154,SC2034

latency_steps=5

latency_take() { # KEY
	local said word
	said=$("$bin/latency" "$SLUICE_RAW_DIR/events" "$small_files")
	for word in $said; do
		case $word in
		p*) put "latency_$1_${word%%=*}_ms" "${word#*=}" ;;
		esac
	done
}

# Four files a second that hold that much; each of a seed of its own.
half_load() { # RECORDS A SECOND
	local n=0 each=$(($1 / 4 + 1)) hidden=$SLUICE_RAW_DIR/events/.half
	local due=${EPOCHREALTIME/[.,]/} now
	while :; do
		n=$((n + 1))
		"$bin/gen_events" -l "$each" $(((round * 1000 + n) << 24)) 10 >"$hidden"
		mv "$hidden" "$SLUICE_RAW_DIR/events/half_$n.json"
		due=$((due + 250000)) now=${EPOCHREALTIME/[.,]/}
		[ $now -ge $due ] || sleep "$(calc "($due - $now) / 1e6")"
	done
}

# What one row costs the database, and one message the broker, if nothing else
# is there.
latency_limit() {
	local rows secs rates
	head -n "$small_files" "$work/lines.ndjson" >"$work/few.json"
	read -r rows secs _ < <("$bin/bare_load" events events "$work/few.json" 1)
	rates=$("$bin/bench_broker" -w 1 300 "$small_files")
	put latency_limit_ms "$(calc "$secs * 1000 / $rows + 1000 / ${rates% *}")"
}

# A file waits already. How long it must lie untouched is a setting, not work.
start_take() {
	local started
	started=$EPOCHREALTIME
	q 'select 1' >/dev/null
	put start_limit_ms "$(calc "($EPOCHREALTIME - $started) * 1000")"
	head -n 1 "$work/lines.ndjson" >"$work/few.json"
	drop "$work/few.json"
	started=$EPOCHREALTIME
	producer_start --set settle_secs=0
	consumer_start
	await_sources 1
	put start_ms "$(calc "$(until_committed "$started") * 1000")"
	stop_daemons
}

rest_of() { # NAME BEFORE AFTER
	put "idle_$1_percent" "$(calc "(${3% *} - ${2% *}) / 1e7 / $rest_secs")"
	put "idle_$1_wakeups" "$(calc "(${3#* } - ${2#* }) / $rest_secs")"
}

rest_take() {
	local producer consumer
	sleep 3
	producer=$(rest_now "${daemons[0]}") consumer=$(rest_now "${daemons[1]}")
	sleep "$rest_secs"
	rest_of producer "$producer" "$(rest_now "${daemons[0]}")"
	rest_of consumer "$consumer" "$(rest_now "${daemons[1]}")"
}

half_take() {
	local started=$EPOCHREALTIME
	half_load $(($(last path_per_s 20000) / 2)) &
	background+=($!)
	sleep 1
	latency_take half
	put half_load_per_s "$(q "select coalesce(sum(records), 0)
		/ (extract(epoch from clock_timestamp()) - $started) from meta.load
		where committed_at > to_timestamp($started)")"
}

latency_round() {
	next_step "(e) the least one row can take"
	fresh "latency_$round"
	latency_limit
	next_step "(i) start to the first committed row"
	start_take
	next_step "(h) $rest_secs seconds of rest"
	daemons_start
	rest_take
	next_step "(e) one small file, at rest"
	latency_take idle
	next_step "(e) one small file, at half load"
	half_take
	path_end "latency_$round"
}
