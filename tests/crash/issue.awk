# issue.awk - makes a small file of events and remembers what it issued.
#
# awk -v n=NUMBER -v list=FILE -f issue.awk: the file to standard output, one
# line a record to FILE: name|good, wins or bad|payload. Twelve records: two of
# one key, of which the second wins; one of month 13; and by number a line that
# is no JSON, an array, an array cut in its last element.
# The payload of a good one is its columns, that of a bad one its bytes.

function value(from, k) {
	return word[from, (n + k) % words[from]]
}

function choose(from, text, parts, i) {
	words[from] = split(text, parts, ",")
	for (i = 1; i <= words[from]; i++)
		word[from, i - 1] = parts[i]
}

function remember(fate, payload) {
	print name "|" fate "|" payload > list
}

# Record k under the id of record `as`.
function record(k, as, at, fate, kind, user, organization, text) {
	kind = value("kind", as)
	user = "user " n "-" k
	organization = value("organization", k)
	text = sprintf("{\"id\": \"%d-%d\", \"event_type\": \"%s\"," \
		" \"username\": \"%s\", \"organization_name\": \"%s\"," \
		" \"received_at\": \"%s\"}", n, as, kind, user, organization, at)
	if (fate == "bad")
		remember(fate, text)
	else
		remember(fate, n "-" as "~" kind "~" user "~" organization \
			"~" at)
	return text
}

function moment(k, month) {
	return sprintf("2024-%02d-%02d 08:%02d:%02d.%06d", month, 1 + n % 28,
		k, n % 60, n * 20 + k)
}

BEGIN {
	choose("kind", "User Created,User Deleted,Plan Changed")
	choose("organization", "Harbour Bakery,Quiet Forge,Lantern Post")
	name = "events/" n ".json"
	shape = n % 3
	for (k = 1; k <= 12; k++) {
		if (k == 4)
			line[k] = record(k, k, moment(k, 13), "bad")
		else if (k == 6)
			line[k] = record(k, 1, moment(1, 3), "wins")
		else if (k == 1)
			line[k] = record(k, k, moment(k, 3), "good")
		else if (k == 8 && shape == 0)
			remember("bad", line[k] = "{\"id\": " n " no JSON}")
		else if (k == 12 && shape == 2)
			remember("bad", line[k] = "{\"id\": " n ", \"cut")
		else
			line[k] = record(k, k, moment(k, 3), "wins")
	}
	for (k = 1; k <= 12; k++)
		printf "%s%s%s", shape == 0 ? "" : k == 1 ? "[" : ",\n",
			line[k], shape == 0 ? "\n" : ""
	if (shape == 1)
		print "]"
}
