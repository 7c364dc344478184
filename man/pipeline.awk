# pipeline.awk - sluice-pipeline(5) in mdoc, out of docs/PIPELINES.md.
function close_list() {
	if (in_list) print ".El"
	in_list = 0
}

# Backquotes and links go, what mdoc would take for a request is kept text.
function plain(text) {
	gsub(/\\/, "\\e", text)
	while (match(text, /\[[^]]*\]\([^)]*\)/)) {
		link = substr(text, RSTART, RLENGTH)
		sub(/\]\(.*/, "", link)
		text = substr(text, 1, RSTART - 1) substr(link, 2) \
			substr(text, RSTART + RLENGTH)
	}
	gsub(/`/, "", text)
	gsub(/\*\*/, "", text)
	sub(/^[ \t]+/, "", text)
	sub(/[ \t]+$/, "", text)
	gsub(/\. +/, ".\n", text) # a sentence a line
	gsub(/\.\) +/, ".)\n", text)
	gsub(/\? +/, "?\n", text)
	if (text ~ /^[.']/) text = "\\&" text
	return text
}

BEGIN {
	print ".Dd November 22, 2026\n.Dt SLUICE-PIPELINE 5\n.Os\n.Sh NAME"
	print ".Nm sluice-pipeline\n.Nd what is loaded, from where, into which columns"
	print ".Sh DESCRIPTION"
	fresh = 1
}

/^```/ {
	close_list()
	print in_code ? ".Ed" : ".Bd -literal"
	in_code = !in_code
	next
}
in_code {
	gsub(/\\/, "\\e")
	gsub(/\t/, "    ")
	sub(/[ ]+$/, "")
	if ($0 ~ /^[.']/) $0 = "\\&" $0
	print
	next
}
/^# / { next }
/^##+ / {
	close_list()
	sub(/^#+ /, "")
	print ".Ss " plain($0)
	fresh = 1
	next
}
/^\|[- |:]+$/ { next }
/^\|/ {
	if (plain($0) ~ /^\|[^|]*\| *\|$/) next # a head
	if (!in_list) print ".Bl -tag -width Ds"
	in_list = 1
	count = split($0, cell, / \| /)
	sub(/^\| */, "", cell[1])
	sub(/ *\|$/, "", cell[count])
	print ".It " plain(cell[1])
	for (i = 2; i <= count; i++) if (plain(cell[i]) != "") print plain(cell[i])
	fresh = 0
	next
}
/^[-*] / {
	if (!in_list) print ".Bl -tag -width Ds"
	in_list = 1
	sub(/^[-*] /, "")
	print ".It \\(bu\n" plain($0)
	next
}
/^[ \t]*$/ {
	blank = 1
	next
}
{
	if (in_list && blank) close_list()
	if (blank && !fresh) print ".Pp"
	blank = fresh = 0
	print plain($0)
}
END {
	close_list()
	print ".Sh SEE ALSO\n.Xr sluice 1 ,\n.Xr sluice.yaml 5"
}
