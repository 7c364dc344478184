# shellcheck shell=bash
# lib.sh - what the scripts of deploy/ share: messages, the unprivileged user,
# processes that are remembered by id, free ports, waiting.

umask 022
export LC_ALL=C.UTF-8

# The programs' exit codes, see common/err.h.
EX_USAGE=64 EX_SERVER=69 EX_CONFIG=78

say() {
	printf '%s\n' "$*"
}

warn() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() { # CODE TEXT
	local code=$1
	shift
	warn "$@"
	exit "$code"
}

# Control bytes in a path would have to be escaped in six different files.
check_path() {
	case $1 in
	*[[:cntrl:]]*) die $EX_USAGE "a path must not hold control bytes" ;;
	esac
}

# A name of 8 hexadecimal digits for a folder.
path_hash() {
	local sum
	sum=$(printf '%s' "$1" | sha256sum)
	printf '%s\n' "${sum:0:8}"
}

# -- who runs the servers and daemons ----------------------------------
# The caller, unless that is root: then the system user `sluice`, or whoever
# owns the folder already (root looking after somebody's deployment).

SERVICE_USER=sluice

ensure_service_user() {
	id -u "$SERVICE_USER" >/dev/null 2>&1 && return
	useradd --system --user-group --no-create-home \
		--home-dir /nonexistent --shell /usr/sbin/nologin \
		--comment "Sluice" "$SERVICE_USER" ||
		die $EX_SERVER "cannot make the system user $SERVICE_USER"
}

# Sets RUN_USER and the command prefix AS_USER (empty for the caller).
choose_user() { # FOLDER
	local owner
	AS_USER=()
	RUN_USER=$(id -un 2>/dev/null || id -u)
	owner=$(stat -L -c %u -- "$1" 2>/dev/null || id -u)
	if [ "$(id -u)" != 0 ]; then
		[ "$owner" = "$(id -u)" ] ||
			die $EX_CONFIG "$1 belongs to user id $owner: call this as that user, or as root"
		return
	fi
	if [ "$owner" = 0 ]; then
		ensure_service_user
		RUN_USER=$SERVICE_USER
	else
		RUN_USER=$(id -un "$owner")
	fi
	AS_USER=(setpriv "--reuid=$RUN_USER" "--regid=$(id -g "$RUN_USER")"
		--init-groups --inh-caps=-all)
}

as_user() {
	"${AS_USER[@]}" "$@"
}

# True when the service user gets to this folder and may read in it.
user_reaches() { # FOLDER
	as_user test -x "$1" -a -r "$1"
}

# A folder of the user who runs things. Root only makes what has a parent of
# root's; below, that user makes it, so that root follows no planted link.
make_folder() { # MODE FOLDER
	if [ ! -d "$2" ] && ! as_user mkdir -p -- "$2" 2>/dev/null; then
		mkdir -p -- "$2" || die $EX_CONFIG "cannot make $2"
	fi
	if [ "$(id -u)" = 0 ] && [ "$(stat -L -c %u -- "$2")" = 0 ]; then
		chown -- "$RUN_USER:" "$2"
	fi
	as_user chmod "$1" -- "$2" 2>/dev/null ||
		{ rmdir -- "$2" 2>/dev/null; die $EX_CONFIG "user $RUN_USER cannot reach $2: choose a folder outside private homes"; }
}

# Puts standard input into a file at once: readers see the old or the new one.
write_file() { # MODE FILE
	# shellcheck disable=SC2016 # for the inner shell
	as_user bash -c 'draft=$(mktemp -- "$1.XXXXXX") || exit 1
		cat >"$draft" && chmod "$0" -- "$draft" && mv -f -- "$draft" "$1" ||
			{ rm -f -- "$draft"; exit 1; }' "$1" "$2" ||
		die $EX_SERVER "cannot write $2: is its disk full?"
}

# -- what pipelines want to know -----------------------------------------
# Tokens and addresses that pipeline files name as ${NAME} stand in a
# deployment's file `environment`, a line NAME=VALUE each.

# Exports them; what is set already stays.
load_environment() { # FILE
	local line name
	[ -r "$1" ] || return 0
	while IFS= read -r line || [ -n "$line" ]; do
		name=${line%%=*}
		case $name in
		"$line" | '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;;
		esac
		[ -n "${!name+set}" ] || export "${line?}"
	done <"$1"
}

# -- processes -----------------------------------------------------------
# A pid file holds "PID START BOOT": the id, its start time in clock ticks and
# the boot it belongs to. After a power cut, or when the number was given to
# another process, it no longer matches and nothing is signalled.

process_start() { # PID
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) } # the name before it may hold anything
	# shellcheck disable=SC2086 # split into fields on purpose
	set -- $stat
	[ "$1" != Z ] || return 1
	printf '%s\n' "${20}"
}

boot_id() {
	cat /proc/sys/kernel/random/boot_id
}

pid_write() { # FILE PID
	local start
	start=$(process_start "$2") || return 1
	printf '%s %s %s\n' "$2" "$start" "$(boot_id)" | write_file 0644 "$1"
}

# Sets PID; true when that very process still runs.
pid_alive() { # FILE
	local start boot
	PID=
	read -r PID start boot 2>/dev/null <"$1" || return 1
	[ "$boot" = "$(boot_id)" ] || return 1
	[ "$start" = "$(process_start "$PID")" ]
}

# Signals in turn, each with its patience in seconds: TERM 30 KILL 5.
pid_stop() { # FILE SIGNAL SECONDS [SIGNAL SECONDS]...
	local file=$1
	shift
	while pid_alive "$file" && [ $# -ge 2 ]; do
		kill "-$1" "$PID" 2>/dev/null || true
		wait_for "$2" pid_gone "$file" || true
		shift 2
	done
	if pid_alive "$file"; then
		warn "process $PID does not end"
		return 1
	fi
	rm -f -- "$file"
}

pid_gone() {
	! pid_alive "$1"
}

# Starts a command in a session of its own, as the user who runs things, and
# remembers it. Descriptor 9 is the caller's lock, not the child's.
launch() { # PIDFILE LOG COMMAND...
	local file=$1 log=$2
	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	(exec setsid "${AS_USER[@]}" bash -c 'exec "$@" >>"$0" 2>&1' "$log" "$@") \
		</dev/null >/dev/null 2>&1 9>&- &
	pid_write "$file" $! || return 1
}

# Asks again and again, ten times a second, until the command is true.
wait_for() { # SECONDS COMMAND...
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

# -- ports ---------------------------------------------------------------

# True when anything listens on the port (state 0A), on any address.
port_taken() { # PORT
	local hex
	printf -v hex ':%04X 0*:0000 0A ' "$1"
	grep -qs -- "$hex" /proc/net/tcp /proc/net/tcp6
}

# A port below the range from which the kernel takes ports for clients.
free_port() { # PORTS THAT ARE SPOKEN FOR...
	local port tries
	for ((tries = 0; tries < 1000; tries++)); do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		case " $* " in *" $port "*) continue ;; esac
		port_taken "$port" && continue
		printf '%s\n' "$port"
		return
	done
	die $EX_SERVER "no free port between 20000 and 32000"
}
