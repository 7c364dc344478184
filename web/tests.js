/* tests.js - what the pipelines promise, and whether it holds. */
import { card, clear, empty, h, millis, number, text, time } from "/dom.js";
import { get, onToken, token } from "/api.js";
import { watch } from "/live.js";
import { List, fillWith, onChange, outcome, table } from "/parts.js";

function history(test) {
	return h("span", { class: "history", role: "img",
		"aria-label": `last runs: ${test.history.map((r) => r.outcome).join(", ") || "none"}` },
	test.history.map((run) => h("i", { class: run.outcome,
		title: `${run.ran_at}: ${run.outcome}${run.failing ? `, ${run.failing} rows` : ""}` })));
}

const runs = [
	{ head: "When (UTC)", cell: (r) => time(r.ran_at) },
	{ head: "Outcome", cell: (r) => outcome(r.outcome) },
	{ head: "Failing", class: "n", cell: (r) => number(r.failing) },
	{ head: "Took", class: "n", cell: (r) => millis(r.ms) },
	{ head: "", class: "because", cell: (r) => text(r.error ?? "") },
];

function failures(page) {
	if (page.items.length === 0)
		return empty("No row failed", "in its last run.");
	const names = [...new Set(page.items.flatMap((f) => Object.keys(f.row)))];
	return table(names.map((name) => ({ head: text(name),
		cell: ({ row }) => text(row[name] === null ? "" :
			typeof row[name] === "object" ? JSON.stringify(row[name]) :
				row[name]) })), page.items, { label: "Failing rows" });
}

function one(test) {
	const words = { pipeline: test.pipeline, test: test.test };
	const list = new List("tests/runs", runs, { label: "Runs",
		empty: ["It never ran", ""] });
	const rows = h("div", {});
	list.load(words);
	if (token())
		fillWith(rows, () => get("tests/failures", words), failures);
	else
		clear(rows, empty("Failing rows need the token", "Token, above, or key t."));
	return card(null, { class: "chosen" }, h("div", { class: "head" },
		h("h2", {}, text(test.test)), outcome(test.outcome)),
	h("div", { class: "grid two" },
		h("div", {}, h("h3", {}, "Its runs"), list.element),
		h("div", {}, h("h3", {}, "Failing rows of the last run"), rows)));
}

const columns = (choose) => [
	{ head: "Test", cell: (t) => h("button", { type: "button", class: "link",
		onclick: () => choose(t) }, text(t.test)) },
	{ head: "Pipeline", class: "wide", cell: (t) => text(t.pipeline) },
	{ head: "Kind", class: "wide", cell: (t) => t.kind.replaceAll("_", " ") },
	{ head: "Outcome", cell: (t) => outcome(t.outcome) },
	{ head: "Failing", class: "n", cell: (t) => number(t.failing) },
	{ head: "Last runs", class: "wide", cell: history },
	{ head: "Ran (UTC)", class: "wide", cell: (t) => time(t.ran_at) },
];

export function tests(main) {
	const list = h("div", {}), chosen = h("div", {});
	let picked = null;
	const choose = (test) => {
		picked = test;
		clear(chosen, one(test));
		chosen.scrollIntoView({ block: "nearest" });
	};
	const load = () => fillWith(list, () => get("tests", { limit: 200 }), (page) =>
		page.items.length === 0 ? empty("No tests",
			"`tests:` in a pipeline file asks for them.") :
			table(columns(choose), page.items, { label: "Tests" }));
	main.append(h("div", { class: "head" }, h("h1", {}, "Tests")), chosen,
		card(null, {}, list));
	load();
	const ends = [onToken(() => picked && choose(picked)),
		watch(onChange((o) => o.tests?.map((t) => [t.outcome, t.failing]),
			load))];
	return () => ends.forEach((end) => end());
}
