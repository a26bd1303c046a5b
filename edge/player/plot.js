// plot.js: the last minute of one measure, as a line with what is below it, or as bars.
const POINTS = 120;

/** The next of 1, 2, 5, 10, 20, … so that a scale does not change with each point. */
function scaleOf(most) {
	const power = 10 ** Math.floor(Math.log10(most));
	return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= most);
}

export class Plot {
	constructor(canvas, { least, bars = false }) {
		this.canvas = canvas;
		this.least = least;
		this.bars = bars;
		this.values = [];
		new ResizeObserver(() => this.draw()).observe(canvas);
	}

	add(value) {
		this.values.push(value);
		if (this.values.length > POINTS) this.values.shift();
		if (!document.hidden) this.draw();
	}

	draw() {
		const { canvas } = this;
		const ratio = window.devicePixelRatio || 1;
		const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
		if (!width || !height) return;
		if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
		const style = getComputedStyle(canvas);
		const pen = canvas.getContext('2d');
		pen.clearRect(0, 0, width, height);
		pen.fillStyle = style.getPropertyValue('--line');
		pen.fillRect(0, height - ratio, width, ratio);
		const top = scaleOf(Math.max(this.least, ...this.values.map((v) => v ?? 0)));
		const step = width / (POINTS - 1);
		const points = this.values.map((v, i) => v === null ? null : {
			x: width - (this.values.length - 1 - i) * step,
			y: height - ratio - Math.max(0, v / top) * (height - 4 * ratio),
		});
		pen.fillStyle = pen.strokeStyle = style.getPropertyValue('--accent');
		if (this.bars) this.drawBars(pen, points, step, height);
		else this.drawLines(pen, points, ratio, height);
	}

	drawBars(pen, points, step, height) {
		for (const p of points) if (p) pen.fillRect(p.x - step, p.y, Math.max(1, step * 0.8), height - p.y);
	}

	/** A line for each run of known values. */
	drawLines(pen, points, ratio, height) {
		pen.lineWidth = 1.6 * ratio;
		pen.lineJoin = 'round';
		for (let i = 0; i < points.length; i++) {
			if (!points[i]) continue;
			const first = i;
			const line = new Path2D();
			for (; i < points.length && points[i]; i++) line.lineTo(points[i].x, points[i].y);
			const below = new Path2D(line);
			below.lineTo(points[i - 1].x, height);
			below.lineTo(points[first].x, height);
			pen.globalAlpha = 0.16;
			pen.fill(below);
			pen.globalAlpha = 1;
			pen.stroke(line);
		}
	}
}
