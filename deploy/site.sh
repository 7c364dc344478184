# shellcheck shell=bash
# site.sh - what is deployed here, asked in the same words whether it runs on this
# machine's own servers or in containers: WAY says which.

site_sluice() { # ARGS...
	if [ "$WAY" = docker ]; then
		in_cli sluice "$@" </dev/null
	else
		sluice "$VAR" "$@"
	fi
}

site_psql() { # ARGS...
	if [ "$WAY" = docker ]; then
		in_cli sluice-psql "$@" </dev/null
	else
		psql_reader "$VAR" "$@"
	fi
}

site_ask() { # SQL
	site_psql -XqAt -c "$1"
}

# -- what a deployment shows in the end ------------------------------------------

# More rows than these are only counted.
SHOWN_ROWS=50

site_show() {
	local rows
	rows=$(site_ask 'select count(*) from modelled.fact_events') ||
		die "$EX_SERVER" "modelled.fact_events cannot be read"
	if [ "$rows" -le "$SHOWN_ROWS" ]; then
		say "modelled.fact_events:"
		site_psql -X -c 'table modelled.fact_events order by 1, 2, 3'
	else
		say "modelled.fact_events, the latest $SHOWN_ROWS of $rows rows" \
			"(all: ./run.sh psql -c 'table modelled.fact_events'):"
		site_psql -X -c "table modelled.fact_events order by 1 desc, 2, 3
			limit $SHOWN_ROWS"
	fi
	say_how
}

# What to do now.
say_how() {
	if [ "$BROKER" = yes ]; then
		say "Drop JSON files into $ROOT/raw_data/events/ and look:" \
			"./run.sh status, console, serve, psql, logs; ./run.sh destroy-rabbitmq ends it."
	else
		say "Put JSON files into $ROOT/raw_data/events/, load them with ./run.sh console" \
			"(or ./run.sh sluice load events) and look: ./run.sh status, psql;" \
			"./run.sh destroy ends it."
	fi
}
