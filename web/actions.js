/* actions.js - buttons that do something, with the token. */
import { h, clear } from "/dom.js";
import { Failure, post, token } from "/api.js";

let hiding;

export function toast(words, bad = false) {
	const place = document.getElementById("toast");
	clear(place, words);
	place.classList.toggle("bad", bad);
	place.hidden = false;
	clearTimeout(hiding);
	hiding = setTimeout(() => { place.hidden = true; }, bad ? 12000 : 6000);
}

/* Without the token the dialog for it opens first. */
export function action(label, name, body, done, after) {
	const button = h("button", { type: "button", "data-action": name,
		onclick: act }, label);
	async function act() {
		if (!token()) {
			document.dispatchEvent(new CustomEvent("sluice-token"));
			return;
		}
		button.disabled = true;
		button.setAttribute("aria-busy", "true");
		try {
			toast(done(await post(`actions/${name}`, body())));
			after?.();
		} catch (error) {
			if (!(error instanceof Failure))
				throw error;
			toast(error.message, true);
		} finally {
			button.disabled = false;
			button.removeAttribute("aria-busy");
		}
	}
	return button;
}
