# peers.sh - what one would use instead, on the same rows: each peer that
# bench/peers/build.sh (of another folder: SLUICE_BENCH_PEERS) has made ready,
# with one connection and, where its shape is ours, with two. One that is slower
# gets fewer of the rows: as many as it takes some seconds for.
# shellcheck shell=bash disable=SC2154,SC2034

peers_steps=0
peers_two=()  # those that are measured with two connections as well
few_records=5000 # of a first try, by which one sees how many are worth while
slow_rate=3000   # records a second: one that is slower gets no more
enough_secs=20   # at the rate of that try, its start included
peers_dir=${SLUICE_BENCH_PEERS:-$top/bench/peers}

# $work/peers: NAME, shape, version, sentence, records. What is skipped is in
# $work/skipped with its reason.
peers_prepare() {
	local name shape what version many
	: >"$work/peers"
	[ -x "$peers_dir/build.sh" ] || return 0
	step "the peers are built"
	"$peers_dir/build.sh" >"$work/built" 2>"$work/peers.log" || true
	sed -n 's/^skipped \([^:]*\): /\1\t/p' "$work/built" >"$work/skipped"
	while read -r name shape what; do
		version=$(sed -n "s/^ready $name //p" "$work/built")
		[ -n "$version" ] || continue
		many=$(peer_records "$name")
		[ "$many" = 0 ] || printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$shape" \
			"$version" "$what" "$many" >>"$work/peers"
	done < <("$peers_dir/run.sh" --list)
	peers_count
}

peers_count() {
	local name shape rest
	peers_two=() peers_steps=0
	while IFS=$'\t' read -r name shape rest; do
		peers_steps=$((peers_steps + 1))
		case $shape,${rest##*$'\t'} in
		path,"$few_records" | consumer,"$few_records") ;;
		path,* | consumer,*)
			peers_two+=("$name")
			peers_steps=$((peers_steps + 1))
			;;
		esac
	done <"$work/peers"
}

# A try with few of the rows; a peer that cannot do it is skipped for that.
peer_records() { # NAME
	local said
	step "how fast is $1?"
	if ! said=$(peer_run "$1" 1 $few_records 2>>"$work/peers.log"); then
		printf '%s\tfailed: %s\n' "$1" "$(tail -n 1 "$work/peers.log" |
			tr -d '\t' | cut -c1-200)" >>"$work/skipped"
		echo 0
		return
	fi
	awk -v few=$few_records -v secs="$(cut -d' ' -f2 <<<"$said")" \
		-v slow=$slow_rate -v enough=$enough_secs -v all="$records" 'BEGIN {
			many = few / secs < slow ? few : few / secs * enough
			printf "%d\n", many < all ? many : all
		}'
}

# peer_run NAME CONNECTIONS RECORDS: prints "records seconds cpu kib"
peer_run() {
	local database=peer_${1//-/_}_$2 file=$work/events.json code=0
	[ "$3" = "$records" ] || {
		file=$work/events_few.json
		"$bin/gen_events" "$3" 1 10 >"$file"
	}
	(
		SLUICE_BROKER=false fresh "$database"
		broker_ask PUT "vhosts/$database"
		broker_ask PUT "permissions/$database/$(setting admin_user)" \
			'{"configure":".*","write":".*","read":".*"}'
		pass=$work/pgpass
		umask 077
		printf '*:*:*:*:%s\n' "$(cat "$(setting owner_password_file)")" >"$pass"
		BENCH_FILE=$file BENCH_RECORDS=$3 BENCH_CONNECTIONS=$2 BENCH_BATCH=50000 \
			PGHOST=$(setting database_host) PGPORT=$(setting database_port) \
			PGUSER=$(setting owner_user) PGDATABASE=$database PGPASSFILE=$pass \
			BENCH_AMQP_HOST=$(setting broker_host) \
			BENCH_AMQP_PORT=$(setting broker_port) \
			BENCH_AMQP_USER=$(setting admin_user) \
			BENCH_AMQP_PASSWORD_FILE=$(setting admin_password_file) \
			BENCH_AMQP_VHOST=$database \
			timeout 300 "$peers_dir/run.sh" "$1"
	) || code=$?
	gone "$database"
	return $code
}

peer_take() { # NAME CONNECTIONS RECORDS
	local said n secs cpu kib
	if ! said=$(peer_run "$@" 2>>"$work/peers.log"); then
		printf '%s\tfailed: %s\n' "$1" "$(tail -n 1 "$work/peers.log" |
			tr -d '\t' | cut -c1-200)" >>"$work/skipped"
		return 0
	fi
	read -r n secs cpu kib <<<"$said"
	put "peer_$1_$2_per_s" "$(rate "$n" "$secs")"
	put "peer_$1_$2_cpu_us" "$(calc "$cpu * 1e6 / $n")"
	put "peer_$1_$2_rss_mib" "$(calc "$kib / 1024")"
}

# What comes without confirms, faster than the broker takes it, leaves it with
# gigabytes that it does not give back: the next round has another one.
broker_anew() {
	local pid
	[ "$servers" = "$work/servers" ] || return 0 # they are not ours
	pid=$(server_pid rabbitmq)
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
	"$top/deploy/native.sh" start "$servers" >/dev/null
}

peers_round() {
	local name shape version what many
	while IFS=$'\t' read -r name shape version what many <&4; do
		next_step "(p) $name, $many records"
		peer_take "$name" 1 "$many"
		case " ${peers_two[*]-} " in
		*" $name "*)
			next_step "(p) $name, two connections"
			peer_take "$name" 2 "$many"
			;;
		esac
	done 4<"$work/peers"
	! cut -f 2 "$work/peers" | grep -qx ship || broker_anew
}
