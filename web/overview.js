/* overview.js - what is there and how it goes, now. */
import { age, badge, bytes, card, clear, empty, h, millis, number, rate, text,
	time } from "/dom.js";
import { live, rates, watch } from "/live.js";
import { go, outcome, state, table } from "/parts.js";
import { Plot } from "/plots.js";

const window_secs = 300;

function server(name, at, ready, why) {
	const kind = at ? ready ? "good" : "warn" : "bad";
	const word = at ? ready ? "ready" : "waits" : "away";
	return h("div", { class: `server ${kind}` }, h("strong", {}, name),
		badge(word, kind), h("span", { class: "where" }, why));
}

function servers(o) {
	const database = o.database;
	const list = [server("PostgreSQL", database.reachable,
		!database.error, text(database.error ??
			`${database.version} at ${database.address}`))];
	if (o.broker === null)
		return [...list, h("div", { class: "server" },
			h("strong", {}, "RabbitMQ"), badge("none", ""),
			h("span", { class: "where" }, "files are loaded by hand"))];
	list.push(server("RabbitMQ", o.broker.reachable, !o.broker.error,
		text(o.broker.error ??
			`${o.broker.version} at ${o.broker.address}`)));
	for (const name of ["producer", "consumer"]) {
		const it = o[name];
		list.push(server(name, it.answers, it.ready, text(it.answers ?
			it.ready ? `at ${it.http}` : it.reasons.join("; ") :
			it.http ? `nothing answers at ${it.http}` :
				"has no HTTP port")));
	}
	return list;
}

function tile(label, value, note, kind) {
	return h("div", { class: `tile ${kind ?? ""}` },
		h("span", { class: "label" }, label),
		h("span", { class: "value n" }, value),
		h("span", { class: "note" }, note));
}

/* The mean of the last ten seconds: single ones jump. */
function recent(samples, name) {
	const known = samples.filter((s) => s[name] !== null);
	const last = known.at(-1);
	const first = known.find((s) => last && last.at_ms - s.at_ms <= 10500);
	if (!last || !first || last === first)
		return null;
	return Math.max(0, last[name] - first[name]) /
		((last.at_ms - first.at_ms) / 1000);
}

function total(queues, dead) {
	const known = queues.filter((q) => q.dead === dead && q.exists);
	return known.reduce((sum, q) => sum + q.ready, 0);
}

/* One that was not run yet has not passed. */
function testsTile(tests) {
	const passed = tests.filter((t) => t.outcome === "pass").length;
	const idle = tests.filter((t) => !t.outcome).length;
	const wrong = tests.filter((t) =>
		t.outcome === "fail" || t.outcome === "broken").length;
	const notes = [wrong > 0 ? `${number(wrong)} fail` : "none fails"];
	if (idle > 0)
		notes.push(`${number(idle)} not run yet`);
	return tests.length === 0 ? tile("Tests", "\u2013", "none") :
		tile("Tests", `${number(passed)}/${number(tests.length)}`,
			notes.join("; "), wrong > 0 ? "bad" : "");
}

function tiles(o) {
	const speed = recent(live.samples, "loaded");
	const dead = o.broker ? total(o.queues, true) : 0;
	const queued = o.broker ? total(o.queues, false) : null;
	const lag = o.lag.oldest_seconds ?? null;
	return [
		tile("Loaded", speed === null ? "\u2013" : rate(speed),
			`records a second; ${number(o.records?.last_minute)} in the last minute`),
		tile("In all", number(o.counts?.loaded),
			`records of ${number(o.counts?.files)} files`),
		tile("Queued", number(queued), o.broker ?
			`messages; ${number(dead)} dead letters` : "no broker here",
		dead > 0 ? "warn" : ""),
		tile("Lag", age(lag), lag === null ? "nothing under way" :
			"age of the oldest record not loaded", lag > 60 ? "warn" : ""),
		tile("Rejects", number(o.rejects?.total), o.rejects ?
			`${number(Object.values(o.rejects.last_hour)
				.reduce((a, b) => a + b, 0))} in the last hour` : "",
		o.rejects?.total > 0 ? "warn" : ""),
		testsTile(o.tests ?? []),
	];
}

/* -- charts of the last minutes --------------------------------------------- */

const charts = [
	{ title: "Loaded", unit: "records a second", of: ["loaded", "rejected"],
		labels: ["loaded", "rejected"], colours: ["--c1", "--c4"], rate: true },
	{ title: "Published", unit: "records a second", of: ["published"],
		labels: ["published"], colours: ["--c2"], rate: true },
	{ title: "Queues", unit: "messages", of: ["queued", "dead"],
		labels: ["waiting", "dead letters"], colours: ["--c3", "--c4"] },
	{ title: "Lag", unit: "seconds", of: ["lag_secs"], labels: ["lag"],
		colours: ["--c5"], zero: true },
];

function recentSamples() {
	const last = live.samples.at(-1);
	return last ? live.samples.filter((s) =>
		last.at_ms - s.at_ms <= window_secs * 1000) : [];
}

function draw(plot, chart) {
	const samples = recentSamples();
	const values = chart.of.map((name) => chart.rate ? rates(samples, name) :
		samples.map((s) => s[name] ?? (chart.zero ? 0 : null)));
	plot.set(samples.map((s) => s.at_ms / 1000), values);
}

/* -- tables ------------------------------------------------------------------ */

