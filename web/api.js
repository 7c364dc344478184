/* api.js - asking the server; the token, for as long as this tab lives. */

const key = "sluice-token";
const listeners = new Set();

export class Failure extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

export function token() {
	try {
		return sessionStorage.getItem(key);
	} catch {
		return null;
	}
}

export function setToken(value) {
	try {
		if (value)
			sessionStorage.setItem(key, value);
		else
			sessionStorage.removeItem(key);
	} catch { /* then it is typed in again */ }
	listeners.forEach((tell) => tell());
}

export function onToken(tell) {
	listeners.add(tell);
	return () => listeners.delete(tell);
}

async function failure(answer) {
	let said = {};
	try {
		said = (await answer.json()).error ?? {};
	} catch { /* not ours */ }
	return new Failure(answer.status, said.code ?? "failed",
		said.message ?? `the server answers ${answer.status}`);
}

async function ask(path, options, given) {
	const headers = { ...options.headers };
	let answer;
	if (given)
		headers.Authorization = `Bearer ${given}`;
	try {
		answer = await fetch(`/api/v1/${path}`,
			{ ...options, headers, cache: "no-store" });
	} catch {
		throw new Failure(0, "gone", "sluice serve does not answer");
	}
	if (answer.ok)
		return answer.json();
	/* a token of before is forgotten at once: each try counts */
	if (answer.status === 401 && given && given === token())
		setToken(null);
	throw await failure(answer);
}

export function query(words) {
	const given = Object.entries(words)
		.filter(([, value]) => value !== null && value !== undefined &&
			value !== "");
	return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}

export function get(path, words = {}) {
	return ask(path + query(words), {}, token());
}

export function post(path, body) {
	return ask(path, { method: "POST", body: JSON.stringify(body),
		headers: { "Content-Type": "application/json" } }, token());
}

/* Whether the server takes it; a Failure when not. */
export async function tryToken(value) {
	const session = await ask("session", {}, value);
	if (session.trusted)
		setToken(value);
	return session.trusted;
}
