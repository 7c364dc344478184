#!/usr/bin/env bash
# returned.sh - the queues are deleted while files are dropped: what the broker
# hands back is not confirmed; it waits, and is sent again to the new queues.
. "$(dirname "$0")/lib.sh"

delete_queue() { # NAME
	printf 'user = "%s:%s"\n' "$(setting admin_user)" \
		"$(cat "$(setting admin_password_file)")" |
		curl -sSf -K - -X DELETE \
			"$(setting broker_api)/api/queues/$SLUICE_BROKER_VHOST/$1"
}

came_back() {
	grep -q queue_missing "$work/producer.log" || all_moved
}

crash_begin returned
delete_queue sluice.events.dead
delete_queue sluice.events
producer_start
issue
wait_for "a message came back" came_back || true
check "nothing was moved to processed" "$(find "$work/raw/processed" -type f)" ""
"$bin/sluice" apply >>"$work/apply.log" 2>&1
drain
end_clean "$producer_pid"
producer_pid=''
verdict || check "every record is accounted for" "$bad" ""
scenario_end
