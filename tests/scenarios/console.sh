#!/usr/bin/env bash
# console.sh - the console in a real terminal: what it shows is what the
# database says, keys act, and the terminal comes back as it was.
. "$(dirname "$0")/lib.sh"

command -v tmux >/dev/null || {
	note "skipped: no tmux"
	[ "${SLUICE_TEST_REQUIRE:-0}" != 1 ] || exit 1
	exit 77
}
export LC_ALL=C.UTF-8
unset TMUX NO_COLOR
evil=$'ev\x1b[31mil\t\xff日本e\u0301\u202ex.json'

tm() { tmux -S "$work/tmux" -f /dev/null "$@"; }

# A second server of tmux must not stay when something fails.
scenario_undo() {
	tm kill-server 2>/dev/null || true
}

# open NAME COMMAND: a window of 80x24 with a shell that runs it
open() {
	tm -u new-session -d -x 80 -y 24 -s "$1" \
		"trap : INT; cd '$work'; stty -a >'$work/$1.before'; $2; echo \"code \$?\"
		stty -a >'$work/$1.after'; exec sleep 1000"
}

screen() { tm capture-pane -p -t "$window"; }
type_keys() { tm send-keys -t "$window" "$@"; }
shows() { screen | grep -qF -- "$1"; }
gone() { ! shows "$1"; }

# claim CLAIM TEXT: the screen comes to show it
claim() {
	until_true shows "$2" || screen
	check_has "$1" "$(screen)" "$2"
}

# row LABEL: the total of a rate's row
row() { screen | sed -n "s|^$1 .*/s *\([0-9]*\).*|\1|p"; }

# totals: what the screen says and what the database does, once they agree
agrees() {
	[ "$(row files)|$(row published)|$(row loaded)|$(row rejected)" = \
		"$(q "select count(*), sum(records),
			sum(inserted + updated + unchanged), sum(rejected)
			from meta.source")" ]
}

loaded() { [ "$(q "$complete_sources")" -ge "$1" ]; }

test_figures() {
	claim "the servers are named" "PostgreSQL ok  RabbitMQ ok"
	claim "so are the daemons" "producer ready  consumer ready"
	type_keys d
	claim "a key drops the sample" "dropped $work/raw/events/events_sample_"
	until_true loaded 1
	cp "$work/mine.json" "$work/custom_sample.json"
	type_keys c
	claim "another the custom file" "/custom_sample_"
	check "which is moved" "$(ls "$work"/custom_sample.json 2>/dev/null)" ""
	type_keys c
	claim "and says where it is to be put" "put yours at $work/custom"
	drop "$top/tests/data/bad/bad_date.json" events "$evil"
	until_true loaded 3
	until_true agrees || screen
	check "the figures are the database's" "$(agrees && echo yes)" yes
	claim "the last load is shown" "1 rejected"
	claim "models are shown" "models 21"
	claim "tests are shown" "crm.unique raw.customers.username"
}

test_rejects() {
	type_keys r
	claim "a key lists the causes" "timestamp in events.events, the latest 1"
	type_keys Enter
	claim "Enter looks at the latest" '"2020-13-45"}'
	claim "its name is escaped" 'events/ev\x1b[31mil\t\xff'
	type_keys Enter
	claim "and back" "up, down: choose"
	type_keys 0
	claim "to all lists" "under way none"
}

# The file waits in the queue: its name is on the screen, and harmless.
test_pause() {
	type_keys p
	claim "a key pauses the consumer" "paused: everything"
	drop "$top/tests/data/events_sample.json" events "$evil"
	tm resize-window -t "$window" -x 130 -y 24
	claim "a strange name is shown as text" \
		"events/$(printf '%s' 'ev\x1b[31mil\t\xff日本')"$'e\u0301''\xe2\x80\xaex.json'
	tm resize-window -t "$window" -x 80 -y 24
	claim "what waits has an age" "lag "
	check "and nothing is loaded" "$(q "$complete_sources")" 3
	type_keys p
	until_true loaded 4 || screen
	check "the same key resumes" "$(q "$complete_sources")" 4
	claim "nothing is under way then" "lag none"
}

