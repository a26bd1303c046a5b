// page.js: small things that every module of the page needs.

export const byId = (id) => document.getElementById(id);

/** An element with attributes, text and children. */
export function make(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (name === 'text') element.textContent = value;
		else element.setAttribute(name, value);
	}
	element.append(...children);
	return element;
}

/** Sets a text only where it differs: live regions speak on every change. */
export function say(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export const wait = (ms, signal) => new Promise((done) => {
	const timer = setTimeout(done, ms);
	signal?.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});

/** The edge's root, from any page of it: pages may be served below a path of a proxy. */
export const root = new URL('../', import.meta.url);

const SHAPES = {
	play: '<path d="M7 4v16l13-8z"/>',
	pause: '<path d="M8 5v14M16 5v14"/>',
	sound: '<path d="M4 9v6h4l5 4V5L8 9zM17 8.5a5 5 0 0 1 0 7"/>',
	silent: '<path d="M4 9v6h4l5 4V5L8 9zM17 9.5l5 5m0-5-5 5"/>',
	full: '<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
	small: '<path d="M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5"/>',
	pip: '<path d="M3 5h18v14H3zM13 12h5v4h-5z"/>',
	dark: '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z"/>',
	light: '<circle cx="12" cy="12" r="4"/><path d="M12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5"/>',
};

/** Gives a button a picture, and a name for who does not see it. */
export function picture(button, shape, name) {
	if (button.dataset.shape === shape) return;
	button.dataset.shape = shape;
	button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${SHAPES[shape]}</svg>`;
	button.setAttribute('aria-label', name);
}

/** What a person chose before, where the browser keeps such things. */
export const memory = {
	get(key) {
		try { return localStorage.getItem(`weir.${key}`); } catch { return null; }
	},
	set(key, value) {
		try { localStorage.setItem(`weir.${key}`, value); } catch { /* not kept, then */ }
	},
};
