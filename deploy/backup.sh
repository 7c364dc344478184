# shellcheck shell=bash
# backup.sh - the verbs backup and restore of run.sh, on servers of this
# machine and in containers: the database in one file of pg_dump's own format.

# A program of PostgreSQL as the superuser, who comes in by the private socket.
as_superuser() { # PROGRAM ARGS...
	local program=$1 bin
	shift
	if [ "$WAY" = docker ]; then
		if other_image postgres; then # the owner is its superuser
			compose exec -T postgres "$program" -U sluice_owner "$@"
		else
			compose exec -T postgres "/usr/lib/postgresql/15/bin/$program" \
				-h /run/postgresql -U postgres "$@"
		fi
		return
	fi
	for bin in /usr/lib/postgresql/*/bin; do :; done
	as_user "$bin/$program" -h "$(cat -- "$VAR/run/sockets")" \
		-p "$(setting "$VAR" database_port)" -U postgres "$@"
}

daemons_stop() {
	if [ "$WAY" = docker ]; then
		compose_says stop producer consumer
	else
		"$ROOT/deploy/daemons.sh" stop "$VAR"
	fi
}

daemons_start() {
	if [ "$WAY" = docker ]; then
		compose_says run --rm --no-deps -T apply &&
			compose_says start producer consumer
	else
		sluice "$VAR" apply >/dev/null &&
			{ [ -e "$VAR/run/no-broker" ] ||
				"$ROOT/deploy/daemons.sh" start "$VAR" "$BIN"; }
	fi
}

backup_site() {
	if [ "$WAY" = docker ]; then
		docker_need
	else
		need_deployed
		choose_user "$VAR"
	fi
}

# Written beside and renamed: a file of that name is whole.
backup() { # FILE
	backup_site
	[ ! -e "$1" ] || die 74 "$1 is there already"
	(umask 077; as_superuser pg_dump -Fc sluice >"$1.part") ||
		{ rm -f -- "$1.part"; die "$EX_SERVER" "nothing was written: pg_dump failed"; }
	mv -- "$1.part" "$1"
	say "$1: $(stat -c %s -- "$1") bytes; keep processed/, pipelines/ and sql/models/ with it"
}

may_replace() {
	local answer
	[ "$YES" = no ] || return 0
	if [ ! -t 0 ] || [ ! -t 1 ]; then
		die "$EX_USAGE" "restore replaces what is loaded: --yes says that this is meant"
	fi
	read -r -p "Replace all that is loaded by the backup? [y/N] " answer
	[ "$answer" = y ] || die "$EX_USAGE" "nothing was done"
}

# Into a database beside, which takes the name when it is whole.
restore() { # FILE
	backup_site
	[ -f "$1" ] || die 74 "no file $1"
	may_replace
	as_superuser psql -Xq -d postgres -c 'set client_min_messages = warning' \
		-c 'drop database if exists sluice_restored' \
		-c 'create database sluice_restored owner sluice_owner'
	as_superuser pg_restore --exit-on-error -d sluice_restored <"$1" || {
		as_superuser psql -Xq -d postgres -c 'drop database sluice_restored'
		die 1 "$1 cannot be restored: what is loaded stays as it is"
	}
	daemons_stop || die "$EX_SERVER" "the daemons do not stop: nothing was replaced"
	as_superuser psql -Xq -d postgres -v ON_ERROR_STOP=1 \
		-c 'drop database sluice with (force)' \
		-c 'alter database sluice_restored rename to sluice' ||
		die "$EX_SERVER" "cannot rename: the backup is in the database sluice_restored"
	daemons_start || die "$EX_SERVER" "restored, but the daemons do not start"
	say "restored; ./run.sh sluice reconcile loads what came after the backup"
}
