#!/usr/bin/env bash
# docker.sh - engines that cannot be used, played by a program of their name:
# each is one message with the remedy, code 69, and nothing is left. With a real
# engine see tests/docker/.
. "$(dirname "$0")/lib.sh"

clone="$work/clone"
run=$clone/run.sh
tools=$work/tools
mkdir -p "$clone/tests" "$tools" "$work/fake" "$work/compose"
cp -R "$TOP"/{run.sh,deploy,docker,pipelines,sql} "$clone/"
cp -R "$TOP/tests/data" "$clone/tests/"

# What the stage that compiles has is all that it needs: a folder that is new
# must be copied, too.
builder_has_all() (
	local words
	mkdir "$parent/src" && cd "$parent/src"
	while read -r -a words; do
		mkdir -p "${words[-1]}"
		case ${words[-1]} in
		*/) (cd "$TOP" && cp -R "${words[@]:1:${#words[@]}-2}" \
			"$parent/src/${words[-1]}") ;;
		*) cp -R "$TOP/${words[1]}/." "${words[-1]}/" ;;
		esac
	done < <(sed -n '/ AS builder$/,/^RUN cmake/p' "$TOP/docker/Dockerfile" |
		grep '^COPY ' | grep -v ' /src/')
	cmake --preset dev -DSLUICE_TESTS=OFF >/dev/null &&
		ninja -C build/dev -n sluice sluice-producer sluice-consumer
)
if [ -z "$("$TOP/deploy/packages.sh" missing build)" ]; then
	check_true "the image that compiles has all sources" builder_has_all
fi

# All programs of this machine but those that are played.
find /usr/bin /bin /usr/sbin /sbin -maxdepth 1 ! -type d ! -name 'docker*' \
	! -name debootstrap -exec ln -sf -t "$tools" -- {} +
cat >"$work/fake/docker" <<'END'
#!/bin/sh
# What goes wrong is the last word of $FAKE.
case "$FAKE $1 $2" in
permission*) echo "permission denied while trying to connect to docker.sock" >&2; exit 1 ;;
away*) echo "Cannot connect to the Docker daemon at unix:///x" >&2; exit 1 ;;
*' version '*) exit 0 ;;
*' compose version') exit 1 ;;
*' image inspect') exit 0 ;;
elsewhere' run '*) exit 1 ;;
runc' run '*) echo "runc create failed: operation not permitted" >&2; exit 125 ;;
full' build '*) echo "write /usr: no space left on device" >&2; exit 1 ;;
archive' build '*) echo "E: Unable to fetch some archives" >&2; exit 100 ;;
*' ps '*) exit 0 ;;
*' build '*) exit 0 ;;
*' info '*) echo /var/lib/docker ;;
*' tag '*) exit 1 ;;
esac
exit 0
END
cat >"$work/compose/docker-compose" <<'END'
#!/bin/sh
case "$FAKE $*" in
late*official.yaml*' up '*) echo "mkdir /var/lib/docker/volumes: no space left on device" >&2; exit 1 ;;
port*' up '*) echo "Bind for 127.0.0.1:5432 failed: port is already allocated" >&2; exit 1 ;;
esac
exit 0
END
chmod 755 "$work"/*/docker*

# refused CLAIM FAKE TEXT [ARGS...]
refused() {
	local claim=$1 text=$3
	export FAKE=$2
	shift 3
	check "$claim: 69" "$(code_of "$run" "$@")" 69
	check_true "$claim: it says what to do" has "$work/said" "$text"
	check "$claim: in one message" "$(grep -c '^run.sh: ' "$work/said")" 1
}

deploy=(deploy-rabbitmq --docker --skip-tests)
PATH=$tools
refused "no docker" none "apt-get install docker.io docker-compose" "${deploy[@]}"
PATH=$work/fake:$tools
refused "no compose" fine "install docker-compose, or its plugin" "${deploy[@]}"
PATH=$work/compose:$work/fake:$tools
refused "no permission" permission "to the group docker" "${deploy[@]}"
refused "no engine" away "start it, or use --native" "${deploy[@]}"
check "nothing was made for any of them" "$([ -e "$clone/var" ] || echo nothing)" nothing
refused "an engine elsewhere" elsewhere "is it on another machine?" "${deploy[@]}"
refused "an engine that starts nothing" runc "starts no container" "${deploy[@]}"
refused "a full disk" full "docker system prune" "${deploy[@]}"
refused "no archive" archive "see to their network" "${deploy[@]}"
check "nothing is deployed by then" "$(code_of "$run" status --native)" 69
mkdir -p "$clone/var"
printf 'SLUICE_POSTGRES_IMAGE=other\n' >"$clone/var/docker.env"
refused "a disk that is full later" late "docker system prune" "${deploy[@]}"
check "a file of own lines is kept below the others" \
	"$(tail -n 1 "$clone/var/docker.env")" SLUICE_POSTGRES_IMAGE=other
refused "a port that is taken" port "choose another in" "${deploy[@]}"
check "and nothing runs then" "$(code_of "$run" status)" 69
check "destroy takes the rest away" "$(code_of "$run" destroy-rabbitmq --yes)" 0
check "all of it" "$(cd "$clone" && ls -d var raw_data output object_store 2>/dev/null)" ""
finish
