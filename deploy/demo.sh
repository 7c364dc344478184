# shellcheck shell=bash
# shellcheck disable=SC2034 # BROKER and others are read elsewhere
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
	demo_play
}

docker_demo_api() {
	BROKER=yes SKIP_TESTS=yes
	[ "$UNASKED" = no ] || images_or_native
	if [ "$WAY" = native ]; then
		verb_demo_api
		return
	fi
	docker_start
	say "images: what plays the APIs"
	build_image tester # by name: it is found when all goes
	build_image demo
	demo_play
}

demo_play() {
	demo_alone
	trap demo_end EXIT
	"demo_begin_$WAY"
	say $'\n'"\$ ./run.sh sluice api run NAME"
	demo_poll
	say $'\n'"and once more:"
	demo_poll
	demo_show
}

# Not into somebody's own data.
demo_alone() {
	[ -e "$VAR/demo-data" ] || [ "$(demo_sources)" = 0 ] ||
		die "$EX_CONFIG" "github or crm hold data of yours here: try the demonstration in another clone"
	: | write_file 0644 "$VAR/demo-data"
}

# -- the server --------------------------------------------------------------------

demo_begin_native() {
	demo_server
	demo_environment "$VAR/run/demo.key" "$VAR/run/demo.key"
	"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN" >/dev/null
	wait_for 120 test -S "$VAR/state/producer.db.control" ||
		die $EX_SERVER "the producer does not listen: see $VAR/log/producer.log"
}

# As the caller, who can read the clone.
demo_server() {
	pid_stop "$VAR/run/demo.pid" TERM 5 KILL 5 # of one that was killed
	rm -f -- "$VAR/run/demo.ports"
	(
		AS_USER=()
		launch "$VAR/run/demo.pid" "$VAR/log/demo.log" \
			"$RELEASE/bin/api_server" --port-file "$VAR/run/demo.ports" \
			--rules "$ROOT/deploy/demo.rules" "$ROOT/tests/data/api"
	)
	wait_for 120 test -s "$VAR/run/demo.ports" ||
		die $EX_SERVER "the server does not start: see $VAR/log/demo.log"
	DEMO_URL=http://127.0.0.1:$(sed -n 's/^http //p' "$VAR/run/demo.ports")
	demo_says_where
}

demo_says_where() {
	say "an HTTP server on loopback plays GitHub and a CRM: $DEMO_URL"
}

# The server shares the producer's loopback, so it comes after it.
demo_begin_docker() {
	DEMO_URL=http://127.0.0.1:9480
	remove_service demo # of one that was killed
	demo_environment "$VAR/notify/demo.key" /etc/sluice/notify/demo.key
	{ demo_producer_anew && compose_says up -d --no-deps demo &&
		all_healthy demo; } ||
		die "$EX_SERVER" "the server of the demonstration does not start, see above"
	demo_says_where
	wait_for 120 in_cli test -S /var/lib/sluice/producer.db.control </dev/null ||
		die $EX_SERVER "the producer does not listen: ./run.sh logs"
}

# With the environment as it is now.
demo_producer_anew() {
	docker_settings
	compose_says up -d --no-deps producer && all_healthy producer
}

# The first of equal names counts.
demo_environment() { # KEY FILE, ITS NAME FOR THE PRODUCER
	local file=$VAR/environment
	demo_forget
	printf key-of-the-demonstration | write_file 0600 "$1"
	[ ! -e "$file" ] || as_user mv -- "$file" "$file.before-demo"
	{
		cat <<-END
		# While ./run.sh demo-api runs.
		GITHUB_API=$DEMO_URL
		GITHUB_REPO=quietforge/lantern
		GITHUB_TOKEN=token-of-the-demonstration
		GITHUB_EVERY=never
		CRM_API=$DEMO_URL
		CRM_KEY_FILE=$2
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
		site_sluice api state reset "$endpoint" >/dev/null 2>&1 || true
	done
	"demo_end_$WAY" || true
}

demo_end_native() {
	pid_stop "$VAR/run/demo.pid" TERM 5 KILL 5 || true
	demo_forget
	rm -f -- "$VAR/run"/demo.*
	[ ! -e "$VAR/run/producer.pid" ] ||
		"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN" >/dev/null
}

demo_end_docker() {
	remove_service demo
	demo_forget
	rm -f -- "$VAR/notify/demo.key"
	demo_producer_anew
}

# -- asking, showing -----------------------------------------------------------------

demo_sources() {
	site_ask "select count(*) from meta.source where completed_at is not null
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
		said=$(site_sluice api run "$endpoint") ||
			die 1 "$endpoint: ./run.sh logs say why"
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
	site_sluice api list
	for model in "${DEMO_MODELS[@]}"; do
		say $'\n'"modelled.$model:"
		site_psql -X -c "table modelled.$model order by 1, 2"
	done
	say "Each answer is kept below $OBJECTS, with what was asked and what came." \
		"The rows stay; the endpoints lead to the real addresses again, when told" \
		"(README, HTTP APIs). ./run.sh destroy-rabbitmq ends it all."
}