# Without a broker its choices load, on the screen it leaves meanwhile.
test_direct() {
	local today
	window=direct
	claim "without a broker, other choices" "(2) load specific date from events"
	today=$(q "select count(*) from meta.source")
	type_keys 2 2020-13-01 Enter
	claim "a day that is none is asked for again" \
		"Invalid date format, please enter a date that is in YYYY-MM-DD"
	type_keys 2024-03-01 Enter
	claim "a load shows what it says" "Enter goes back to the console"
	type_keys Enter
	claim "and it goes back" "(3) exit"
	check "nothing was there to load" "$(q "select count(*) from meta.source")" \
		"$today"
	type_keys 3
	claim "(3) leaves" "code 0"
}

test_actions() {
	type_keys R
	claim "replay asks which" "replay which source"
	type_keys 1 x BSpace Enter
	claim "and hands it over" "handed to the producer: 1"
	until_true loaded 5 || screen
	check "it is loaded again" "$(q "select count(*) from meta.source
		where replay_of is not null")" 1
	q "update meta.model set state = 'stale', error = 'by hand'
		where model = 'events.events_seen'" >/dev/null
	type_keys 0
	claim "a stale model is shown first" "events.events_seen: by hand"
	type_keys m
	claim "a key builds it" " built"
	check "it is fresh" "$(q "select state from meta.model
		where model = 'events.events_seen'")" fresh
	type_keys l
	claim "a day is asked for" "on which day"
	type_keys 2024-13-01 Enter
	claim "and checked" "Invalid date format"
	type_keys Escape
	until_true gone "Invalid date"
	type_keys 7
	claim "a number that is none" "Invalid selection, please choose again"
	claim "the choices are written there" "(1) drop file in raw data dir"
	type_keys '?'
	claim "a key helps" "drop the sample into the folder"
	type_keys 0
}

# Drawn for this width, and not what a wider screen has left.
has_all_keys() {
	[ "$(screen | grep -c 'd drop c custom.*q quit$')" = 1 ] && gone "──  models 21"
}

test_sizes() {
	tm resize-window -t "$window" -x 20 -y 10
	claim "20 columns say the main thing" "Sluice  all well"
	claim "and how to go on" "? help  q quit"
	check "no row is too long" "$(screen | grep -c '.\{21\}')" 0
	tm resize-window -t "$window" -x 5 -y 2
	until_true gone "under way"
	tm resize-window -t "$window" -x 150 -y 40
	claim "wide ones set lists beside each other" "──  models 21"
	tm resize-window -t "$window" -x 80 -y 24
	check "and back again: 80 columns have all keys" \
		"$(until_true has_all_keys && echo yes || screen)" yes
	type_keys C-z
	claim "ctrl-z stops it" "Stopped"
	type_keys 'fg' Enter
	claim "fg goes on" "PostgreSQL ok"
}

backend() {
	q "select pid from pg_stat_activity where datname = current_database()
		and application_name = 'sluice' and usename = 'sluice_reader'
		order by backend_start desc limit 1"
}

# The thread behind the screen hangs in its question; the keys do not.
test_slow() {
	local pid
	pid=$(backend)
	kill -STOP "$pid"
	type_keys '?'
	claim "a server that hangs keeps no key waiting" "drop the sample into"
	kill -CONT "$pid"
	type_keys 0
	claim "and then goes on" "under way none"
}

test_away() {
	kill_server postgresql
	claim "a database that goes is told" "PostgreSQL away"
	claim "with the reason" "PostgreSQL: "
	claim "what it alone knows is not known" "loads not known"
	claim "the rest goes on" "RabbitMQ ok"
	"$top/deploy/native.sh" start "$servers" --fast >>"$work/start.log" 2>&1
	claim "and that it is back" "PostgreSQL ok"
	until_true agrees || screen
	check "the figures are back" "$(agrees && echo yes)" yes
}

