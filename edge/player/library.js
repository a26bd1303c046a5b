// library.js: the libraries that play, loaded from this edge when they are first needed.
const loading = new Map();

/** Resolves to what the script puts under `window[name]`. */
export function library(file, name) {
	if (!loading.has(file)) {
		loading.set(file, new Promise((done, failed) => {
			const script = document.createElement('script');
			script.src = new URL(file, import.meta.url);
			script.onload = () => done(window[name]);
			script.onerror = () => {
				loading.delete(file);
				script.remove();
				failed(new Error(`${file} is not served by this edge`));
			};
			document.head.append(script);
		}));
	}
	return loading.get(file);
}
