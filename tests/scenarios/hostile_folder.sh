#!/usr/bin/env bash
# hostile_folder.sh - what is no regular, complete, readable file is left
# alone, said once, escaped; what is a file loads, whatever its name.
. "$(dirname "$0")/lib.sh"

scenario_begin hostile_folder
folder=$work/raw/events
sample=$top/tests/data/events_sample.json
mkdir -p "$folder/a_folder.json" "$folder/sub/deeper"
ln -s "$sample" "$folder/link.json"
mkfifo "$folder/pipe.json"
cp "$sample" "$folder/.hidden.json"
cp "$sample" "$folder/growing.json.part"
cp "$sample" "$folder/backup.json~"
cp "$sample" "$folder/other.csv"
cp "$sample" "$folder/sub/deeper/nested.json"
cp "$sample" "$folder"/$'new\nline \e[31m.json'
cp "$sample" "$folder/unreadable.json"
chmod 000 "$folder/unreadable.json"
ln "$folder/.hidden.json" "$folder/twice.json"
truncate -s 200M "$folder/sparse.json"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \
	"$folder/socket.json"
device=''
if mknod "$folder/device.json" c 1 3 2>/dev/null; then device=device.json; fi
mkdir -p "$work/elsewhere"
cp "$sample" "$work/elsewhere/inside.json"
ln -s "$work/elsewhere" "$folder/linked"
deep=$folder/deep$(printf '/%.0sd' {1..20})
mkdir -p "$deep"
cp "$sample" "$deep/deep.json"
long=$(printf 'l%.0s' {1..250}).json
cp "$sample" "$folder/$long"
cp "$sample" "$folder"/$'bad \xff\xc3 utf8.json'
mkdir "$work/raw/nobody"
cp "$sample" "$work/raw/nobody/lost.json"
[ -z "$run_as" ] || chown -hR "$run_as:$run_group" "$work/raw"
producer_start
consumer_start
want=4
[ "$(id -u)" != 0 ] || [ -n "$run_as" ] || want=5 # root reads everything
eventually "real files load, in subfolders and under hostile names" \
	"$complete_sources" "$want"
drop "$sample" events after.json
eventually "the watcher goes on" "$complete_sources" $((want + 1))
for left in link.json pipe.json socket.json $device sparse.json twice.json \
	linked/inside.json .hidden.json growing.json.part backup.json~ other.csv; do
	check "$left is left alone" "$([ -e "$folder/$left" ] && echo there)" there
done
# what was written into the folder is judged when it has settled
until_true grep -q 'nearly all holes' "$work/producer.log" || true
until_true grep -q 'further hard links' "$work/producer.log" || true
log=$(cat "$work/producer.log")
check_has "the symlink is named in the log" "$log" link.json
check_has "the FIFO is named in the log" "$log" pipe.json
check_has "the folder without a dataset is named" "$log" nobody
line() { # FILE: what the log says of it, once
	grep -c "path=[^ ]*$1\"\? .*why=" "$work/producer.log" || true
}
for file in link.json pipe.json socket.json $device sparse.json twice.json linked; do
	check "of $file is said once" "$(line "$file")" 1
done
check "a folder too deep is said once" "$(grep -c 'it is too deep' "$work/producer.log")" 1
check_has "of a hard link it is said what to do" "$log" \
	"it has further hard links: copy or move it instead"
check_has "of a sparse file too" "$log" "nearly all holes: write it out, or compress it"
rm "$folder/.hidden.json"
eventually "a file whose other name is gone loads" "$complete_sources" $((want + 2))
drop "$sample" events .again
mv "$folder/.again" "$folder/$long"
eventually "a name of 255 bytes may come again" "$complete_sources" $((want + 3))
check "no escape byte reached the log" "$(grep -c $'\e' "$work/producer.log")" 0
check "each complaint came once" "$(grep -c 'link\.json' "$work/producer.log")" 1
check "every line of the log is UTF-8" \
	"$(iconv -f UTF-8 -t UTF-8 "$work/producer.log" >/dev/null 2>&1 && echo yes)" yes
check "hostile names are escaped in the database" "$(q "select count(*)
	from meta.source where name ~ '[[:cntrl:]]'")" 0

# -- what shells are offered
# shellcheck disable=SC2016 # a name, as it stands
drop "$sample" events '$(touch pwned)`touch pwned`.json'
eventually "a name that a shell would run is a file's, too" "$complete_sources" $((want + 4))
offered=$("$bin/sluice" generate sources)
check "plain names are offered to shells" "$(grep -cx after.json <<<"$offered")" 1
check "others by their ids" "$(grep -vcE '^[A-Za-z0-9_][A-Za-z0-9._+@%,-]*$' \
	<<<"$offered" || true)" 0
check "each of them" "$(wc -l <<<"$offered")" "$(q "select count(distinct
	case when name ~ '[^/A-Za-z0-9._]' then source_id::text
		else name end) from meta.source")"
check "bash completes one and runs none" "$(cd "$work" && PATH=$bin:$PATH bash -c '
	. "$1/../man/bash"
	COMP_WORDS=(sluice undo aft) COMP_CWORD=2
	_sluice
	printf "%s\n" "${COMPREPLY[@]}"' - "$bin"
	find "$work" -maxdepth 1 -name '*pwned*')" after.json
check_invariants
scenario_end
