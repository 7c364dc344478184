# shellcheck shell=bash
# deploy.sh - the verbs deploy, deploy-rabbitmq and destroy of run.sh: private
# servers, schema and topology, the sample, a terminal. With BROKER=no that is
# PostgreSQL alone, and files are loaded by hand; else RabbitMQ and both daemons
# besides. A clone holds one deployment; each verb makes the other's its own.

# What runs, and what the quick tests need.
build_release() {
	say "building release"
	build_preset release sluice sluice-producer sluice-consumer unit_tests
}

build_preset() { # PRESET TARGET...
	local preset=$1
	shift
	with_progress "configuring $preset" in_root cmake --preset "$preset" || {
		printf '%s\n' "$SAID" >&2
		die 1 "cmake cannot configure the preset $preset"
	}
	with_progress "building $preset" \
		in_root cmake --build "build/$preset" --target "$@" || {
		printf '%s\n' "$SAID" >&2
		die 1 "the preset $preset does not build"
	}
}

in_root() { # COMMAND...
	(cd "$ROOT" && "$@")
}

sluice() { # DIR ARGS...
	local dir=$1
	shift
	SLUICE_CONFIG=$dir/sluice.yaml "$BIN/sluice" "$@"
}

# -- asking the database ---------------------------------------------------------

# A value of the sluice.yaml of a folder, as native.sh writes it.
setting() { # DIR NAME
	sed -n "s/^$2: *\"\{0,1\}\([^\"]*\)\"\{0,1\} *\$/\1/p" "$1/sluice.yaml" |
		tail -n 1
}

# psql as the reader. The password travels in the environment, which other
# users cannot see, never in the arguments, which they can.
psql_reader() { # DIR ARGS...
	local dir=$1 password
	shift
	password=$(cat -- "$dir/secrets/reader") ||
		die "$EX_CONFIG" "cannot read $dir/secrets/reader: deployed by another user?"
	PGPASSWORD=$password PGHOST=$(setting "$dir" database_host) \
		PGPORT=$(setting "$dir" database_port) \
		PGDATABASE=$(setting "$dir" database_name) \
		PGUSER=$(setting "$dir" reader_user) PGAPPNAME=sluice-psql \
		PSQL_PAGER='' psql "$@"
}

ask() { # DIR SQL
	psql_reader "$1" -XqAt -c "$2"
}

# -- the sample ------------------------------------------------------------------

# Drops the sample; prints the name it has as a source.
drop_sample() { # DIR
	local said
	said=$(sluice "$1" drop) || die $? "cannot drop the sample"
	printf 'events/%s\n' "${said##*/}"
}

# Both files, for who loads them by hand.
drop_samples() { # DIR
	drop_sample "$1" >/dev/null
	sluice "$1" drop --dataset orgs "$APP/$ORGS_SAMPLE" >/dev/null ||
		die $? "cannot drop the sample of organisations"
}

source_complete() { # DIR NAME
	[ "$(ask "$1" "select count(*) from meta.source
		where name = '$2' and completed_at is not null")" = 1 ]
}

load_sample() { # DIR
	local name
	if [ "$BROKER" = no ]; then
		drop_samples "$1"
		sluice "$1" load events || die $? "the sample cannot be loaded"
		return
	fi
	name=$(drop_sample "$1")
	wait_for 180 source_complete "$1" "$name" && return
	sluice "$1" status >&2 || true
	tail -n 5 -- "$1/log/producer.log" "$1/log/consumer.log" >&2 || true
	die "$EX_SERVER" "the sample $name was not loaded within 60 s"
}

# -- quick tests: units, and one load through servers that are thrown away -------

