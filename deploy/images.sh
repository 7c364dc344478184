# shellcheck shell=bash
# images.sh - the images of docker/Dockerfile, made of Debian's packages alone.

# In the Dockerfile's order: older builders make all that stands before a target.
IMAGES=(postgres rabbitmq builder producer consumer cli)

image_name() { # TARGET
	printf '%s-%s\n' "$(project_name)" "$1"
}

image_there() {
	docker image inspect "$1" >/dev/null 2>&1
}

# -- the base ----------------------------------------------------------------------

# Sets BASE: Debian's image, or one that is made here of Debian's packages.
find_base() {
	BASE=debian:bookworm-slim
	image_there "$BASE" && return
	BASE=$(image_name base)
	image_there "$BASE" && return
	say "base image: debian:bookworm-slim is not here, asking the registry"
	if timeout --foreground 180 docker pull -q debian:bookworm-slim >/dev/null 2>&1; then
		BASE=debian:bookworm-slim
		return
	fi
	say "base image: cannot be pulled, made here with debootstrap"
	make_base
}

make_base() {
	local said
	[ "$(id -u)" = 0 ] || SUDO=(sudo)
	command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] ||
		"${SUDO[@]}" "$ROOT/deploy/packages.sh" install base >/dev/null ||
		die "$EX_SERVER" "debootstrap cannot be installed: bring an image debian:bookworm-slim (docker load), or use --native"
	said=$("${SUDO[@]}" env "PATH=$PATH:/usr/sbin:/sbin" \
		${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} \
		timeout --foreground 900 "$ROOT/docker/base.sh" "$BASE" 2>&1) && return
	printf '%s\n' "$said" | tail -n 5 >&2
	engine_remedy "$said"
	[ -n "$REMEDY" ] ||
		REMEDY="neither the registry nor Debian's archive gives one; bring debian:bookworm-slim (docker load), or use --native"
	die "$EX_SERVER" "no base image: $REMEDY"
}

# Folders of the clone are mounted; an engine on another machine, or outside of
# the container that this runs in, does not have them.
need_folders() {
	local said
	said=$(timeout --foreground 120 docker run --rm --network none \
		-v "$ROOT:/clone:ro" "$BASE" test -e /clone/run.sh 2>&1) && return
	[ -z "$said" ] || printf '%s\n' "$said" | tail -n 5 >&2
	[ -z "$said" ] ||
		die "$EX_SERVER" "the Docker engine starts no container, see above: use --native"
	die "$EX_SERVER" "the Docker engine does not see $ROOT (is it on another machine?): use --native"
}

# -- the others --------------------------------------------------------------------

build_image() { # TARGET
	local said code=1
	say "  $1"
	said=$(timeout --foreground 3600 docker build --force-rm \
		-f "$ROOT/docker/Dockerfile" --target "$1" \
		-t "$(image_name "$1")" --label "sluice.project=$(project_name)" \
		--build-arg "BASE=$BASE" \
		--build-arg "PROJECT=$(project_name)" \
		--build-arg "PRESET=${SLUICE_TEST_IMAGE_PRESET:-release}" \
		--build-arg "SLUICE_UID=$(id -u "$RUN_USER")" \
		--build-arg "SLUICE_GID=$(id -g "$RUN_USER")" \
		"$ROOT" 2>&1 </dev/null) && return
	printf '%s\n' "$said" | tail -n 30 >&2
	engine_remedy "$said"
	[ -z "$REMEDY" ] || code=$EX_SERVER
	die "$code" "the image $1 cannot be built${REMEDY:+: $REMEDY}"
}

# Sets REMEDY for what an engine may complain of; empty: none is known.
engine_remedy() { # WHAT IT SAID
	REMEDY=
	case $1 in
	*[Nn]'o space left on device'* | *'enough free space'* | *'Disk quota exceeded'*)
		REMEDY="the disk of the Docker engine is full ($(engine_folder)): make room there (docker system prune), or use --native" ;;
	*'Unable to fetch'* | *'Temporary failure resolving'* | *'Could not resolve'*)
		REMEDY="Debian's archive is not to be reached from containers: see to their network, or use --native" ;;
	*'port is already allocated'* | *'address already in use'*)
		REMEDY="a port is taken: choose another in $VAR/docker.env" ;;
	*'permission denied'*'docker.sock'* | *'Cannot connect to the Docker daemon'*)
		REMEDY=$(why_no_engine) ;;
	esac
}

# What the engine's disk needs; one on another machine is not asked.
need_engine_room() { # MEGABYTES
	local folder
	folder=$(engine_folder)
	[ ! -d "$folder" ] ||
		need_room "$1" "$folder" "make room there (docker system prune), or use --native"
}

engine_folder() {
	timeout 20 docker info -f '{{.DockerRootDir}}' 2>/dev/null || true
}

# Clients of today build with a plugin, or not at all without being told.
build_images() {
	local image
	docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0
	need_engine_room "$(image_there "$(image_name cli)" && echo 512 || echo 2000)"
	say "images: building what changed"
	find_base
	[ "$(images_stamp)" != "$(cat -- "$VAR/images" 2>/dev/null)" ] || return 0
	need_folders
	for image in "${IMAGES[@]}"; do
		build_image "$image"
	done
	[ "$SKIP_TESTS" = yes ] || build_image checked
	prune_images
	images_stamp | write_file 0644 "$VAR/images"
}

# A sum over what images are made of, and those that were made of it.
images_stamp() {
	local image images=()
	for image in "${IMAGES[@]}"; do
		images+=("$(image_name "$image")")
	done
	[ "$SKIP_TESTS" = yes ] || images+=("$(image_name checked)")
	{
		printf '%s\n' "${SLUICE_TEST_IMAGE_PRESET:-release}"
		id "$RUN_USER"
		docker image inspect -f '{{.Id}}' "$BASE" "${images[@]}" 2>/dev/null || true
		image_sources
	} | sha256sum
}

# What the engine is sent.
image_sources() (
	local parts
	cd "$ROOT" || exit
	mapfile -t parts < <(sed -n 's/^!//p' .dockerignore)
	find "${parts[@]}" -type f -print0 | sort -z | xargs -0 sha256sum
	find "${parts[@]}" -type f -perm -u+x -print | sort
)

# What has no name, and is no part of one that has.
prune_images() {
	docker image prune -f --filter "label=sluice.project=$(project_name)" \
		>/dev/null 2>&1 || true
}

remove_images() {
	local image
	for image in checked demo tester "${IMAGES[@]}" base; do
		! image_there "$(image_name "$image")" ||
			docker rmi -f "$(image_name "$image")" >/dev/null 2>&1 || true
	done
	prune_images
}
