# broker.sh - (b) file to broker, (c) from there to master and models; beside
# them what the broker does with messages of the same number and size.
# shellcheck shell=bash disable=SC2154,SC2034

broker_steps=3

# The queue takes all of the file.
broker_round() {
	local started messages bytes rates per
	next_step "(b) file to broker"
	SLUICE_QUEUE_MAX_BYTES=$((2 * $(stat -c %s "$work/events.json") + (64 << 20))) \
		fresh "broker_$round"
	producer_start
	daemon_ready sluice-producer
	drop "$work/events.json"
	while [ -z "$(find "$SLUICE_PROCESSED_DIR" -type f 2>/dev/null)" ]; do
		daemons_live
		sleep 0.02
	done
	put producer_per_s "$(rate "$records" "$(calc "$EPOCHREALTIME - $dropped_at")")"
	next_step "(c) broker to master and models"
	started=$EPOCHREALTIME
	consumer_start
	await_sources 1
	put consumer_per_s "$(rate "$records" "$(until_committed "$started")")"
	messages=$(q "select count(*) from meta.chunk where kind = 'c'")
	stop_daemons
	next_step "(b, c) the broker alone, $messages messages"
	bytes=$(($(stat -c %s "$work/events.json") / messages))
	rates=$("$bin/bench_broker" "$bytes" "$messages")
	per=$(calc "$records / $messages")
	put broker_publish_per_s "$(calc "${rates% *} * $per")"
	put broker_consume_per_s "$(calc "${rates#* } * $per")"
	gone "broker_$round"
}
