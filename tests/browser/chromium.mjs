// chromium.mjs: a browser that is told what to do by lines of JSON on its input, and answers each by one on its output:
// {do: …} → {value: …} or {error: …}. What a page logs or fails to load is kept, for `complaints`.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
	executablePath: '/usr/bin/chromium',
	headless: true,
	chromiumSandbox: false,
	args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
		'--disable-sync', '--autoplay-policy=no-user-gesture-required', '--ignore-certificate-errors'],
});
let context, page;
let complaints = [], hosts = new Set();

const orders = {
	async open({ url, width = 1280, height = 900, look = 'light' }) {
		await context?.close();
		complaints = [];
		hosts = new Set();
		const phone = width < 600;
		context = await browser.newContext({ viewport: { width, height }, colorScheme: look, isMobile: phone, hasTouch: phone });
		page = await context.newPage();
		page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
		page.on('console', (m) => { if (/content security policy/i.test(m.text())) complaints.push(m.text()); });
		page.on('request', (r) => hosts.add(new URL(r.url()).host));
		await page.goto(url);
	},
	read: ({ script }) => page.evaluate(script),
	/* The page's next `times` requests to that address are answered by a page of somebody else's. */
	intercept: ({ url, times }) => page.route(url, (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<p>Log in' }), { times }),
	key: ({ key }) => page.keyboard.press(key),
	choose: ({ selector, value }) => page.selectOption(selector, value),
	click: ({ selector }) => page.click(selector),
	shot: ({ path }) => page.screenshot({ path }),
	complaints: () => complaints,
	hosts: () => [...hosts].filter(Boolean),
};

for await (const line of createInterface({ input: process.stdin })) {
	const order = JSON.parse(line);
	let answer;
	try {
		answer = { value: (await orders[order.do](order)) ?? null };
	} catch (error) {
		answer = { error: error.message };
	}
	process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
