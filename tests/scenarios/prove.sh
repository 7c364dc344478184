#!/usr/bin/env bash
# prove.sh - `sluice prove` holds over servers of its own, and does not hold
# when somebody takes from, adds to or changes what was loaded meanwhile.
. "$(dirname "$0")/lib.sh"

need_servers
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-prove-test.XXXXXX")
mkdir "$work/bin" "$work/proof" "$work/robbed" "$work/ended"
chmod 755 "$work" "$work"/*
trap 'rm -rf "$work"' EXIT

# prove NAME ARGS...: a proof below a folder of that name; its id in $pid
prove() {
	local name=$1
	shift
	TMPDIR=$work/$name "$bin/sluice" --json prove "$@" \
		>"$work/$name.out" 2>"$work/$name.said" &
	pid=$!
}

# ended NAME PID: waits for it; then $code, and answer() is about it
ended() {
	asked=$work/$1.out
	code=0
	wait "$2" || code=$?
	cat "$work/$1.said"
}

left() { # NAME
	ls "$work/$1"
}

answer() { # JQ EXPRESSION
	jq -r "$1" "$asked" 2>&1
}

holds() { # CLAIM JQ EXPRESSION
	check "$1" "$(answer "$2")" true
	[ "$(answer "$2")" = true ] || cat "$asked"
}

# -- it holds -----------------------------------------------------------------

test_proof() { # PID
	ended proof "$1"
	check "a proof ends with 0" "$code" 0
	holds "it holds, without a fault" '.holds and .faults == []'
	holds "every record is loaded or rejected" \
		'.issued >= 3000 and .loaded + .rejected == .issued and .rejected > 0'
	holds "none is lost, doubled or altered" \
		'.lost + .doubled + .altered + .strange + .wrong_keys == 0'
	holds "everything was killed" '[.kills[]] | length == 6 and min > 0'
	holds "duplicates were seen and absorbed" '.duplicates > 0'
	holds "every file has its receipt and its place" \
		'.receipts == .files and .processed + .failed == .files and .failed > 0'
	check "its folder is gone" "$(left proof)" ""
}

# -- it can fail ----------------------------------------------------------------

# A consumer that, when it is told to end, does what nobody may; once.
make_thief() {
	ln -s "$bin/sluice-producer" "$work/bin/"
	sed "s|@bin@|$bin|; s|@top@|$top|" >"$work/bin/sluice-consumer" <<-'END'
	#!/usr/bin/env bash
	bin=@bin@
	. @top@/tests/support/settings.sh
	setpriv --pdeathsig KILL @bin@/sluice-consumer &
	child=$!
	trap 'kill -TERM $child; told=yes' TERM
	while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
	[ "${told:-}" = yes ] || exit $code
	psql_at "$(setting database_owner_url)" -v ON_ERROR_STOP=1 -1 -f - <<'SQL'
	create table public.robbed ();
	create temp table loaded as
		select distinct on (s.name) d._source, d._offset, s.name
		from raw.proof_delta d join meta.source s on s.source_id = d._source
		order by s.name, d._offset limit 4;
	delete from raw.proof_delta where (_source, _offset) in
		(select _source, _offset from loaded order by name limit 1);
	insert into raw.proof_delta select * from raw.proof_delta
		where (_source, _offset) in
		(select _source, _offset from loaded order by name offset 1 limit 1);
	update raw.proof_delta set said = 'another' where (_source, _offset) in
		(select _source, _offset from loaded order by name offset 2 limit 1);
	update raw.proof_delta set _offset = _offset + 1 where (_source, _offset) in
		(select _source, _offset from loaded order by name offset 3 limit 1);
	delete from raw.proof where id = (select min(id) from raw.proof);
	SQL
	rm -f "$(find "$(setting processed_dir)" -name '*.json' | sort | head -n 1)"
	exit 0
	END
	chmod 755 "$work/bin/sluice-consumer"
}

test_failure() { # PID
	ended robbed "$1"
	check "a failed proof ends with 1" "$code" 1
	holds "it does not hold" '.holds == false and (.faults | length) > 3'
	holds "a record that vanished or moved is lost" '.lost == 2'
	holds "one that is there twice is doubled" '.doubled == 1'
	holds "one that says something else is altered" '.altered == 1'
	holds "one that nobody issued is strange" '.strange == 1'
	holds "a key that vanished is missed" '.wrong_keys == 1'
	holds "receipts of what is gone or doubled are broken" \
		'.broken_receipts == 2'
	holds "the models differ" '.model_differences > 0'
	holds "a file that vanished is missed" '.misplaced == 1'
	check "its folder is kept" "$(answer .kept)" "$work/robbed/$(left robbed)"
	check "its servers are stopped" \
		"$(find "$(answer .kept)/servers/run" -name '*.pid')" ""
}

# -- it can be interrupted --------------------------------------------------------

has_begun() {
	[ -n "$(left ended)" ]
}

test_interrupt() { # PID
	until_true has_begun
	kill -TERM "$1"
	ended ended "$1"
	check "an interrupted proof ends with 1" "$code" 1
	check_has "and says so" "$(cat "$work/ended.said")" interrupted
	check "nothing of it is left" "$(left ended)" ""
}

# All at once: most of the time they wait for servers to start.
make_thief
prove proof --seed 7 --minutes 0.2 --records 3000
proof=$pid
prove robbed --seed 4 --minutes 0.1 --records 1500 --bin "$work/bin"
robbed=$pid
prove ended
test_interrupt "$pid"
test_proof "$proof"
test_failure "$robbed"
scenario_end
