# shellcheck shell=bash
# shellcheck disable=SC2034 # BIN and others are read by run.sh
# place.sh - where a clone's deployment lives.
#
# VAR holds servers, state, logs and secrets, RAW the dropped files, OUT the
# reports: var/, raw_data/ and output/ in the clone. When the user who runs the
# servers cannot reach the clone (it lies below somebody's private home and root
# called), these become links into /var/lib/sluice/<hash of the clone's path>.
#
# APP holds what the daemons read: the programs, supervise.sh, pipelines/,
# sql/, the sample. That is the clone itself (programs in build/release), or a
# copy in /var/lib/sluice/<hash>/app, where the user cannot read the clone.

RELEASE=$ROOT/build/release
SAMPLE=tests/data/events_sample.json
ORGS_SAMPLE=tests/data/orgs_sample.json

# Finds what is there; makes nothing.
place_find() {
	VAR=$(realpath -m -- "$ROOT/var")
	RAW=$(realpath -m -- "$ROOT/raw_data")
	OUT=$(realpath -m -- "$ROOT/output")
	OBJECTS=$(dirname -- "$RAW")/object_store # where the default leads
	STORE=/var/lib/sluice/$(path_hash "$ROOT")
	APP=$STORE/app BIN=$STORE/app/bin
	[ -d "$APP" ] || APP=$ROOT BIN=$RELEASE/bin
}

deployed() {
	[ -e "$VAR/run/native" ]
}

NOTHING_HERE="nothing is deployed here: ./run.sh deploy or deploy-rabbitmq"

need_deployed() {
	deployed || die "$EX_SERVER" "$NOTHING_HERE"
}

# On a disk that is all but full nothing is begun: it would stop half-way.
need_room() { # MEGABYTES FOLDER REMEDY
	local folder=$2 free
	while [ ! -e "$folder" ]; do
		folder=$(dirname -- "$folder")
	done
	free=$(df -Pm -- "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }')
	[ "${free:-$1}" -ge "$1" ] ||
		die "$EX_SERVER" "the disk of $2 is full ($free MB are free, $1 are needed): $3"
}

# Below 256 MB RabbitMQ takes nothing. In containers the engine has the data.
need_room_here() {
	local folder remedy="make room there, or make it a link to a folder with more"
	need_room "$([ "${WAY:-native}" = docker ] && echo 64 || echo 512)" \
		"$VAR" "$remedy"
	for folder in "$RAW" "$OUT" "$OBJECTS"; do
		need_room 64 "$folder" "$remedy"
	done
}

place_make() {
	place_find
	need_room_here
	choose_user "$VAR"
	if ! user_reaches "$ROOT"; then
		link_into_store var
		link_into_store raw_data
		link_into_store output
		place_find
	fi
	make_folder 0755 "$VAR"
	make_folder 0755 "$OUT"
	make_folder 0755 "$OBJECTS"
	make_raw
}

link_into_store() { # NAME
	[ -e "$ROOT/$1" ] || [ -L "$ROOT/$1" ] || {
		ln -s -- "$STORE/$1" "$ROOT/$1"
		say "$ROOT/$1 -> $STORE/$1: user $RUN_USER cannot reach the clone"
	}
	mkdir -p -- "$(realpath -m -- "$ROOT/$1")"
}

# Whoever drops files must be able to write here, and the producer to move
# them away, so the folders belong to the producer's user. Set-group-id gives
# what is dropped the folder's group: the group of the person behind sudo, or
# else that of the service user, which people can be added to.
make_raw() {
	local folder
	make_folder 2775 "$RAW"
	for folder in $(pipeline_folders); do
		make_folder 2775 "$RAW/$folder"
	done
	if [ "$(id -u)" = 0 ] && [ "${SUDO_GID:-0}" != 0 ]; then
		find "$RAW" -type d -user "$RUN_USER" \
			-exec chgrp -h -- "$SUDO_GID" {} + -exec chmod 2775 {} +
	fi
}

# The folders that the pipeline files name.
pipeline_folders() {
	sed -n 's/^[^#]*[{ ]directory: *"\{0,1\}\([A-Za-z0-9_.-][A-Za-z0-9_.-]*\).*/\1/p' \
		"$ROOT"/pipelines/*.yaml
}

# -- the programs where the daemons' user can read them --------------------------

readable_in_place() {
	as_user test -x "$RELEASE/bin/sluice-producer" -a \
		-r "$ROOT/deploy/supervise.sh" -a -r "$ROOT/pipelines" -a \
		-r "$ROOT/sql/schema/0001_meta.sql"
}

# Renewed when anything differs; a daemon that runs keeps its old program.
app_renew() {
	if readable_in_place; then
		rm -rf -- "$STORE/app"
		place_find
		return
	fi
	APP=$STORE/app BIN=$STORE/app/bin
	rm -rf -- "$APP.new" "$APP.old"
	app_copy "$APP.new"
	if diff -r -- "$APP" "$APP.new" >/dev/null 2>&1; then
		rm -rf -- "$APP.new"
		return
	fi
	[ ! -e "$APP" ] || mv -- "$APP" "$APP.old"
	mv -- "$APP.new" "$APP"
	rm -rf -- "$APP.old"
}

app_copy() { # FOLDER
	mkdir -p -- "$1/bin" "$1/deploy" "$1/tests/data"
	cp -- "$RELEASE"/bin/sluice "$RELEASE"/bin/sluice-* "$1/bin/"
	cp -- "$ROOT"/deploy/{supervise,native,lib,tuning}.sh "$1/deploy/"
	cp -R -- "$ROOT/pipelines" "$ROOT/sql" "$1/"
	cp -- "$ROOT/$SAMPLE" "$ROOT/$ORGS_SAMPLE" "$1/tests/data/"
	chmod -R u=rwX,go=rX -- "$1"
}

# The servers of a folder, told where this deployment's files are.
native() { # VERB DIR [RAW] ...
	local verb=$1 dir=$2
	shift 2
	env "${SETTINGS[@]}" "$ROOT/deploy/native.sh" "$verb" "$dir" "$@"
}

# Sets SETTINGS: where APP's files, the dropped ones and the reports are.
place_settings() { # RAW OUT
	SETTINGS=("SLUICE_RAW_DIR=$1" "SLUICE_OUTPUT_DIR=$2"
		"SLUICE_PIPELINES_DIR=$APP/pipelines"
		"SLUICE_SCHEMA_DIR=$APP/sql/schema"
		"SLUICE_MODELS_DIR=$APP/sql/models"
		"SLUICE_SAMPLE_FILE=$APP/$SAMPLE")
}
