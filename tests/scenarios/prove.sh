#!/usr/bin/env bash
# prove.sh - `sluice prove` holds over servers of its own, and does not hold
# when somebody takes from, adds to or changes what was loaded meanwhile.
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-prove-test.XXXXXX")
mkdir "$work/tmp" "$work/bin"
chmod 755 "$work" "$work/bin"
chmod 1777 "$work/tmp"
trap 'rm -rf "$work"' EXIT

# prove ARGS...: below our own folder; its code in $code
prove() {
	code=0
	TMPDIR=$work/tmp "$bin/sluice" --json prove "$@" >"$work/out" \
		2>"$work/said" || code=$?
	cat "$work/said"
}

answer() { # JQ EXPRESSION
	jq -r "$1" "$work/out" 2>&1
}

holds() { # CLAIM JQ EXPRESSION
	check "$1" "$(answer "$2")" true
	[ "$(answer "$2")" = true ] || cat "$work/out"
}

# -- it holds -----------------------------------------------------------------

test_proof() {
	prove --seed 7 --minutes 0.2 --records 3000
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
	check "its folder is gone" "$(ls "$work/tmp")" ""
}

# -- it can fail ----------------------------------------------------------------

# A consumer that, started again, first does what nobody may; once.
make_thief() {
	ln -s "$bin/sluice" "$bin/sluice-producer" "$work/bin/"
	sed "s|@bin@|$bin|; s|@top@|$top|" >"$work/bin/sluice-consumer" <<-'END'
	#!/usr/bin/env bash
	bin=@bin@
	. @top@/tests/support/settings.sh
	file=$(find "$(setting processed_dir)" -name '*.json' | sort | head -n 1)
	psql_at "$(setting database_owner_url)" -v ON_ERROR_STOP=1 -1 -f - <<'SQL' && rm -f "$file"
	create table public.robbed ();
	select 1 / (count(*) > 18)::int from meta.source where completed_at is not null;
	create temp table loaded as
		select distinct on (s.name) d._source, d._offset, s.name
		from raw.proof_delta d join meta.source s on s.source_id = d._source
		where s.completed_at is not null order by s.name, d._offset limit 4;
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
	exec @bin@/sluice-consumer
	END
	chmod 755 "$work/bin/sluice-consumer"
}

test_failure() {
	make_thief
	prove --seed 4 --minutes 0.1 --records 1500 --bin "$work/bin"
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
	check "its folder is kept" "$(answer .kept)" "$(ls -d "$work"/tmp/*)"
	check "its servers are stopped" \
		"$(find "$(answer .kept)/servers/run" -name '*.pid')" ""
	rm -rf "$work"/tmp/*
}

# -- it can be interrupted --------------------------------------------------------

folder_is_there() {
	[ -n "$(ls "$work/tmp")" ]
}

test_interrupt() {
	local pid
	TMPDIR=$work/tmp "$bin/sluice" prove >"$work/out" 2>"$work/said" &
	pid=$!
	until_true folder_is_there
	kill -TERM "$pid"
	code=0
	wait "$pid" || code=$?
	check "an interrupted proof ends with 1" "$code" 1
	check_has "and says so" "$(cat "$work/said")" interrupted
	check "nothing of it is left" "$(ls "$work/tmp")" ""
}

test_proof
test_failure
test_interrupt
scenario_end
