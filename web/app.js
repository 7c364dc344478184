/* app.js - which page, the keys, light or dark, the token. */
import { h, clear } from "/dom.js";
import { live, start, watch } from "/live.js";
import { Failure, onToken, setToken, token, tryToken } from "/api.js";
import { end_all, repaint } from "/plots.js";
import { toast } from "/actions.js";
import { trouble } from "/parts.js";
import { overview } from "/overview.js";
import { source, sources } from "/sources.js";
import { reject, rejects } from "/rejects.js";
import { models } from "/models.js";
import { tests } from "/tests.js";
import { endpoints } from "/endpoints.js";
import { charts } from "/charts.js";
import { pauses } from "/pauses.js";

const pages = [
	{ path: "/", name: "Overview", show: overview },
	{ path: "/sources", name: "Sources", show: sources, one: source },
	{ path: "/rejects", name: "Rejects", show: rejects, one: reject },
	{ path: "/models", name: "Models", show: models },
	{ path: "/tests", name: "Tests", show: tests },
	{ path: "/endpoints", name: "Endpoints", show: endpoints },
	{ path: "/charts", name: "Charts", show: charts },
];
const main = document.getElementById("main");
const dialog = document.getElementById("dialog");
let leave = null;

/* -- pages -------------------------------------------------------------------- */

function find(path) {
	const [, first, id] = /^(\/[a-z]*)(?:\/(\d+))?$/.exec(path) ?? [];
	const page = pages.find((p) => p.path === first);
	return page && (id === undefined || page.one) ? [page, id] : [null];
}

function show(focus) {
	const [page, id] = find(location.pathname);
	leave?.();
	leave = null;
	end_all();
	clear(main);
	document.querySelectorAll("#nav a").forEach((a) => {
		if (page && a.getAttribute("href") === page.path) {
			a.setAttribute("aria-current", "page");
			a.parentNode.scrollLeft = a.offsetLeft -
				a.parentNode.offsetLeft -
				(a.parentNode.clientWidth - a.offsetWidth) / 2;
		} else
			a.removeAttribute("aria-current");
	});
	document.title = page && page.path !== "/" ?
		`${page.name} \u2013 Sluice` : "Sluice";
	if (!page) {
		main.append(trouble(new Failure(404, "not_found",
			"There is no such page.")));
		return;
	}
	leave = (id ? page.one : page.show)(main, { id,
		words: new URLSearchParams(location.search) });
	if (focus) {
		main.focus({ preventScroll: true });
		scrollTo(0, 0);
	}
}

function go(path) {
	history.pushState(null, "", path);
	show(true);
}

document.addEventListener("click", (event) => {
	const a = event.target.closest("a[data-go]");
	if (!a || event.button !== 0 || event.ctrlKey || event.metaKey ||
		event.shiftKey)
		return;
	event.preventDefault();
	go(a.getAttribute("href"));
});
addEventListener("popstate", () => show(true));

/* -- light or dark ---------------------------------------------------------------- */

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
	return document.documentElement.dataset.theme ??
		(dark.matches ? "dark" : "light");
}

function say_theme() {
	document.getElementById("theme").textContent =
		theme() === "dark" ? "Light" : "Dark";
	repaint();
}

function switch_theme() {
	const wanted = theme() === "dark" ? "light" : "dark";
	document.documentElement.dataset.theme = wanted;
	try {
		localStorage.setItem("sluice-theme", wanted);
	} catch { /* for this page, then */ }
	say_theme();
}

/* -- dialogs ------------------------------------------------------------------ */

function open(title, ...children) {
	clear(dialog, h("h2", { id: "dialog-title" }, title), children);
	if (!dialog.open)
		dialog.showModal();
}

function close_button(word = "Close") {
	return h("button", { type: "button", onclick: () => dialog.close() }, word);
}

