#!/usr/bin/env bash
# notify.sh - people are told: webhooks and mails arrive at real ends of them,
# with what happened; ends that are down, slow or unwilling hold up no load, and
# nothing that was to be told is lost.
. "$(dirname "$0")/lib.sh"

scenario_undo() {
	kill_daemon "${sinks_pid:-}" KILL
}

write_pipeline() {
	rm "$work"/pipelines/*.yaml
	cat >"$work/pipelines/shop.yaml" <<-'END'
	pipeline: shop
	datasets:
	  sales:
	    source: { directory: sales }
	    table: raw.sales
	    key: [id]
	    columns:
	      - { name: id, type: integer }
	      - { name: amount, type: integer }
	models: [shares]
	tests:
	  - { table: raw.sales, test: expression, expression: amount >= 0, name: not_negative }
	END
	sed 's/shop/other/; s/sales/others/g; /^models/,$d' \
		"$work/pipelines/shop.yaml" >"$work/pipelines/other.yaml"
	mkdir -p "$work/models/shop"
	printf '%s\n' '-- materialized: incremental' '-- depends: raw.sales' \
		'-- grain: id' '-- rows: sales' \
		'select id, count(*) as sales, sum(100 / amount)::bigint as share' \
		'from raw.sales group by 1;' >"$work/models/shop/shares.sql"
	export SLUICE_MODELS_DIR=$work/models
	"$bin/sluice" apply >"$work/apply2.log" 2>&1 || { cat "$work/apply2.log"; exit 1; }
}

start_sinks() {
	mkdir "$work/sinks"
	bash "$top/tests/support/api_certs.sh" "$work/certs" >"$work/certs.log" 2>&1
	python3 "$top/tests/support/sinks.py" "$work/sinks" "$work/certs/good.crt" \
		"$work/certs/good.key" 2>"$work/sinks.log" &
	sinks_pid=$!
	until_true test -s "$work/sinks/ports"
	cp "$work/certs/ca.crt" "$work/ca.crt"
}

port() {
	sed -n "s/^$1 //p" "$work/sinks/ports"
}

# Secrets are words that must not be seen anywhere.
write_settings() {
	mkdir "$work/secrets"
	printf 'tokensecret\n' >"$work/secrets/token"
	printf 'https://localhost:%s/pathsecret\n' "$(port https)" >"$work/secrets/chat"
	printf 'pass word\n' >"$work/secrets/mail"
	printf 'wrongsecret\n' >"$work/secrets/wrong"
	chmod 600 "$work"/secrets/*
	cat "$servers/sluice.yaml" - >"$work/sluice.yaml" <<-END
	notify:
	  hook:
	    webhook: http://127.0.0.1:$(port http)/hook?q=querysecret
	    token_file: secrets/token
	    events: [load, model, test, rejects]
	    pipelines: [shop]
	  chat: { webhook_file: secrets/chat, form: slack, cacert: ca.crt, events: [test] }
	  implicit:
	    smtp: smtps://localhost:$(port smtps)
	    from: sluice@example.org
	    to: [a@example.org, b@example.org]
	    user: mailer
	    password_file: secrets/mail
	    cacert: ca.crt
	    events: [model]
	  starttls:
	    smtp: smtp://localhost:$(port starttls)
	    from: sluice@example.org
	    to: [c@example.org]
	    user: mailer
	    password_file: secrets/mail
	    cacert: ca.crt
	    events: [test]
	  clear: { smtp: "smtp://127.0.0.1:$(port smtp)", tls: none, from: s@example.org, to: [d@example.org], events: [rejects] }
	  other: { webhook: "http://127.0.0.1:$(port http)/other", pipelines: [other], events: [load, test] }
	  down: { webhook: "http://127.0.0.1:1/pathsecret", pipelines: [other], events: [load] }
	  untrusted: { webhook: "https://localhost:$(port https)/", pipelines: [other], events: [test] }
	  stranger: { smtp: "smtps://localhost:$(port smtps)", from: s@example.org, to: [d@example.org], user: mailer, password_file: secrets/wrong, cacert: ca.crt, pipelines: [other], events: [test] }
	  insecure: { smtp: "smtp://127.0.0.1:$(port smtp)", from: s@example.org, to: [d@example.org], pipelines: [other], events: [test] }
	END
	chmod 600 "$work/sluice.yaml"
	[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work/sluice.yaml" \
		"$work/secrets" "$work/ca.crt" "$work/models" "$work/pipelines"
	export SLUICE_CONFIG=$work/sluice.yaml
}

mode() {
	printf '%s\n' "$1" >"$work/sinks/mode.part"
	mv "$work/sinks/mode.part" "$work/sinks/mode"
}

# got FILE JQ: of what a sink got, one a line
got() {
	jq -rc "$2" "$work/sinks/$1.jsonl" 2>/dev/null || true
}

# told CLAIM FILE JQ WANT: until a sink has got just that, or the deadline
told() {
	local end=$((SECONDS + deadline_secs)) seen=''
	while [ "$SECONDS" -lt "$end" ]; do
		seen=$(got "$2" "$3")
		[ "$seen" = "$4" ] && break
		sleep 0.1
	done
	check "$1" "$seen" "$4"
	[ "$seen" = "$4" ] || note "$(q 'select target, event, state, attempts, error
		from meta.notification order by notification_id')"
}

# probe TARGET: what `sluice notify test` says, and its exit code
probe() {
	local code=0 said
	said=$(as_daemon "$bin/sluice" notify test "$1" 2>&1) || code=$?
	printf '%s %s\n' "$code" "$said"
}

sales() { # NAME RECORDS...
	local file=$work/$1.json
	shift
	printf '%s\n' "$@" >"$file"
	drop "$file" sales
}

forget() {
	rm -f "$work"/sinks/*.jsonl
}

scenario_begin notify
write_pipeline
start_sinks
write_settings

for target in hook chat implicit starttls clear; do
	check "a test notification arrives: $target" "$(probe $target)" "0 $target took it"
done
check "as JSON, with the token" "$(got http 'select(.path | startswith("/hook"))
	| [.path, .authorization, .type, .body.event, .body.key == .key]')" \
	'["/hook?q=querysecret","Bearer tokensecret","application/json","probe",true]'
check "in Slack's form" "$(got http 'select(.path == "/pathsecret") | .body | keys')" \
	'["text"]'
check "as mails, encrypted where it matters" "$(got smtp '[.tls, .from, .to]')" \
	'["smtps","sluice@example.org",["a@example.org","b@example.org"]]
["starttls","sluice@example.org",["c@example.org"]]
["","s@example.org",["d@example.org"]]'
for target in down untrusted stranger insecure; do
	probe=$(probe $target)
	case $target in
	untrusted) code=78 ;;
	*) code=69 ;;
	esac
	check "one that does not is told: $target" "${probe%% *}" $code
	check "without the address: $target" "$(grep -c secret <<<"$probe")" 0
done
check "no such target: usage" "$(probe nobody | cut -c1-2)" 64
sed 's/^notify:/notify:\n  bad: { webhook: ftp:x }/' "$work/sluice.yaml" >"$work/bad.yaml"
check_has "a target that cannot be is refused, with its place" \
	"$("$bin/sluice" --config "$work/bad.yaml" notify 2>&1 || true)" "bad.yaml:"
forget

export SLUICE_NOTIFY_EVERY_SECS=0 SLUICE_REJECT_BURST=3
export SLUICE_DATA_TESTS_EVERY_SECS=1s
producer_start
consumer_start
sales one '{"id": 1, "amount": 5}' '{"id": 2, "amount": 20}' '{"id": 1, "amount": 10}'
told "a load is told, with what it did" http '[.path[0:5], .body.event, .body.pipeline,
	.body.sources, .body.records, .body.inserted + .body.updated, .body.unchanged,
	.body.rejected, .body.text[0:36]]' \
	'["/hook","load","shop",1,3,2,1,0,"shop: 1 source loaded, 3 records\n2 i"]'
forget

sales two '{"id": 3, "amount": -5}'
told "a data test that fails now is told to a chat" http 'select(.path == "/pathsecret")
	| .body.text | split("\n")[0:2]' '["shop: 1 data test failed","- not_negative: 1 failing"]'
told "and by mail" smtp '[.to[0], .headers.Subject, (.text | split("\n")[1]),
	(.headers["Message-ID"] | test("^<[0-9a-f-]{36}@example.org>$")), .headers["Auto-Submitted"]]' \
	'["c@example.org","[sluice] shop: 1 data test failed","- not_negative: 1 failing",true,"auto-generated"]'
forget

sales three '{"id": 4, "amount": 0}'
told "a model that failed is told" smtp '[.to, .headers.Subject,
	(.text | test("shop.shares: .*shares.sql:5: .*division by zero"))]' \
	'[["a@example.org","b@example.org"],"[sluice] shop: 1 model failed",true]'
forget

sales four '{"id": "x"}' '{"id": "y"}' '{"id": "z"}' '{"id": 5, "amount": 1}'
told "many rejects are told" smtp '[.to[0], .headers.Subject]' \
	'["d@example.org","[sluice] shop: 3 records rejected in a short time"]'
eventually "all is told" "select count(*) from meta.notification where state = 'queued'" 0
forget

# ends that do not take it
for how in 500 slow; do
	mode $how
	q "delete from meta.notification" >/dev/null
	sales "a$how" "{\"id\": 10, \"amount\": 1}"
	eventually "one is tried: $how" "select count(*) from meta.notification
		where target = 'hook' and event = 'load' and attempts > 0" 1
	sales "b$how" "{\"id\": 11, \"amount\": ${#how}}"
	sales "c$how" "{\"id\": 12, \"amount\": ${#how}}"
	eventually "loads go on meanwhile: $how" "select count(*) from meta.source
		where name ~ '$how' and completed_at is not null" 3
	eventually "what they did waits together: $how" "select attempts || ' ' || sources
		from meta.notification where target = 'hook' and event = 'load'
		and state = 'queued' order by attempts limit 1" "0 2"
	if [ $how = 500 ]; then
		eventually "the answer is kept" "select max(error) from meta.notification
			where state = 'queued'" "the webhook answers 500"
		check_has "and shown" "$(as_daemon "$bin/sluice" status || true)" \
			"hook does not take them: 2 wait, tried"
		consumer_stop KILL
	else
		consumer_stop
		check "it does not keep the consumer from ending" \
			"$(grep -c 'event=stopped_hard' "$work/consumer.log" || true)" 0
	fi
	mode ok
	key=$(got http .key | sort -u)
	check_has "nothing is lost by the end of the consumer: $how" \
		"$(as_daemon "$bin/sluice" notify send)" "2 sent, 0 not"
	check "it was one notification, tried again: $how" \
		"$(got http 'select(.mode == "ok") | .key' | head -n 1)" "$key"
	check "and one of the two after it: $how" "$(got http 'select(.mode == "ok")
		| .body.sources')" "$(printf '1\n2')"
	forget
	consumer_start
done

mode deaf
sales deaf '{"id": 13, "amount": 1}'
eventually "an answer that is cut off" "select count(*) from meta.notification
	where event = 'load' and state = 'queued' and error is not null" 1
mode ok
eventually "is no answer: it is sent again" "select count(*) from meta.notification
	where state = 'queued'" 0
check "under the same key, by which it is known" "$(got http .key | sort -u | wc -l)" 1

# one that refuses what it gets
mode 400
export SLUICE_NOTIFY_GIVE_UP_SECS=1
consumer_stop
consumer_start
sales refused '{"id": 14, "amount": 1}'
eventually "what is never taken is given up, and said" "select count(*)
	from meta.notification where state = 'given_up' and error = 'the webhook answers 400'" 1
check "in the log" "$(until_true grep -q 'level=error event=notification_given_up target=hook' \
	"$work/consumer.log" && echo yes)" yes
mode ok
forget
consumer_stop

# without daemons
printf '{"id": 15, "amount": 1}\n{"id": 16, "amount": 1}\n' >"$work/direct.json"
(as_daemon "$bin/sluice" load --file "$work/direct.json" --dataset others) >"$work/load.log" 2>&1
check "a load without daemons tells as well, and only whom it may concern" \
	"$(got http '[.path, .body.records]')" '["/other",2]'
eventually "what has no end there waits" "select state || ' ' || (error like '%does not answer%')
	from meta.notification where target = 'down'" "queued true"

# Two take news at once: the first holds the load that brought the records, the
# second sees the one that completed the source.
forget
coproc first { psql_at "$owner_url"; }
printf '%s\n' "begin; select pg_advisory_xact_lock(hashtext('sluice news'));
	insert into meta.news (kind, pipeline, sources, records) values ('load', 'shop', 0, 3);
	select 'taken';" >&"${first[1]}"
until read -r line <&"${first[0]}" && [ "$line" = taken ]; do :; done
q "insert into meta.news (kind, pipeline, sources, records)
	values ('load', 'shop', 1, 0)" >/dev/null
as_daemon "$bin/sluice" notify send >"$work/send.log" 2>&1 &
sends=$!
eventually "who comes second waits for the first" "select count(*) from pg_locks
	where locktype = 'advisory' and not granted" 1
printf 'commit; \\q\n' >&"${first[1]}"
wait "$sends" || true # another target is down
check "and a source is told with its records" \
	"$(got http '[.path[0:5], .body.sources, .body.records]')" '["/hook",1,3]'

printf '{"id": 4, "amount": 1}\n' >"$work/mended.json"
(as_daemon "$bin/sluice" load --file "$work/mended.json" --dataset sales) >>"$work/load.log" 2>&1
"$bin/sluice" models run >>"$work/load.log" 2>&1

check "no secret is in a log" "$(cat "$work"/*.log | grep -cE 'secret|pass word' || true)" 0
check "nor in the database" "$(q "select count(*) from meta.notification n
	where n::text ~ 'secret|pass word'")" 0
check_invariants
scenario_end
