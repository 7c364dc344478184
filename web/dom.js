/* dom.js - elements, and texts as people may see them. Nothing here, or
 * anywhere in this page, makes elements out of text. */

/* Characters that would turn, hide or break the text around them. */
const hidden = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;

function append(parent, child) {
	if (child === null || child === undefined || child === false)
		return;
	if (Array.isArray(child))
		child.forEach((one) => append(parent, one));
	else
		parent.append(child instanceof Node ? child : String(child));
}

function set(element, name, value) {
	if (value === null || value === undefined || value === false)
		return;
	if (name.startsWith("on"))
		element.addEventListener(name.slice(2), value);
	else if (name === "value")
		element.value = value;
	else
		element.setAttribute(name, value === true ? "" : value);
}

/* h("td", { class: "n" }, 7) */
export function h(tag, attributes, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes ?? {}))
		set(element, name, value);
	append(element, children);
	return element;
}

export function svg(tag, attributes, ...children) {
	const element = document.createElementNS(
		"http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(attributes ?? {}))
		set(element, name, value);
	append(element, children);
	return element;
}

export function clear(element, ...children) {
	element.replaceChildren();
	append(element, children);
	return element;
}

/* A text of others: kept apart from the direction of ours, what cannot be seen
 * shown as an escape. */
export function text(value) {
	const whole = h("bdi", {});
	let run = "";
	for (const c of String(value ?? "")) {
		if (!hidden.test(c)) {
			run += c;
			continue;
		}
		const code = c.codePointAt(0).toString(16).padStart(4, "0");
		append(whole, run);
		append(whole, h("span", { class: "ctl" }, `\\u${code}`));
		run = "";
	}
	append(whole, run);
	return whole;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en",
	{ notation: "compact", maximumFractionDigits: 1 });

export function number(value) {
	return value === null || value === undefined || Number.isNaN(value) ?
		"\u2013" : whole.format(value);
}

export function rate(value) {
	if (value === null || value === undefined)
		return "\u2013";
	return value < 10 ? short.format(value) : whole.format(value);
}

export function brief(value) {
	return value === null || value === undefined ? "" :
		compact.format(value);
}

export function bytes(value) {
	if (value === null || value === undefined)
		return "\u2013";
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let at = 0;
	while (value >= 1024 && at < units.length - 1) {
		value /= 1024;
		at++;
	}
	return `${at === 0 ? whole.format(value) : short.format(value)} ${units[at]}`;
}

export function age(secs) {
	if (secs === null || secs === undefined || secs < 0)
		return "\u2013";
	if (secs < 60)
		return `${secs} s`;
	if (secs < 3600)
		return `${Math.floor(secs / 60)} min ${secs % 60} s`;
	if (secs < 86400)
		return `${Math.floor(secs / 3600)} h ${Math.floor(secs % 3600 / 60)} min`;
	return `${Math.floor(secs / 86400)} d ${Math.floor(secs % 86400 / 3600)} h`;
}

export function millis(ms) {
	if (ms === null || ms === undefined)
		return "\u2013";
	return ms < 1000 ? `${whole.format(ms)} ms` : `${short.format(ms / 1000)} s`;
}

/* A time of the server, in UTC as everywhere in Sluice. */
export function time(value) {
	if (!value)
		return "\u2013";
	const shown = value.replace("T", " ").replace(/(\.\d+)?Z$/, "");
	return h("time", { datetime: value, title: `${shown} UTC` }, shown);
}

export function badge(word, kind) {
	return h("span", { class: `badge ${kind}` }, word);
}

export function empty(title, hint) {
	return h("div", { class: "empty" }, h("strong", {}, title),
		hint ? h("span", {}, hint) : null);
}

export function card(title, attributes, ...children) {
	return h("section", { ...attributes,
		class: `card ${attributes?.class ?? ""}` },
	title ? h("h2", {}, title) : null, children);
}
