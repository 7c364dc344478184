#!/usr/bin/env bash
# api_crash.sh - the producer dies at system calls in the middle of polling: no
# page is lost, none is loaded twice, and an answer that was kept is not asked
# for again. Answers wait side by side to be written: some of those behind a
# gap are kept already.
. "$(dirname "$0")/../crash/lib.sh"
. "$top/tests/support/api.sh"

scenario_undo() {
	kill_daemon "$dying" KILL
	api_stop
}

held=0  # records the server has
deaths=0

# All that the server has is in the delta.
all_there() {
	ask 'select count(*) >= '"$held"' from raw.crash_items_delta;'
	[ "$answer" = t ]
}

# Answers in the store that hold anything: what is replaced has another inode.
kept() {
	find "$work/object_store" -name '[!.]*.json' -size +8c -printf '%i %p\n' | sort
}

# One death while forty pages of ten are fetched, then a clean end.
die_at() { # SPEC N
	api_tell POST 'grow?by=400' >/dev/null
	held=$((held + 400))
	start_dying sluice-producer "$1" "$2"
	until_gone_or all_there || true
	! end_dying || deaths=$((deaths + 1))
	kept >"$work/kept"
	producer_start
	until_true all_there || bad="$bad not all there"
	producer_stop
	[ -z "$(kept | comm -23 "$work/kept" -)" ] || bad="$bad kept twice"
	ask 'select count(*) || $$ $$ || count(distinct id) || $$ $$ || max(id)
		from raw.crash_items_delta;'
	[ "$answer" = "$held $held $held" ] || bad="$bad count: $answer of $held"
	check "death at $1 number $2: each page once" "$bad" ""
}

crash_begin api_crash
api_start "$work/api"
cat >"$work/pipelines/crash.yaml" <<EOF
pipeline: crash
datasets:
  items:
    source:
      api:
        url: $api_url
        path: /gen/link
        query: { total: 0, per_page: 10, after_id: "{cursor}" }
        every: 1 s
        pages: { by: link }
        cursor: { field: /id, type: integer }
        retry: { first: 50 ms, most: 200 ms }
    table: raw.crash_items
    key: [id]
    columns:
      - { name: id, type: integer }
      - { name: updated_at, type: timestamptz }
EOF
"$bin/sluice" apply >"$work/apply2.log" 2>&1 || cat "$work/apply2.log"
[ -z "$run_as" ] || chown -R "$run_as:$run_group" "$work"
consumer_start
for spec in ${SLUICE_API_DEATHS:-fsync:9 fsync:30 fsync:74 fsync:150 fdatasync:22 \
	fdatasync:26 rename,renameat,renameat2:8 rename,renameat,renameat2:61 \
	pwrite64:150 sendto:19 sendto:35 unlink,unlinkat:40}; do
	die_at "${spec%:*}" "${spec##*:}"
done
check "it died" "$([ "$deaths" -ge 4 ] && echo yes)" yes
note "$deaths deaths"
eventually "every source is complete" \
	"select count(*) from meta.source where completed_at is null" 0
check "answers that were kept are not asked for again" "$(
	grep -c event=adopted "$work/producer.log" | sed 's/^[1-9].*/some/')" some
objects() {
	kept | sed 's/.*-\(.\{36\}\)\.json$/\1/' | sort
}
check "each answer that is kept is a source, and none is missing" \
	"$(objects | diff - <(q 'select drop_id from meta.source order by 1') || true)" ""
check "nothing that was claimed is nobody's" \
	"$(grep -c event=claimed_by_nobody "$work/producer.log" || true)" 0
check_invariants
scenario_end
