/* parts.js - what several pages are made of. */
import { h, clear, empty, badge } from "/dom.js";
import { Failure, get, token } from "/api.js";

const again_ms = 4000;
const turns = new WeakMap(); /* what each place waits for: the latest counts */

export function go(path, ...children) {
	return h("a", { href: path, "data-go": true }, children);
}

export function trouble(error) {
	const server = error instanceof Failure && error.status === 503;
	return h("div", { class: "empty bad", role: "alert" },
		h("strong", {}, server ? "A server is not there" :
			"This could not be shown"),
		h("span", {}, error.message),
		server ? h("span", {}, "It is asked again by itself.") : null);
}

/* Fills a place with what comes, or with what went wrong; a server that is not
 * there is asked again while the place is shown. Answers whether it came. */
export async function fillWith(place, ask, draw) {
	const turn = {};
	turns.set(place, turn);
	place.setAttribute("aria-busy", "true");
	try {
		const data = await ask();
		if (turns.get(place) === turn)
			clear(place, draw(data));
		return true;
	} catch (error) {
		if (!(error instanceof Failure))
			throw error;
		if (turns.get(place) !== turn)
			return true;
		clear(place, trouble(error));
		if (error.status === 503 || error.status === 0)
			setTimeout(() => {
				if (place.isConnected && turns.get(place) === turn)
					fillWith(place, ask, draw);
			}, again_ms);
		return false;
	} finally {
		if (turns.get(place) === turn)
			place.removeAttribute("aria-busy");
	}
}

/* columns: [{ head, cell(item), class }] */
export function table(columns, items, attributes = {}) {
	return h("div", { class: "scroll", tabindex: 0, role: "region",
		"aria-label": attributes.label ?? "Table" },
	h("table", {}, h("thead", {}, h("tr", {}, columns.map((column) =>
		h("th", { class: column.class, scope: "col" }, column.head)))),
	h("tbody", {}, items.map((item) => row(columns, item)))));
}

function row(columns, item) {
	return h("tr", {}, columns.map((column) =>
		h("td", { class: column.class }, column.cell(item))));
}

/* A list that comes page by page. */
export class List {
	constructor(path, columns, options) {
		this.path = path;
		this.columns = columns;
		this.options = options;
		this.words = {};
		this.place = h("div", { class: "list" });
		this.more = h("button", { type: "button", class: "more", hidden: true,
			onclick: () => this.next() }, "Show more");
		this.element = h("div", {}, this.place, this.more);
	}

	async load(words = this.words) {
		this.words = words;
		this.pages = 1;
		if (!await fillWith(this.place, () => get(this.path, words),
			(page) => this.draw(page)))
			this.more.hidden = true;
	}

	draw(page) {
		this.cursor = page.next;
		this.more.hidden = page.next === null;
		if (page.items.length === 0)
			return empty(...this.options.empty);
		this.table = table(this.columns, page.items,
			{ label: this.options.label });
		return this.table;
	}

	async next() {
		this.more.disabled = true;
		try {
			const page = await get(this.path,
				{ ...this.words, cursor: this.cursor });
			this.table.querySelector("tbody").append(
				...page.items.map((item) => row(this.columns, item)));
			this.cursor = page.next;
			this.more.hidden = page.next === null;
			this.pages++;
		} catch (error) {
			if (!(error instanceof Failure))
				throw error;
			this.place.append(trouble(error));
		} finally {
			this.more.disabled = false;
		}
	}

	/* Anew, unless somebody reads further down. */
	refresh() {
		if (this.pages === 1)
			this.load();
	}
}

/* Asks again when the figures that matter to a page have changed. */
export function onChange(mark, act) {
	let before = null;
	return (live) => {
		const now = live.last ? JSON.stringify(mark(live.last.overview)) :
			null;
		if (before !== null && now !== null && now !== before)
			act();
		before = now ?? before;
	};
}

export function needToken(what) {
	return h("p", { class: "hint" }, token() ? "" :
		`${what} can hold what records hold: they need the token (button Token, or key t).`);
}

const outcomes = { pass: "good", warn: "warn", fail: "bad", broken: "bad" };

export function outcome(word) {
	return word ? badge(word, outcomes[word] ?? "") : badge("not run", "");
}

export function state(word) {
	const kinds = { fresh: "good", complete: "good", stale: "warn",
		arriving: "info", rejected: "warn" };
	return badge(word, kinds[word] ?? "");
}
