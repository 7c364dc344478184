# shellcheck shell=bash
# progress.sh - one line that tells how far something lasting is, on a terminal;
# nothing elsewhere.

# Runs a command and keeps all it says in SAID. Where it says "[3/20]" or
# "3/20 Test", the line has a bar.
with_progress() { # WHAT COMMAND...
	local what=$1 log drawer code=0
	shift
	if ! [ -t 2 ] || [ "${TERM:-dumb}" = dumb ]; then
		SAID=$("$@" 2>&1)
		return
	fi
	log=$(mktemp)
	draw_progress "$what" "$log" &
	drawer=$!
	"$@" >"$log" 2>&1 || code=$?
	kill "$drawer" 2>/dev/null || true
	wait "$drawer" 2>/dev/null || true
	printf '\r\033[K' >&2
	# shellcheck disable=SC2034 # for the caller
	SAID=$(cat -- "$log")
	rm -f -- "$log"
	return $code
}

# Until it is killed, or who started it is gone.
draw_progress() { # WHAT LOG
	local begun=$SECONDS far
	trap 'exit 0' TERM
	while kill -0 $$ 2>/dev/null; do
		far=$(tail -c 4096 -- "$2" 2>/dev/null | tr '\r' '\n' |
			sed -n 's|^ *\[\{0,1\}\([0-9]\{1,\}\)/\([0-9]\{1,\}\)[] ].*|\1 \2|p' |
			tail -n 1)
		progress_line "$1" "$((SECONDS - begun))" "$far" >&2
		sleep 0.5
	done
}

progress_line() { # WHAT SECONDS "DONE ALL"
	local bar='' full width=24 columns
	if [ -n "$3" ] && [ "${3#* }" -gt 0 ]; then
		full=$((${3% *} * width / ${3#* }))
		printf -v bar '%*s>' "$full" ''
		printf -v bar ' [%-*.*s] %3d %%' $width $width "${bar// /=}" \
			$((${3% *} * 100 / ${3#* }))
	fi
	columns=$(tput cols 2>/dev/null || echo 80)
	printf '\r\033[K%.*s' "$((columns - 1))" "$1$bar  $2 s"
}
