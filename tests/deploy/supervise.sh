#!/usr/bin/env bash
# supervise.sh - a daemon that dies comes back, one that is told to stop does.
. "$(dirname "$0")/lib.sh"

mkdir "$work/log" "$work/run"
choose_user "$work"
supervisor=''

clean_more() {
	[ -z "$supervisor" ] || kill -KILL "$supervisor" 2>/dev/null
}

# A daemon for each behaviour; "$work/tick" counts its starts.
cat >"$work/daemon" <<'END'
#!/usr/bin/env bash
echo "start $$" >>"$2/tick"
echo "behaves: $1"
[ -z "${TOKEN:-}" ] || echo "knows: $TOKEN, $HOME"
case $1 in
crash) exit 3 ;;
misconfigured) [ -e "$2/mended" ] || exit 78 ;;
deaf) trap '' TERM ;;
loud) head -c 11000000 /dev/zero | tr '\0' '\n' ;;
esac
[ "$1" = deaf ] || trap 'echo goodbye; exit 0' TERM
trap 'echo again' HUP
touch "$2/up"
while :; do
	sleep 1 &
	wait
done
END
chmod 755 "$work/daemon"

begin() { # BEHAVIOUR
	rm -f "$work/tick" "$work/up"
	bash "$TOP/deploy/supervise.sh" "$1" "$work" "$work/daemon" "$1" "$work" \
		</dev/null >/dev/null 2>"$work/err" &
	supervisor=$!
	log=$work/log/$1.log
}

# Sets child: the daemon's id, which is written just after it is started.
find_child() { # BEHAVIOUR
	wait_for 60 test -s "$work/run/$1.child.pid"
	child=$(cut -d' ' -f1 "$work/run/$1.child.pid")
}

gone() { # PID
	! kill -0 "$1" 2>/dev/null
}

starts() {
	wc -l <"$work/tick" 2>/dev/null || echo 0
}

started() { # TIMES
	[ "$(starts)" -ge "$1" ]
}

printf '# tokens\nTOKEN=a b=c "d"\nHOME=/elsewhere\n2X=1\nrm -rf x=y\nTOKEN=2' \
	>"$work/environment"
begin crash
check_true "a daemon that dies is started again" wait_for 120 started 3
check_true "it knows what stands in the file environment, HOME is its own" \
	has "$log" "knows: a b=c \"d\", $HOME"
rm "$work/environment"
check_true "the pauses grow" has "$log" 'code 3: again in 2 s'
kill "$supervisor"
check_true "the supervisor ends while it pauses" wait_for 60 gone "$supervisor"

begin misconfigured
check_true "bad settings are said to need a human" \
	wait_for 60 has "$log" 'at once on HUP'
check "and are not tried again quickly" "$(starts)" 1
touch "$work/mended"
kill -HUP "$supervisor"
check_true "but at once on HUP" wait_for 50 test -e "$work/up"
find_child misconfigured
kill -HUP "$supervisor"
check_true "HUP is passed on" wait_for 60 has "$log" again
kill "$supervisor"
check_true "TERM ends the supervisor" wait_for 60 gone "$supervisor"
check_true "after its daemon" gone "$child"
check_true "which had time to say goodbye" wait_for 60 has "$log" goodbye
check_true "no id is left behind" test ! -e "$work/run/misconfigured.child.pid"

begin deaf
check_true "a deaf daemon starts" wait_for 60 test -e "$work/up"
find_child deaf
kill "$supervisor"
check_true "and is killed in the end" wait_for 120 gone "$supervisor"
check_true "so that nothing stays" gone "$child"

begin loud
check_true "a log is turned over" wait_for 120 test -s "$work/log/loud.log.1"
check_true "the daemon goes on" wait_for 120 test -e "$work/up"
check "no byte is lost at the turn" \
	"$(cat "$work"/log/loud.log* | wc -c)" $((11000000 + 14))
find_child loud
kill -KILL "$supervisor"
check_true "a daemon does not outlive its supervisor" wait_for 60 gone "$child"
finish
