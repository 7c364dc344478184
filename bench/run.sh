#!/usr/bin/env bash
# run.sh - measures this machine, on private servers below a temporary folder:
# all of it in each round, in turns, and beside each figure what a bare program
# that does nothing else reaches in the same round.
#
# usage: ./run.sh bench [OPTION...]
#   --quick          100,000 records, one round; two minutes
#   --records N      records of the events file (default 300,000)
#   --rounds N       how often all is measured (default 5); twenty minutes
#   --peers          what one would use instead, too (default where var/peers
#                    is: bench/peers/build.sh makes it); --no-peers leaves it out
#   --growth [N]     at last: what a record costs when the master holds up to N
#                    million already (default 20); an hour or more
#   --big            also a file of 1 GiB, for the memory
#   --only PART,...  of reader broker path kinds latency direct peers big
#   --rest SECS      how long daemons at rest are looked at (default 5)
#   --json FILE|-    the figures as JSON (-: instead of the table)
#   --svg FILE       a chart
#   --docs           bench/results/latest.json, docs/images/performance.svg and
#                    the section Figures of docs/PERFORMANCE.md
#   --help           this, and every key of the JSON
# Other benches, each with --help: bench direct (sluice load alone, without a
# broker), bench growth, bench overload, bench api (polling an HTTP API).
# Prints a table: median, minimum and maximum of the rounds. A key of the JSON is
# an object: unit, median, min, max, rounds; `about` has the machine, versions and
# the commit, `peers` the same of each peer, `skipped` who is not there, and why.
. "$(dirname "$0")/lib.sh"
# shellcheck source=bench/daemons.sh
. "$top/bench/daemons.sh"
for part in "$top"/bench/measure/*.sh; do
	# shellcheck source=/dev/null
	. "$part"
done

records=300000 rounds=5 rest_secs=5 small_files=60
parts='reader broker path kinds latency direct'
peers='' growth='' json='' svg='' docs=no big=no

say_keys() {
	printf '\nkeys of the JSON:\n'
	awk -F ' *[|] *' '/^[a-z]/ { printf "  %-38s %-10s (%s) %s%s%s\n", $1, $2, $3,
		$4, ($5 ~ / \/ / ? ": " $5 : ""), ($6 != "" ? ", aim " $6 : "") }' \
		"$top/bench/figures"
}

read_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--quick) records=100000 rounds=1 small_files=20 ;;
		--records) records=${2:-}; shift ;;
		--rounds) rounds=${2:-}; shift ;;
		--peers) peers=yes ;;
		--no-peers) peers=no ;;
		--big) big=yes ;;
		--rest) rest_secs=${2:-}; shift ;;
		--growth)
			growth=20
			[[ ! ${2:-} =~ ^[0-9]+$ ]] || { growth=$2; shift; }
			;;
		--only) parts=${2:-}; parts=${parts//,/ }; shift ;;
		--json)
			json=-
			case ${2:---} in --*) ;; *) json=$2; shift ;; esac
			;;
		--svg) svg=${2:-}; shift ;;
		--docs) docs=yes ;;
		--help | -h)
			(bench_usage 0) 2>&1
			say_keys
			exit 0
			;;
		*) bench_usage ;;
		esac
		shift || bench_usage
	done
	[[ "$records $rounds $rest_secs" =~ ^[1-9][0-9]*( [1-9][0-9]*){2}$ ]] ||
		bench_usage
}

choose_parts() {
	local name
	[ -n "$peers" ] || [ ! -d "$top/var/peers" ] || peers=yes
	case " $parts " in *' peers '*) ;; *)
		[ "$peers" != yes ] || parts+=' peers' ;;
	esac
	case " $parts " in *' big '*) ;; *)
		[ "$big" = no ] || parts+=' big'
	esac
	for name in $parts; do
		declare -F "${name}_round" >/dev/null || bench_usage
	done
}

# -- figures -----------------------------------------------------------------

put() { # KEY VALUE
	printf '%s\t%s\n' "$1" "$2" >>"$work/taken"
}

last() { # KEY [DEFAULT]
	local value
	value=$(awk -F '\t' -v k="$1" '$1 == k { v = $2 } END { print v }' "$work/taken")
	printf '%s\n' "${value:-${2:-}}"
}

note() { # KEY TEXT...
	printf '%s\t%s\n' "$1" "${*:2}" >>"$work/about"
}

note_all() {
	note at "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	note commit "$(git -C "$top" rev-parse --short HEAD 2>/dev/null || echo unknown)"
	[ -z "$(git -C "$top" status --porcelain 2>/dev/null)" ] ||
		note changed "files that are not committed"
	note records "$records"
	note nested_records "$nested_records"
	note rounds "$rounds"
	note processors "$(nproc)"
	note processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	note memory_mib "$(awk '/^MemTotal/ { printf "%d", $2 / 1024 }' /proc/meminfo)"
	note kernel "$(uname -r)"
	note file_system "$(stat -f -c %T "$work")"
	note load_before "$(cut -d' ' -f1 /proc/loadavg)"
	note sluice "$("$bin/sluice" --version | cut -d' ' -f2)"
	note events_bytes "$(stat -c %s "$work/events.json")"
	note nested_bytes "$(stat -c %s "$work/nested.json")"
}

note_servers() {
	note postgresql "$(psql_at "$(setting database_owner_url)" -c 'show server_version')"
	note rabbitmq "$(dpkg-query -W -f '${Version}' rabbitmq-server 2>/dev/null || true)"
}

# -- the run -----------------------------------------------------------------

make_data() {
	step "data are made"
	nested_records=$((records / 5 + 1))
	"$bin/gen_events" "$records" 1 10 >"$work/events.json"
	"$bin/gen_events" $((records * 5)) 5 10 >"$work/long.json"
	"$bin/gen_events" "$records" 2 0 >"$work/unique.json"
	"$bin/gen_events" -l $((records * 3 / 10 + small_files)) 3 0 >"$work/lines.ndjson"
	"$bin/gen_events" -g -l "$nested_records" 4 10 >"$work/nested.json"
}

count_steps() {
	local name count sum=0
	for name in $parts; do
		count=${name}_steps
		sum=$((sum + ${!count}))
	done
	steps $((sum * rounds))
}

measure() {
	local name
	for name in $parts; do
		! declare -F "${name}_prepare" >/dev/null || "${name}_prepare"
	done
	count_steps
	for ((round = 1; round <= rounds; round++)); do
		for name in $parts; do
			"${name}_round"
		done
	done
	step
	note load_after "$(cut -d' ' -f1 /proc/loadavg)"
	note seconds $((SECONDS - begun))
}

# Its own servers, its own table: what it prints goes behind ours.
measure_growth() {
	local million steps=''
	[ -n "$growth" ] || return 0
	for million in 0 1 2 5 10 20 50 100; do
		[ "$million" -gt "$growth" ] || steps+="$million "
	done
	"$top/bench/growth.sh" --steps "${steps% }" >"$work/growth"
}

report() {
	"$top/bench/report.py" collect "$work" >"$work/figures.json"
	if [ "$json" = - ]; then
		cat "$work/figures.json"
	else
		"$top/bench/report.py" table "$work/figures.json"
		[ -z "$json" ] || cp "$work/figures.json" "$json"
	fi
	[ -z "$svg" ] || "$top/bench/report.py" svg "$work/figures.json" >"$svg"
	[ "$docs" = no ] || {
		mkdir -p "$top/bench/results"
		cp "$work/figures.json" "$top/bench/results/latest.json"
		"$top/bench/report.py" docs "$top"
	}
}

main() {
	local begun=$SECONDS
	read_options "$@"
	choose_parts
	touch "$work"/{taken,about,skipped,peers}
	make_data
	step "servers are started"
	if [ "$parts" = direct ]; then
		bench_begin --no-broker
	else
		bench_begin
	fi
	cp "$top/pipelines/gharchive.yaml" "$work/pipelines/"
	make_blank # here: a part may ask for it in a process of its own
	note_all
	note_servers
	measure
	measure_growth
	report
}

main "$@"