tested_build() {
	cat -- "$RELEASE"/bin/* | sha256sum
}

# Where it says what was tested, with a broker or without.
tested_file() {
	printf '%s/run/tested.%s\n' "$VAR" "$BROKER"
}

# The servers of a folder, as this deployment has them.
start_servers() { # DIR ARGS...
	[ "$BROKER" = yes ] || set -- "$@" --no-broker
	native start "$@"
}

# Once for a build: they have passed for what is here already.
quick_tests() {
	[ "$(tested_build)" != "$(cat -- "$(tested_file)" 2>/dev/null)" ] ||
		return 0
	say "quick tests: units"
	place_settings "$VAR/smoke/raw_data" "$VAR/smoke/output"
	trap smoke_end EXIT
	start_servers "$VAR/smoke" --fast --no-wait
	quick_units
	say "quick tests: a load of the sample"
	smoke_load
	smoke_end
	trap - EXIT
	TESTED=yes
}

quick_units() {
	with_progress "quick tests: units" in_root ctest \
		--test-dir build/release -R '^unit\.' -j2 --output-on-failure \
		--no-tests=error || {
		printf '%s\n' "$SAID" >&2
		die 1 "the units fail: nothing is deployed"
	}
}

smoke_load() {
	local rows want
	start_servers "$VAR/smoke"
	sluice "$VAR/smoke" apply >/dev/null ||
		die 1 "sluice apply fails on fresh servers: nothing is deployed"
	make_folder 0755 "$VAR/smoke/raw_data"
	make_folder 0755 "$VAR/smoke/raw_data/events"
	make_folder 0755 "$VAR/smoke/raw_data/orgs"
	[ "$BROKER" = no ] ||
		"$ROOT/deploy/daemons.sh" start "$VAR/smoke" "$BIN"
	load_sample "$VAR/smoke" >/dev/null
	rows=$(ask "$VAR/smoke" 'select count(*) from modelled.fact_events')
	want=$(($(wc -l <"$ROOT/tests/data/expected_fact_events.csv") - 1))
	[ "$rows" = "$want" ] ||
		die 1 "the sample gives $rows rows, not $want: nothing is deployed"
}

smoke_end() {
	[ -d "$VAR/smoke/run" ] || return 0
	"$ROOT/deploy/daemons.sh" stop "$VAR/smoke" || true
	"$ROOT/deploy/native.sh" stop "$VAR/smoke" || true
	rm -rf -- "$VAR/smoke"
}

# -- deploy ------------------------------------------------------------------------

verb_deploy() {
	local sets=(build run)
	[ "$BROKER" = no ] || sets+=(broker)
	"$ROOT/deploy/packages.sh" install "${sets[@]}"
	build_release
	place_make
	app_renew
	[ "$SKIP_TESTS" = yes ] || quick_tests
	start_everything
	[ "$SAMPLE_TOO" = no ] || first_sample
	show_deployment
}

on_terminal() {
	[ -t 0 ] && [ -t 1 ] && [ -n "${TERM:-}" ] && [ "$TERM" != dumb ]
}

# Only where nothing was ever loaded: a second deployment, or the one after a
# reboot, adds no rows to anybody's data. Who has the console above psql loads
# the sample there, all of it or a day.
first_sample() {
	[ "$(ask "$VAR" 'select count(*) from meta.source')" = 0 ] || return 0
	if [ "$BROKER" = no ] && on_terminal; then
		raw_is_empty || return 0
		say "dropping the sample into raw_data/: load it at the console"
		drop_samples "$VAR"
		return
	fi
	say "dropping the sample into raw_data/events/"
	load_sample "$VAR"
}

raw_is_empty() {
	[ -z "$(find "$RAW" ! -type d -print -quit)" ]
}

start_everything() {
	leave_broker
	say "servers: starting what does not run"
	place_settings "$RAW" "$OUT"
	start_servers "$VAR"
	[ "${TESTED:-no}" = no ] ||
		tested_build | write_file 0644 "$(tested_file)"
	sluice "$VAR" apply
	[ "$BROKER" = yes ] || return 0
	reload_changed
	"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN"
}

# From one kind to the other: the console is another one, and daemons would
# take the files away. What the broker and they hold stays.
leave_broker() {
	deployed || return 0
	if [ "$BROKER" = yes ]; then
		[ ! -e "$VAR/run/no-broker" ] || close_terminal
		return 0
	fi
	[ ! -e "$VAR/run/no-broker" ] || return 0
	say "stopping RabbitMQ and the daemons: ./run.sh deploy-rabbitmq goes on with what they hold"
	close_terminal
	"$ROOT/deploy/daemons.sh" stop "$VAR" ||
		die "$EX_SERVER" "the daemons of $VAR do not stop"
}

# A sum over the pipelines and models that the daemons are to know.
pipelines_now() {
	cd "$APP" && find pipelines sql/models -type f -print0 |
		sort -z | xargs -0 sha256sum | sha256sum
}

# Daemons that run already know the pipelines of then.
reload_changed() {
	local now
	now=$(pipelines_now)
	[ "$now" != "$(cat -- "$VAR/run/pipelines" 2>/dev/null)" ] || return 0
	"$ROOT/deploy/daemons.sh" reload "$VAR"
	printf '%s\n' "$now" | write_file 0644 "$VAR/run/pipelines"
}

show_deployment() {
	site_show
	if on_terminal; then
		open_terminal
	fi
}

# -- the terminal: console above, psql below, logs in a window of their own ----

# In tmux's last line.
TERMINAL_HINT='ctrl-b: o other pane, n logs, [ scroll, d leave '

terminal_name() {
	printf 'sluice-%s\n' "$(path_hash "$ROOT")"
}

# Leaving the console closes the session; everything goes on running.
open_terminal() {
	local name run
	name=$(terminal_name)
	printf -v run '%q' "$ROOT/run.sh"
	if ! tmux has-session -t "=$name" 2>/dev/null; then
		tmux -u new-session -d -s "$name" -n sluice -x "$(tput cols)" \
			-y "$(tput lines)" "$run console; tmux kill-session -t =$name"
		tmux split-window -v -l 40% -t "=$name:" "$run psql"
		tmux select-pane -t "=$name:.0"
		tmux new-window -d -n logs -t "=$name:" "$run logs"
		tmux set-option -t "=$name:" status-right "$TERMINAL_HINT"
		tmux set-option -t "=$name:" status-right-length 60
	fi
	if [ -n "${TMUX:-}" ]; then
		tmux switch-client -t "=$name"
	else
		tmux -u attach-session -t "=$name"
	fi
}

close_terminal() {
	command -v tmux >/dev/null || return 0
	tmux kill-session -t "=$(terminal_name)" 2>/dev/null || true
}

# -- destroy -----------------------------------------------------------------------

verb_destroy() {
	place_find
	close_terminal
	stop_folder "$VAR/smoke"
	stop_folder "$VAR"
	if [ "$KEEP_DATA" = yes ]; then
		say "stopped; $VAR is kept for the next deployment"
		return
	fi
	remove_data
	say "destroyed: nothing of it runs, var/ is gone"
}

remove_data() {
	remove_linked "$ROOT/var" "$VAR"
	remove_raw
	remove_made "$ROOT/output" "$OUT" reports
	remove_made "$ROOT/object_store" "$OBJECTS" "answers of APIs"
	rm -rf -- "$STORE/app"
	rmdir -- "$STORE" /var/lib/sluice 2>/dev/null || true
}

stop_folder() { # DIR
	[ -d "$1/run" ] || return 0
	"$ROOT/deploy/daemons.sh" stop "$1" ||
		die "$EX_SERVER" "the daemons of $1 do not stop: nothing was removed"
	"$ROOT/deploy/native.sh" stop "$1" ||
		die "$EX_SERVER" "the servers of $1 do not stop: nothing was removed"
}

remove_linked() { # PATH TARGET
	rm -rf -- "$2" || die 74 "cannot remove $2"
	rm -f -- "$1" 2>/dev/null || true
}

# True when nothing would be lost: no file but copies of the sample.
raw_is_ours() {
	local file
	while IFS= read -r -d '' file; do
		cmp -s -- "$file" "$ROOT/$SAMPLE" ||
			cmp -s -- "$file" "$ROOT/$ORGS_SAMPLE" || return 1
	done < <(find "$RAW" ! -type d -print0)
}

remove_raw() {
	[ -d "$RAW" ] || { rm -f -- "$ROOT/raw_data"; return; }
	if raw_is_ours || [ "$YES" = yes ] || ask_to_remove; then
		remove_linked "$ROOT/raw_data" "$RAW"
	else
		say "kept: $RAW holds files of yours (--yes removes them too)"
	fi
}

# A folder of what the daemons made, unless there is something in it.
remove_made() { # PATH TARGET WHAT
	[ -d "$2" ] || { rm -f -- "$1"; return; }
	if [ "$YES" = yes ] || [ -z "$(ls -A -- "$2")" ]; then
		remove_linked "$1" "$2"
	else
		say "kept: $2 holds $3 (--yes removes them too)"
	fi
}

ask_to_remove() {
	local answer
	[ -t 0 ] && [ -t 1 ] || return 1
	read -r -p "$RAW holds files of yours. Remove them too? [y/N] " answer
	case $answer in [yY] | [yY][eE][sS]) ;; *) return 1 ;; esac
}
