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
mkdir "$work/raw/nobody"
cp "$sample" "$work/raw/nobody/lost.json"
[ -z "$run_as" ] || chown -hR "$run_as:$run_group" "$work/raw"
producer_start
consumer_start
want=2
[ "$(id -u)" != 0 ] || [ -n "$run_as" ] || want=3 # root reads everything
eventually "real files load, in subfolders and under hostile names" \
	"$complete_sources" "$want"
drop "$sample" events after.json
eventually "the watcher goes on" "$complete_sources" $((want + 1))
for left in link.json pipe.json .hidden.json growing.json.part backup.json~ other.csv; do
	check "$left is left alone" "$([ -e "$folder/$left" ] && echo there)" there
done
log=$(cat "$work/producer.log")
check_has "the symlink is named in the log" "$log" link.json
check_has "the FIFO is named in the log" "$log" pipe.json
check_has "the folder without a dataset is named" "$log" nobody
check "no escape byte reached the log" "$(grep -c $'\e' "$work/producer.log")" 0
check "each complaint came once" "$(grep -c 'link\.json' "$work/producer.log")" 1
check "hostile names are escaped in the database" "$(q "select count(*)
	from meta.source where name ~ '[[:cntrl:]]'")" 0
check_invariants
scenario_end
