# shellcheck shell=bash
# shellcheck disable=SC2034 # BROKER and AS_USER are read elsewhere
# demo.sh - the verb demo-api of run.sh: the pipelines github and crm from their
# APIs to the models, without the Internet: a server on loopback gives recorded
# answers, asks for credentials and says 304, as the real ones do.
#
# It stands behind the deployment of deploy-rabbitmq, which is started when it
# is not there. For as long as it runs var/environment leads to its server.

DEMO_ENDPOINTS=(github.commits github.issues crm.customers crm.purchases)
DEMO_MODELS=(agg_commits_issues_by_month agg_commits_issues_by_user
	cost_revenue_ratio)

verb_demo_api() {
	"$ROOT/deploy/packages.sh" install build run broker
	say "building release"
	build_preset release sluice sluice-producer sluice-consumer api_server
	place_make
	app_renew
	BROKER=yes
	start_everything
	demo_alone
	trap demo_end EXIT
	demo_server
	demo_environment
	"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN" >/dev/null
	wait_for 120 test -S "$VAR/state/producer.db.control" ||
		die $EX_SERVER "the producer does not listen: see $VAR/log/producer.log"
	say $'\n'"\$ ./run.sh sluice api run NAME"
	demo_poll
	say $'\n'"and once more:"
	demo_poll
	demo_show
}

# Not into somebody's own data.
demo_alone() {
	[ -e "$VAR/run/demo-data" ] || [ "$(demo_sources)" = 0 ] ||
		die "$EX_CONFIG" "github or crm hold data of yours here: try the demonstration in another clone"
	: | write_file 0644 "$VAR/run/demo-data"
}

# -- the server --------------------------------------------------------------------

demo_rules() {
	cat <<-END
	/repos auth=bearer:token-of-the-demonstration rate=5000/3600
	/repositories auth=bearer:token-of-the-demonstration rate=5000/3600
	/crm auth=header:X-AUTH-KEY:key-of-the-demonstration validators=etag
	END
}

# As the caller, who can read the clone.
demo_server() {
	pid_stop "$VAR/run/demo.pid" TERM 5 KILL 5 # of one that was killed
	rm -f -- "$VAR/run/demo.ports"
	demo_rules | write_file 0644 "$VAR/run/demo.rules"
	(
		AS_USER=()
		launch "$VAR/run/demo.pid" "$VAR/log/demo.log" \
			"$RELEASE/bin/api_server" --port-file "$VAR/run/demo.ports" \
			--rules "$VAR/run/demo.rules" "$ROOT/tests/data/api"
	)
	wait_for 120 test -s "$VAR/run/demo.ports" ||
		die $EX_SERVER "the server does not start: see $VAR/log/demo.log"
	DEMO_URL=http://127.0.0.1:$(sed -n 's/^http //p' "$VAR/run/demo.ports")
	say "an HTTP server on loopback plays GitHub and a CRM: $DEMO_URL"
}

# The first of equal names counts.
demo_environment() {
	local file=$VAR/environment
	demo_forget
	printf key-of-the-demonstration | write_file 0600 "$VAR/run/demo.key"
	[ ! -e "$file" ] || as_user mv -- "$file" "$file.before-demo"
	{
		cat <<-END
		# While ./run.sh demo-api runs.
		GITHUB_API=$DEMO_URL
		GITHUB_REPO=quietforge/lantern
		GITHUB_TOKEN=token-of-the-demonstration
		GITHUB_EVERY=never
		CRM_API=$DEMO_URL
		CRM_KEY_FILE=$VAR/run/demo.key
		CRM_EVERY=never
		END
		[ ! -e "$file.before-demo" ] || cat -- "$file.before-demo"
	} | write_file 0600 "$file"
}

# What stood there before, also after a demonstration that was killed.
demo_forget() {
	local file=$VAR/environment
	if grep -qs '^# While ./run.sh demo-api runs' "$file"; then
		as_user rm -f -- "$file"
	fi
	[ ! -e "$file.before-demo" ] ||
		as_user mv -f -- "$file.before-demo" "$file"
}

# The real servers begin at the beginning.
demo_end() {
	local endpoint
	trap - EXIT
	for endpoint in "${DEMO_ENDPOINTS[@]}"; do
		sluice "$VAR" api state reset "$endpoint" >/dev/null 2>&1 || true
	done
	pid_stop "$VAR/run/demo.pid" TERM 5 KILL 5 || true
	demo_forget
	rm -f -- "$VAR/run"/demo.*
	[ ! -e "$VAR/run/producer.pid" ] ||
		"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN" >/dev/null || true
}

# -- asking, showing -----------------------------------------------------------------

demo_sources() {
	ask "$VAR" "select count(*) from meta.source where completed_at is not null
		and (name like 'github/%' or name like 'crm/%')"
}

demo_loaded() { # SOURCES
	[ "$(demo_sources)" -ge "$1" ]
}

# Each page that changed becomes a source.
demo_poll() {
	local endpoint said pages unchanged want
	want=$(demo_sources)
	for endpoint in "${DEMO_ENDPOINTS[@]}"; do
		said=$(sluice "$VAR" api run "$endpoint") ||
			die 1 "$endpoint: see $VAR/log/producer.log and demo.log"
		printf '%-15s %s\n' "$endpoint" "$said"
		pages=${said#*, } pages=${pages%% *}
		unchanged=${said#*\(} unchanged=${unchanged%% *}
		want=$((want + pages - unchanged))
	done
	wait_for 180 demo_loaded "$want" ||
		die $EX_SERVER "not loaded within 60 s: ./run.sh status, ./run.sh logs"
}

demo_show() {
	local model
	say $'\n'"\$ ./run.sh sluice api list"
	sluice "$VAR" api list
	for model in "${DEMO_MODELS[@]}"; do
		say $'\n'"modelled.$model:"
		psql_reader "$VAR" -X -c "table modelled.$model order by 1, 2"
	done
	say "Each answer is kept below $OBJECTS, with what was asked and what came." \
		"The rows stay; the endpoints lead to the real addresses again, when told" \
		"(README, HTTP APIs). ./run.sh destroy-rabbitmq ends it all."
}
