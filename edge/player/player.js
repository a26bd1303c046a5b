// player.js: the page to watch one stream: /APP/NAME/. Here its parts are put together; each is a module of its own.
import { startClock } from './clock.js';
import { Controls } from './controls.js';
import { Engine } from './engine.js';
import { startLook } from './look.js';
import { Menu } from './menu.js';
import { Notices } from './notices.js';
import { byId, root, say } from './page.js';
import { Session } from './session.js';
import { Stats } from './stats.js';

const name = location.pathname.slice(root.pathname.length).replace(/\/+$/, '');
const video = byId('video');
const session = new Session(name);
const engine = new Engine(session, video);

say(byId('title'), decodeURIComponent(name));
document.title = `${decodeURIComponent(name)} · Weir`;
startLook();
new Notices(session, engine, video);
new Menu(engine);
new Controls(engine, video);
new Stats(engine, video);
startClock();
session.run();
