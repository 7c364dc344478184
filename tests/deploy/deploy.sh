#!/usr/bin/env bash
# deploy.sh - PostgreSQL alone: deployed twice, its console, RabbitMQ over it
# and back, gone without a trace. The programs are those of the tests: building
# is not what is asked here.
. "$(dirname "$0")/lib.sh"

bin=${SLUICE_BIN:-$TOP/build/dev/bin}
clone="$work/clone"
run=$clone/run.sh

clean_more() {
	PATH=$fake:$PATH "$run" destroy --yes >/dev/null 2>&1 </dev/null
}

for set in build run broker; do
	if [ -n "$("$TOP/deploy/packages.sh" missing "$set")" ]; then
		say "skipped: packages are missing: $set"
		[ "${SLUICE_TEST_REQUIRE:-0}" != 1 ] || exit 1
		exit 77
	fi
done

mkdir -p "$clone/build/release/bin" "$clone/tests"
cp -R "$TOP"/{run.sh,deploy,pipelines,sql} "$clone/"
cp -R "$TOP/tests/data" "$clone/tests/"
cp "$bin"/{sluice,sluice-producer,sluice-consumer} "$clone/build/release/bin/"
fake=$work/fake
mkdir "$fake"
printf '#!/bin/sh\nexit 0\n' | tee "$fake/cmake" >"$fake/ctest"
chmod 755 "$fake"/*
PATH=$fake:$PATH

ask() { # SQL
	"$run" psql -XqAt -c "$1" </dev/null
}

pids() {
	cut -d' ' -f1 "$clone/var/run/"*.pid 2>/dev/null || true
}

alive() { # PIDS: those that run
	local pid
	for pid in $1; do
		process_start "$pid" >/dev/null && say "$pid"
	done
	true
}

rows='select count(*) from modelled.fact_events'
delta='select count(*) from raw.events_delta'

# An engine that answers and can do nothing: nobody asked for it.
cat >"$fake/docker" <<'END'
#!/bin/sh
case "$1 $2" in
version* | 'compose version') exit 0 ;;
esac
exit 1
END
printf '#!/bin/sh\nexit 1\n' >"$fake/debootstrap"
chmod 755 "$fake"/*
check "deploy is fine" "$(code_of "$run" deploy)" 0
check_true "without containers, which cannot be made" has "$work/said" \
	"going on without"
check_true "it tested first" has "$work/said" "quick tests: a load of the sample"
check_true "it shows the modelled table" has "$work/said" "(34 rows)"
check "the sample is loaded, organisations too" \
	"$(ask "$rows"; ask 'select count(*) from raw.orgs')" "34
20"
check "PostgreSQL runs, alone" \
	"$(cd "$clone/var/run" && ls -- *.pid)" "postgresql.pid"
check "status says that there is no RabbitMQ" "$(code_of "$run" status)" 0
check_true "in words" has "$work/said" "none here"

before=$(pids)
check "deploying again is fine" "$(code_of "$run" --deploy)" 0
check "and changes nothing that runs" "$(pids)" "$before"
check "nor adds a row" "$(ask "$delta")" 36
check_true "nor tests what was tested" test -z "$(grep 'quick tests' "$work/said")"

menu='(1) load all events
(2) load specific date from events
(3) exit
** Organizations related data is loaded in full in either of the choices'
said=$(printf '2\n2020-02-30\nsoon\n2024-03-05\nx\n3\n' | "$run" console)
check_true "the console welcomes" test "$(grep -c '####' <<<"$said")" -ge 3
check "its menu" "$(grep -m1 -A3 '^(1)' <<<"$said")" "$menu"
check "a date is asked for until it is one" \
	"$(grep -o 'Please insert date in YYYY-MM-DD format: ' <<<"$said" | wc -l)" 3
check "it says what a date is" "$(grep -c \
	'Invalid date format, please enter a date that is in YYYY-MM-DD format' <<<"$said")" 2
check "and loads that day" "$(grep -c '27 filtered' <<<"$said")" 1
check "a choice that is none" \
	"$(grep -c 'Invalid selection, please choose again' <<<"$said")" 1

cp "$TOP/tests/data/bad/bad_date.json" "$clone/raw_data/events/"
said=$(printf '1\n3\n' | "$run" console)
check "all: what is new is loaded" "$(grep -c ' 1 rejected' <<<"$said")" 1

check "a backup is made" "$(code_of "$run" backup "$work/all.dump")" 0
check "and not over another" "$(code_of "$run" backup "$work/all.dump")" 74
before_backup=$(ask "$delta")
printf '[]' >"$work/no.dump"
check "what is no backup changes nothing" "$(code_of "$run" restore "$work/no.dump" --yes)" 1
cp "$TOP/tests/data/events_sample.json" "$clone/raw_data/events/later.json"
printf '1\n3\n' | "$run" console >/dev/null
check "what is loaded later" "$(ask "$delta")" $((before_backup + 36))
check "without a word nothing is replaced" "$(code_of "$run" restore "$work/all.dump")" 64
check "a backup is restored" "$(code_of "$run" restore "$work/all.dump" --yes)" 0
check "is gone then" "$(ask "$delta")" "$before_backup"
check "and the models fit" "$(code_of "$run" sluice models verify)" 0
printf '1\n3\n' | "$run" console >/dev/null
check "loaded again it is there again" "$(ask "$delta")" $((before_backup + 36))

if command -v tmux >/dev/null; then
	printf '3\r' | TERM=xterm TMUX='' timeout 120 python3 \
		"$TOP/tests/support/on_terminal.py" 100 --when "sluice=>" \
		--when "load specific date" "$run" deploy \
		>"$work/said" 2>&1 || true
	check_true "on a terminal: the console" has "$work/said" "load specific date"
	check_true "and psql" has "$work/said" "sluice=>"
	check_true "with its shortcuts" has "$work/said" ":rejects"
fi

check "RabbitMQ comes over it" "$(code_of "$run" deploy-rabbitmq --skip-tests)" 0
check "with the same PostgreSQL" "$(cat "$clone/var/run/postgresql.pid" |
	cut -d' ' -f1)" "$before"
check "and all runs" "$(code_of "$run" status)" 0
check_true "queues too" has "$work/said" "sluice.events.dead"

page_code() {
	curl -s --noproxy '*' -m 20 -o /dev/null -w '%{http_code}' "$page/" || true
}

check "the page starts" "$(code_of "$run" serve)" 0
page=$(sed -n 's|^\(http://127\..*\)/$|\1|p' "$work/said")
check "and answers where it says" "$(page_code)" 200
check "its token is private" "$(stat -c %a "$clone/var/secrets/serve")" 600
check "it is stopped alone" "$(code_of "$run" serve --stop)" 0
check "and is gone" "$(page_code)" 000
check "while all else runs" "$(code_of "$run" status)" 0
check "it starts again where it was" "$(code_of "$run" serve)" 0
check_true "at the same address" has "$work/said" "$page/"
said=$(printf '3\n' | "$run" console)
check_true "the console drops files now" grep -q 'drop file in raw data dir' <<<"$said"
all=$(pids)
check "and goes again" "$(code_of "$run" deploy --skip-tests)" 0
check "PostgreSQL is left, alone" "$(alive "$all")" "$before"
check "with the rows it had" "$(ask 'select count(*) >= 36 from raw.events')" t

sockets=$(cat "$clone/var/run/sockets")
check "destroy asks for files of one's own" "$(code_of "$run" destroy)" 0
check "nothing runs" "$(alive "$all")" ""
check_true "nothing is left but those files" test ! -e "$clone/var" -a \
	! -e "$sockets" -a -d "$clone/raw_data"
check "or takes them, too" "$(code_of "$run" --destroy --yes)" 0
check_true "then there is nothing" test ! -e "$clone/raw_data"
finish
