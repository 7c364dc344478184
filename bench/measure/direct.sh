# direct.sh - (d) `sluice load`, without a broker: into PostgreSQL, and into one
# SQLite file beside a program that inserts and upserts the same rows with the
# same pragmas and does nothing else.
# shellcheck shell=bash disable=SC2154,SC2034

direct_steps=2

# Sets secs and mib of a load of the file.
direct_take() { # ARGS OF sluice load...
	"$bin/spent" "$work/spent" "$bin/sluice" --json load "$@" \
		--file "$work/events.json" >"$work/said.json" 2>>"$work/load.log" ||
		trouble "sluice load failed"
	[ "$(jq .records "$work/said.json")" = "$records" ] ||
		trouble "sluice load has not loaded all"
	read -r secs _ mib <"$work/spent"
	mib=$(calc "$mib / 1024")
}

direct_round() {
	local secs mib
	next_step "(d) sluice load"
	SLUICE_BROKER=false fresh "direct_$round"
	direct_take --dataset events.events
	put direct_per_s "$(rate "$records" "$secs")"
	put direct_rss_mib "$mib"
	gone "direct_$round"
	[ -n "$(last limit_per_s '')" ] || limit_into limit_per_s "dlimit_$round" \
		events events "$work/events.json"
	next_step "(d) sluice load into SQLite"
	rm -f "$work"/*.db*
	put lite_limit_per_s \
		"$("$bin/bare_lite" "$work/events.json" "$work/limit.db" | cut -d' ' -f3)"
	direct_take bare --dataset events --to "sqlite:$work/bare.db"
	put lite_bare_per_s "$(rate "$records" "$secs")"
	direct_take events --dataset events --to "sqlite:$work/lite.db"
	put lite_per_s "$(rate "$records" "$secs")"
	put lite_rss_mib "$mib"
	rm -f "$work"/*.db*
}