function progress(source) {
	const share = source.bytes > 0 ? source.bytes_committed / source.bytes :
		null;
	const bar = h("progress", { max: 1, value: share ?? undefined,
		"aria-label": "loaded" });
	if (share !== null)
		bar.value = Math.min(1, share);
	return h("li", {}, h("div", { class: "line" }, text(source.name),
		h("span", { class: "n" }, share === null ? "" :
			`${Math.floor(share * 100)} %`)), bar,
	h("div", { class: "note" }, `${number(source.records_committed)}`,
		source.records === null ? "" : ` of ${number(source.records)}`,
		` records, ${bytes(source.bytes_committed)}; ${age(source.age_seconds)}`));
}

function underWay(o) {
	return o.in_progress.length === 0 ?
		empty("Nothing under way", "Files that are dropped appear here.") :
		h("ul", { class: "progress" }, o.in_progress.slice(0, 8).map(progress));
}

function loads(o) {
	if (!o.loads?.length)
		return empty("Nothing was loaded yet",
			"./run.sh drop loads the sample.");
	return table([
		{ head: "When", cell: (l) => `${age(l.age_seconds)} ago` },
		{ head: "Records", class: "n", cell: (l) => number(l.records) },
		{ head: "New", class: "n", cell: (l) => number(l.inserted) },
		{ head: "Changed", class: "n wide", cell: (l) => number(l.updated) },
		{ head: "Rejected", class: "n", cell: (l) => number(l.rejected) },
		{ head: "Took", class: "n wide", cell: (l) => millis(l.ms) },
	], o.loads.slice(0, 8), { label: "Last loads" });
}

function datasets(o) {
	return table([
		{ head: "Dataset", cell: (d) => text(`${d.pipeline}.${d.dataset}`) },
		{ head: "Waiting", class: "n", cell: (d) => number(d.waiting) },
		{ head: "Claimed", class: "n wide", cell: (d) =>
			number(d.claimed < 0 ? null : d.claimed) },
		{ head: "Master rows", class: "n", cell: (d) =>
			number(d.master_rows) },
		{ head: "Delta rows", class: "n wide", cell: (d) =>
			number(d.delta_rows) },
		{ head: "Rejected", class: "n", cell: (d) =>
			number(d.counts?.rejected) },
		{ head: "Lag", class: "n wide", cell: (d) => age(d.lag_seconds) },
	], o.datasets, { label: "Datasets" });
}

function causes(o) {
	if (!o.rejects)
		return empty("Not known", "PostgreSQL cannot be asked.");
	if (o.rejects.causes.length === 0)
		return empty("No rejects", "Every record found its place.");
	return table([
		{ head: "Cause", cell: (c) => go(`/rejects?code=${encodeURIComponent(c.code)}`,
			text(c.code)) },
		{ head: "Dataset", class: "wide", cell: (c) => text(c.dataset) },
		{ head: "Count", class: "n", cell: (c) => number(c.count) },
		{ head: "Latest", class: "n", cell: (c) =>
			`${age(c.age_seconds)} ago` },
	], o.rejects.causes.slice(0, 8), { label: "Causes of rejects" });
}

function health(o) {
	const stale = o.stale_models ?? [];
	const wrong = (o.tests ?? []).filter((t) => t.outcome &&
		t.outcome !== "pass");
	if (!o.models)
		return empty("Not known", "PostgreSQL cannot be asked.");
	const ran = (o.tests ?? []).filter((t) => t.outcome).length;
	if (stale.length === 0 && wrong.length === 0)
		return empty("All is well", `${number(o.models.length)} models are ` +
			`fresh, ${number(ran)} tests have no complaint.`);
	return h("ul", { class: "plain" }, stale.map((m) => h("li", {},
		state("stale"), " ", go("/models", text(m.model)),
		h("div", { class: "note" }, text(m.error)))),
	wrong.map((t) => h("li", {}, outcome(t.outcome), " ",
		go("/tests", text(`${t.pipeline}: ${t.test}`)),
		h("div", { class: "note" }, text(t.error || (t.failing === null ?
			"" : `${number(t.failing)} rows`))))));
}

/* -- the page ------------------------------------------------------------------ */

export function overview(main) {
	const parts = Object.fromEntries(["servers", "tiles", "under", "loads",
		"datasets", "causes", "health"].map((name) => [name, h("div", {})]));
	const plots = charts.map((chart) => new Plot(chart.of.map((name, i) =>
		({ label: chart.labels[i], colour: chart.colours[i], area: i === 0 })),
	{ label: `${chart.title}, ${chart.unit}, last five minutes`,
		legend: true, whole: !chart.rate,
		format: chart.rate ? rate : number }));
	const taken = h("p", { class: "taken" }, "");
	parts.servers.className = "servers";
	parts.tiles.className = "tiles";
	main.append(h("div", { class: "head" }, h("h1", {}, "Overview"), taken),
		parts.servers, parts.tiles,
		h("div", { class: "grid four" }, charts.map((chart, i) =>
			card(null, { "data-chart": chart.title.toLowerCase() },
				h("h2", {}, chart.title, h("small", {}, chart.unit)),
				plots[i].element))),
		h("div", { class: "grid two" },
			card("Under way", {}, parts.under),
			card("Last loads", {}, parts.loads),
			card("Rejects by cause", {}, parts.causes),
			card("Models and tests", {}, parts.health)),
		card("Datasets", {}, parts.datasets));
	return watch(({ last }) => {
		const o = last?.overview;
		if (!o)
			return;
		clear(taken, "as of ", time(o.time), " UTC");
		clear(parts.servers, servers(o));
		clear(parts.tiles, tiles(o));
		clear(parts.under, underWay(o));
		clear(parts.loads, loads(o));
		clear(parts.datasets, datasets(o));
		clear(parts.causes, causes(o));
		clear(parts.health, health(o));
		plots.forEach((plot, i) => draw(plot, charts[i]));
	});
}