pid_of() { # TEXT: of the console in that window
	pgrep -f "^$bin/sluice console" -P "$(tm display -p -t "$window" \
		'#{pane_pid}')" | head -n 1
}

# ends WINDOW SIGNAL CODE: and the terminal is as it was
ends() {
	window=$1
	claim "a console opens ($1)" "PostgreSQL ok"
	kill "-$2" "$(pid_of)"
	claim "SIG$2 ends it" "code $3"
	until_true test -s "$work/$1.after"
	check "the terminal is as it was" "$(cat "$work/$1.after")" \
		"$(cat "$work/$1.before")"
	check "and shows what was there" "$(screen | grep -c 'PostgreSQL ok')" 0
	check "with its cursor" "$(tm display -p -t "$1" '#{cursor_flag}')" 1
}

colours() { tm capture-pane -e -p -t "$window" | grep -c $'\x1b\\[3[0-7]m'; }

# Every one of them is a statement that the reader may ask.
test_shortcuts() {
	local names said
	names=$(sed -n "s/^.set \([a-z]*\) '.*;'$/:\1/p" "$top/deploy/psqlrc")
	check "psql has shortcuts" "$(wc -l <<<"$names")" 9
	said=$(psql_people <<<"$names" 2>&1) || true
	check "none of them fails" "$(grep ERROR <<<"$said" || true)" ""
	check "they are named at the start" \
		"$(head -n 1 <<<"$said" | tr -s ' ' '\n' | grep -c ^:)" 9
	check_has ":rejects has the latest" "$said" "| timestamp | received_at |"
}

# As the reader, with what psql reads first.
psql_people() {
	local url=$reader_url
	url=${url#*://}
	PGPASSWORD=$(sed 's/^[^:]*://; s/@.*//' <<<"$url") \
		PSQLRC=$top/deploy/psqlrc \
		psql "postgresql://${url%%:*}@${url#*@}"
}

scenario_begin console
reader_url=$(setting database_url)
cp "$top/tests/data/events_sample.json" "$work/mine.json"
producer_start
consumer_start
until_true test -d "$work/raw/events"
tm -u new-session -d -x 80 -y 24 -s main \
	"cd '$work'; exec bash --norc --noprofile"
window=main
type_keys " '$bin/sluice' console" Enter
test_figures
check "there are colours" "$([ "$(colours)" -gt 0 ] && echo yes)" yes
test_rejects
test_pause
test_actions
test_sizes
test_slow
test_away
type_keys q
type_keys " echo le''ft" Enter
claim "q leaves" "left"
check "no row of it stays" "$(screen | grep -c 'PostgreSQL ok')" 0

open direct "SLUICE_BROKER=false '$bin/sluice' console"
open term "'$bin/sluice' console"
open int "'$bin/sluice' console"
open segv "'$bin/sluice' console"
open plain "NO_COLOR=1 '$bin/sluice' console"
open dumb "TERM=dumb '$bin/sluice' console"
open menu "'$bin/sluice' console --plain"
open ascii "LC_ALL=C '$bin/sluice' console"
open top "'$bin/sluice' top --interval 1"
test_direct
test_shortcuts
ends term TERM 0
ends int INT 0
ends segv SEGV 139
window=plain
claim "it opens without colours" "PostgreSQL ok"
check "there are none" "$(colours)" 0
window=dumb
claim "a dumb terminal has the menu" "(1) drop file in raw data dir"
window=menu
claim "so has --plain" "(1) drop file in raw data dir"
window=ascii
claim "without UTF-8 it is ASCII" "under way none -----"
pid=$(pid_of)
tm kill-session -t ascii
check "a terminal that goes ends it" \
	"$(until_true test ! -e "/proc/$pid" && echo yes)" yes
window=top
claim "top refreshes a table" "events.events"
type_keys C-c
claim "until ctrl-c" "code 130"
check_invariants
scenario_end
