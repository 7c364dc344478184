# big.sh - (g) a file of 1 GiB: does memory grow with it?
# shellcheck shell=bash disable=SC2154,SC2034

big_steps=1

big_round() {
	next_step "(g) a file of 1 GiB"
	"$bin/gen_events" 3800000 2 10 >"$work/big.json"
	path_into big_per_s "big_$round" "$work/big.json" events 3800000
	put big_producer_rss_mib "$(peak_mib "${daemons[0]}")"
	put big_consumer_rss_mib "$(peak_mib "${daemons[1]}")"
	path_end "big_$round"
	rm "$work/big.json"
}
