// look.js: dark or light: as the system wishes, or as was chosen here.
import { byId, memory, picture } from './page.js';

const wish = matchMedia('(prefers-color-scheme: dark)');

function apply() {
	const look = memory.get('look') ?? (wish.matches ? 'dark' : 'light');
	document.documentElement.dataset.look = look;
	const other = look === 'dark' ? 'light' : 'dark';
	picture(byId('look'), other, `Use the ${other} look`);
	document.dispatchEvent(new Event('look'));
}

export function toggleLook() {
	memory.set('look', document.documentElement.dataset.look === 'dark' ? 'light' : 'dark');
	apply();
}

export function startLook() {
	byId('look').addEventListener('click', toggleLook);
	wish.addEventListener('change', apply);
	apply();
}
