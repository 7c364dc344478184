#!/usr/bin/env bash
# layers.sh - who may include whom: dependencies point one way.
. "$(dirname "$0")/lib.sh"

# The leaves of common/ know nothing but other leaves.
LEAVES=' err buf log clock backoff hash queue units metrics metrics_private '

# Which folders' headers a folder may include.
allowed() { # FOLDER
	case $1 in
	common) echo common ;;
	producer) echo 'common producer' ;;
	consumer) echo 'common consumer' ;;
	cli) echo 'common producer consumer cli' ;;
	esac
}

is_leaf() { # NAME
	case $LEAVES in *" $1 "*) ;; *) return 1 ;; esac
}

check_leaf() { # PLACE INCLUDING INCLUDED
	local from=${2##*/} to=${3##*/}
	[ "${2%%/*}" = common ] && is_leaf "${from%.[ch]}" || return 0
	is_leaf "${to%.h}" ||
		complain "$1" "$from is a leaf of common/ and must not include $3"
}

check() { # FILE LINE "HEADER"
	local header=${3//\"/} folder=${1%%/*}
	case $header in
	*.inc) return ;; # made while building
	*..*) complain "$1:$2" "name $header from the top folder" ;;
	*.c) complain "$1:$2" "includes the source $header" ;;
	esac
	case " $(allowed "$folder") " in
	*" ${header%%/*} "*) ;;
	*) complain "$1:$2" "$folder/ must not include $header" ;;
	esac
	[ -e "$header" ] || complain "$1:$2" "there is no $header"
	check_leaf "$1:$2" "$1" "$header"
}

mapfile -t files < <(c_files common producer consumer cli)
while IFS=$'\t' read -r file line header; do
	case $header in \"*) check "$file" "$line" "$header" ;; esac
done < <(includes "${files[@]}")
finish ${#files[@]}
