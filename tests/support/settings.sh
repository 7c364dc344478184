# settings.sh - what tests and bench ask the deployed settings for.
# shellcheck shell=bash disable=SC2154

# setting NAME: a value of `sluice config show --json --show-secrets`
setting() {
	"$bin/sluice" --json config show --show-secrets |
		sed -n "s/^[[:space:]]*\"$1\":[[:space:]]*\"\(.*\)\",\{0,1\}\$/\1/p" |
		head -n 1
}

# psql_at URL ARGS...: psql there, its password in the environment and not
# among the words that every user of the machine can see
psql_at() {
	local rest=${1#*://} user
	user=${rest%%:*}
	rest=${rest#*:}
	shift
	PGPASSWORD=${rest%%@*} psql -qXAt "postgresql://$user@${rest#*@}" "$@"
}