function ask_token() {
	const input = h("input", { type: "password", autocomplete: "off",
		spellcheck: "false", required: true, "aria-label": "Token" });
	const said = h("p", { class: "note bad", role: "alert" });
	const form = h("form", { onsubmit: async (event) => {
		event.preventDefault();
		try {
			await tryToken(input.value.trim());
			dialog.close();
			toast("actions and record contents are open in this tab");
		} catch (error) {
			if (!(error instanceof Failure))
				throw error;
			clear(said, error.status === 401 ? "That is not the token." :
				error.message);
			input.select();
		}
	} }, h("p", {}, "It stands in the file that the setting ",
		h("code", {}, "serve_token_file"), " names: for ",
		h("code", {}, "./run.sh serve"), " that is ",
		h("code", {}, "var/secrets/serve"),
		". It is kept in this tab alone."), input, said,
	h("div", { class: "buttons" }, close_button("Cancel"),
		h("button", { type: "submit", class: "main" }, "Use it")));
	if (token())
		open("Token", h("p", {}, "This tab has the token."),
			h("div", { class: "buttons" }, close_button(),
				h("button", { type: "button", onclick: () => {
					setToken(null);
					dialog.close();
				} }, "Forget it")));
	else
		open("Token", form);
}

const keys = [
	["1 \u2026 7", "the pages, from left to right"],
	["/", "the filter"],
	["t", "the token"],
	["p", "pause and resume"],
	["d", "dark or light"],
	["?", "this"],
	["Esc", "closes a dialog"],
];

function help() {
	open("Keys", h("dl", { class: "keys" }, keys.map(([key, what]) =>
		[h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
	h("p", { class: "note" }, "The same data is JSON below ",
		h("code", {}, "/api/v1/"), ", described in ",
		h("a", { href: "/openapi.yaml" }, "openapi.yaml"), "."),
	h("div", { class: "buttons" }, close_button()));
}

addEventListener("keydown", (event) => {
	if (event.ctrlKey || event.metaKey || event.altKey || dialog.open ||
		event.target.closest("input, select, textarea"))
		return;
	const page = pages[Number(event.key) - 1];
	const acts = { t: ask_token, d: switch_theme, "?": help,
		p: () => pauses(open, close_button),
		"/": () => document.querySelector("[data-search]")?.focus() };
	const act = page ? () => go(page.path) : acts[event.key];
	if (act) {
		event.preventDefault();
		act();
	}
});

/* -- how it goes ------------------------------------------------------------------- */

function pulse({ state, last }) {
	const place = document.getElementById("pulse");
	const alert = document.getElementById("alert");
	const o = last?.overview;
	const words = { connecting: "connecting", live: "live",
		silent: "no news", gone: "lost" };
	const away = state === "gone" || state === "silent" ?
		"sluice serve does not answer: what is shown is old. It is tried again." :
		o && !o.database.reachable ?
			o.database.error ?? "PostgreSQL is not there" :
			o && o.broker && !o.broker.reachable ?
				`RabbitMQ: ${o.broker.error ?? "it is not there"}` :
				null;
	place.className = `pulse ${state}`;
	place.lastElementChild.textContent = words[state];
	alert.hidden = away === null;
	if (alert.textContent !== (away ?? ""))
		alert.textContent = away ?? "";
}

function say_token() {
	const button = document.getElementById("token");
	button.textContent = token() ? "Unlocked" : "Token";
	button.classList.toggle("on", Boolean(token()));
}

document.getElementById("nav").append(...pages.map((page, i) =>
	h("a", { href: page.path, "data-go": true, title: `key ${i + 1}` },
		page.name)));
document.getElementById("theme").addEventListener("click", switch_theme);
document.getElementById("token").addEventListener("click", ask_token);
document.getElementById("help").addEventListener("click", help);
document.addEventListener("sluice-token", ask_token);
dark.addEventListener("change", say_theme);
onToken(say_token);
say_token();
say_theme();
watch(pulse);
start();
show(false);
pulse(live);
