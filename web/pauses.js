/* pauses.js - holding the consumer off, and letting it go on. */
import { h, age, clear, empty, text } from "/dom.js";
import { get } from "/api.js";
import { action } from "/actions.js";
import { fillWith } from "/parts.js";
import { datasetNames, option } from "/sources.js";

function what(dataset) {
	return dataset === "*" ? "everything" : dataset;
}

function list(page, again) {
	if (page.items.length === 0)
		return empty("Nothing is paused", "What is dropped is loaded.");
	return h("ul", { class: "plain" }, page.items.map((p) => h("li", {},
		h("div", { class: "line" }, h("strong", {}, text(what(p.dataset))),
			action("Resume", "resume", () => ({ dataset: p.dataset }),
				(said) => `${what(said.dataset)} goes on`, again)),
		h("div", { class: "note" }, `for ${age(p.seconds)}, by `,
			text(p.by), p.reason ? [": ", text(p.reason)] : null))));
}

export function pauses(open, close_button) {
	const place = h("div", {});
	const load = () => fillWith(place, () => get("pauses"), (page) =>
		list(page, load));
	const dataset = h("select", { "aria-label": "What" },
		option("*", "everything"), datasetNames().map((d) => option(d, d)));
	const reason = h("input", { type: "text", maxlength: 200,
		placeholder: "why (may be left out)", "aria-label": "Why" });
	open("Paused", place, h("div", { class: "filter" }, dataset, reason,
		action("Pause", "pause", () => ({ dataset: dataset.value,
			reason: reason.value || undefined }),
		(said) => said.changed ? `${what(said.dataset)} is paused` :
			`${what(said.dataset)} was paused before`, load)),
	h("p", { class: "note" }, "The consumer finishes what it is at and takes no more, also after a restart; files and messages wait."),
	h("div", { class: "buttons" }, close_button()));
	clear(place);
	load();
}
