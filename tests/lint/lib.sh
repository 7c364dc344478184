# shellcheck shell=bash
# lib.sh - what the lint scripts share: the files, and complaints that count.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

complaints=0

complain() { # PLACE TEXT
	complaints=$((complaints + 1))
	printf '%s: %s\n' "$1" "$2"
}

# The verdict. A lint that looked at nothing has not passed.
finish() { # FILES LOOKED AT
	[ "$1" -gt 0 ] || complain lint "no file was found to look at"
	printf '%d files, %d complaints\n' "$1" "$complaints"
	[ "$complaints" = 0 ]
}

# Our C files in the named folders, one a line.
c_files() { # FOLDER...
	find "$@" -name '*.[ch]' | LC_ALL=C sort
}

# "FILE<tab>LINE<tab>NAME" for each include of the files; NAME keeps its <>
# or quotes.
includes() { # FILE...
	awk '{ sub(/\r$/, "") }
		match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]*[>"]/) {
			name = $0
			sub(/^[ \t]*#[ \t]*include[ \t]*/, "", name)
			sub(/[>"].*$/, substr(name, 1, 1) == "<" ? ">" : "\"",
				name)
			if (substr(name, 1, 1) == "\"")
				name = quoted($0)
			print FILENAME "\t" FNR "\t" name
		}
		function quoted(line) {
			match(line, /"[^"]*"/)
			return substr(line, RSTART, RLENGTH)
		}' "$@"
}

# "FILE<tab>LINE<tab>CODE": the C text without comments and what stands
# between quotes.
code() { # FILE...
	awk '
		FNR == 1 { inside = 0 }
		{
			out = ""
			n = length($0)
			for (i = 1; i <= n; i++) {
				c = substr($0, i, 1)
				pair = substr($0, i, 2)
				if (inside) {
					if (pair == "*/") { inside = 0; i++ }
				} else if (quote != "") {
					if (c == "\\") i++
					else if (c == quote) { quote = ""; out = out c }
				} else if (pair == "/*") { inside = 1; i++ }
				else if (pair == "//") break
				else {
					out = out c
					if (c == "\"" || c == "\047") quote = c
				}
			}
			quote = ""
			print FILENAME "\t" FNR "\t" out
		}' "$@"
}
