#!/usr/bin/env bash
# web.sh - the page of `sluice serve` makes no elements out of text, asks
# nobody but its own server, and holds the libraries it says it holds.
. "$(dirname "$0")/lib.sh"

BANNED='innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\(|new Function|javascript:|setAttribute\("style"|style="|onclick="|document\.cookie'
ELSEWHERE='(https?:)?//[a-z0-9.-]+\.[a-z]+'

mapfile -t files < <(find web -type f \( -name '*.js' -o -name '*.css' -o \
	-name '*.html' -o -name '*.svg' \) -not -path 'web/vendor/*' | LC_ALL=C sort)
while IFS= read -r line; do
	complain "${line%%:*}" "has no place in the page: ${line#*:}"
done < <(grep -nE "$BANNED" "${files[@]}" || true)
while IFS= read -r line; do
	complain "${line%%:*}" "leads elsewhere: ${line#*:}"
done < <(grep -nE "$ELSEWHERE" "${files[@]}" | grep -v 'http://www.w3.org/2000/svg' || true)
web/vendor.sh --check || complain web/vendor "is not what SHA256SUMS says"
if command -v node >/dev/null; then
	for file in "${files[@]}"; do
		case $file in *.js) node --check --input-type=module <"$file" ||
			complain "$file" "does not parse" ;; esac
	done
fi
finish ${#files[@]}
