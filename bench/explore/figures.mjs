// SPDX-License-Identifier: MIT
// Measures what a person at the explorer waits for, with a large catalog, the real server and Debian's Chromium.
//
//     GOLDPAN_SOURCE=. node bench/explore/figures.mjs GOLDPAN [GOLDPAN...] [--rows 100000] [--rounds 5] [--acts 20]
//                           [--memory 1000] [--keep FOLDER] [--json FILE]
//
// With several programs, such as one of before a change and one of after it, each round measures one after the other,
// so that they share the load of the machine: compare their ratios. bench/explore/catalog.py makes the catalog; with
// --keep it stays in FOLDER for the next run. All acts are keys and clicks, sent by the DevTools protocol.
//
// Median and worst are the times from the key or click until the frame with its result is drawn, measured in the page.
// "CPU" is the processor time of the page's main thread for an act, which depends less on other programs.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { env, folder, makeCatalog, openBrowser, source } from '../../tests/ui/support.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string', default: '100000' }, rounds: { type: 'string', default: '5' }, acts: { type: 'string', default: '20' }, memory: { type: 'string', default: '0' }, keep: { type: 'string' }, json: { type: 'string' }, profile: { type: 'string' } },
});
const programs = positionals.map((path) => resolve(path));
const rows = Number(options.rows);
const ACTS = Number(options.acts);
const WITH_THUMBNAILS = 200000; // rows up to which every image has thumbnails in the cache

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1)); // the servers end with it

// ------------------------------------------------------------------ the catalog

/** Large JPEGs: gradients, shapes and noise of a fixed seed. */
async function drawBases(browser, into) {
  mkdirSync(into, { recursive: true });
  const page = await browser.newPage();
  for (let i = 0; i < 12; i++) {
    const data = await page.evaluate((seed) => {
      let state = seed * 7919 + 1;
      const random = () => ((state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff);
      const canvas = Object.assign(document.createElement('canvas'), { width: 1024, height: 1024 });
      const to = canvas.getContext('2d');
      const sky = to.createLinearGradient(0, 0, 1024 * random(), 1024);
      for (const at of [0, 0.5, 1]) sky.addColorStop(at, `hsl(${360 * random()} 60% ${20 + 50 * random()}%)`);
      to.fillStyle = sky;
      to.fillRect(0, 0, 1024, 1024);
      for (let n = 0; n < 400; n++) {
        to.fillStyle = `hsl(${360 * random()} 50% ${70 * random()}% / 30%)`;
        to.beginPath();
        to.arc(1024 * random(), 1024 * random(), 4 + 90 * random(), 0, 7);
        to.fill();
      }
      return canvas.toDataURL('image/jpeg', 0.85).split(',')[1];
    }, i + 1);
    writeFileSync(join(into, `${i}.jpg`), Buffer.from(data, 'base64'));
  }
  await page.close();
}

/** Fills the thumbnail cache: makes the thumbnails of the first 12 real files, and for all other images hard links to
 * these thumbnails. */
async function fillCache(program, catalog) {
  const query = (text) => execFileSync('sqlite3', [catalog, text], { encoding: 'utf8', maxBuffer: 1 << 30 }).trim().split('\n');
  const hashes = query('SELECT lower(hex(hash)) FROM images ORDER BY id');
  const base = query("SELECT lower(hex(i.hash)) FROM images i JOIN paths p ON p.image = i.id WHERE p.path LIKE '%/large/%' ORDER BY p.path LIMIT 12");
  const server = await serve(program, catalog);
  for (const size of [256, 512]) for (const hash of base) await (await fetch(`${server.url}thumb/${size}/${hash}.jpg`)).arrayBuffer();
  await server.stop();
  const place = (hash) => join(env.XDG_CACHE_HOME, 'goldpan/thumbs/1', hash.slice(0, 2));
  for (const [i, hash] of hashes.entries()) {
    mkdirSync(place(hash), { recursive: true });
    const from = base[i % base.length];
    for (const size of [256, 512]) {
      const to = join(place(hash), `${hash}-${size}.jpg`);
      if (!existsSync(to)) linkSync(join(place(from), `${from}-${size}.jpg`), to);
    }
  }
}

/** Makes the catalog, or uses the catalog of an earlier run with --keep. Returns one copy of the catalog for each program. */
async function prepare(browser) {
  const root = resolve(options.keep ?? folder, String(rows));
  const pictures = join(root, 'pictures');
  const catalog = join(pictures, '.goldpan/catalog.db');
  env.XDG_CACHE_HOME = join(root, 'cache');
  if (!existsSync(join(root, 'made'))) {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    const sample = makeCatalog(`sample-${rows}`);
    cpSync(sample, pictures, { recursive: true });
    await drawBases(browser, join(root, 'bases'));
    execFileSync('python3', [join(source, 'bench/explore/catalog.py'), programs[0], pictures, String(rows), join(root, 'bases')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    if (rows <= WITH_THUMBNAILS) await fillCache(programs[0], catalog);
    writeFileSync(join(root, 'made'), '');
  }
  return programs.map((program, i) => {
    const copy = join(root, `copy-${i}`);
    mkdirSync(copy, { recursive: true });
    for (const name of readdirSync(copy)) rmSync(join(copy, name));
    copyFileSync(catalog, join(copy, 'catalog.db'));
    return { program, catalog: join(copy, 'catalog.db') };
  });
}

async function serve(program, catalog) {
  const begin = performance.now();
  const child = spawn(program, ['explore', '--catalog', catalog, '--no-open'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  process.on('exit', () => child.kill());
  const ended = new Promise((done) => child.on('exit', done));
  const url = await new Promise((done, failed) => {
    let text = '';
    child.stdout.on('data', (data) => (text += data).includes('\n') && done(text.trim()));
    ended.then((code) => failed(new Error(`${program} ended with ${code}`)));
  });
  return { url, listening: performance.now() - begin, stop: () => (child.kill('SIGINT'), ended) };
}

// ------------------------------------------------------------------ measuring in the page

/** Playwright runs this function in the page before the scripts of the page. */
function install() {
  // If nothing requests a frame, Chromium sometimes draws no frame, and then a click by Playwright waits without end.
  setInterval(() => requestAnimationFrame(() => undefined), 500);
  const afterFrame = (done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done();
    channel.port2.postMessage(0);
  };
  const frames = (test, done) => requestAnimationFrame(() => (test() ? afterFrame(done) : frames(test, done)));
  const cells = () => [...document.querySelectorAll('.main [data-row]')].map((cell) => cell.dataset.row).join();
  const current = () => document.querySelector('.cull .film [aria-current="true"], .main:not([inert] *) [aria-current="true"]')?.dataset.row;
  const largeReady = () => {
    const images = [...document.querySelectorAll('.cull .picture img')];
    const one = images.find((image) => image.getAttribute('src').startsWith('image/'));
    return one?.complete && one.naturalWidth > 0 ? one.getAttribute('src') : '';
  };
  const states = { current, cells, large: () => `${current()} ${largeReady()}` };
  globalThis.measuring = {
    /** Sets `result` to a promise of a number of milliseconds: the time from the next event of `type` until the frame
     * that shows the change of the state `what` (a name in `states`). */
    next: (type, what) => {
      globalThis.measuring.result = new Promise((done) =>
        addEventListener(
          type,
          ({ timeStamp }) => {
            const before = states[what]();
            const changed = () => states[what]() !== before && (what !== 'large' || largeReady() !== '');
            frames(changed, () => done(performance.now() - timeStamp));
          },
          { capture: true, once: true },
        ),
      );
    },
  };
  globalThis.measuring.shown = new Promise((done) => frames(() => document.querySelector('.main [data-row]'), () => done(performance.now())));
}

async function openPage(browser, url) {
  const page = await (await browser.newContext({ viewport: { width: 1366, height: 768 } })).newPage();
  page.setDefaultTimeout(180000);
  await page.addInitScript(install);
  page.cdp = await page.context().newCDPSession(page);
  await page.cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.goto(url);
  page.data = await page.evaluate(() => globalThis.measuring.shown);
  return page;
}

const metrics = async (page) => Object.fromEntries((await page.cdp.send('Performance.getMetrics')).metrics.map((m) => [m.name, m.value]));
/** Milliseconds of processor time that the page's main thread has used: in all, in scripts, in style and layout. */
async function busy(page) {
  const { TaskDuration, ScriptDuration, LayoutDuration, RecalcStyleDuration } = await metrics(page);
  return [TaskDuration, ScriptDuration, LayoutDuration + RecalcStyleDuration].map((s) => 1000 * s);
}
const since = (before, after) => after.map((ms, i) => ms - before[i]);

const rest = (page, ms = 150) => page.waitForTimeout(ms);
const settled = (page) => page.evaluate(() => new Promise((done) => requestIdleCallback(done, { timeout: 1000 })));

/** Calls `act`, which must cause an event of `type`, and waits until the state `what` changes (see `next`). Returns [ms,
 * CPU]; ms is NaN if the state does not change within 20 seconds. */
async function timed(page, type, what, act) {
  await settled(page);
  await page.evaluate(([of, state]) => globalThis.measuring.next(of, state), [type, what]);
  const before = await busy(page);
  await act();
  const ms = await Promise.race([page.evaluate(() => globalThis.measuring.result), page.waitForTimeout(20000).then(() => NaN)]);
  return [ms, since(before, await busy(page))];
}

const key = (page, name, what) => timed(page, 'keydown', what, () => page.keyboard.press(name));
const mark = (page, name) => page.locator('.filters .seg').getByRole('button', { name }).first();

// ------------------------------------------------------------------ what is measured

class Figures {
  list = new Map();
  add(name, [ms, cpu]) {
    if (!this.list.has(name)) this.list.set(name, { ms: [], cpu: [] });
    this.list.get(name).ms.push(ms);
    if (cpu !== undefined) this.list.get(name).cpu.push(cpu);
  }
}
const sorted = (list) => list.filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)] ?? NaN;
const worst = (list) => sorted(list).at(-1) ?? NaN;

async function open(page, view) {
  await page.evaluate((to) => (location.hash = to), view);
  await page.locator(`.main[aria-label="${view.replace(/\?.*/, '')}"] [data-row]`).first().waitFor();
  await rest(page, 400);
}

/** Presses N (next undecided prompt) until the current prompt has the button "Keep it". A prompt does not have this
 * button if an earlier round has rejected the suggestion for it. */
async function toSuggestion(page) {
  const button = page.locator('.prow.now').getByRole('button', { name: 'Keep it' });
  for (let i = 0; (await button.count()) === 0; i++) {
    if (i === 200) throw new Error('no prompt has a suggestion that can be kept');
    await page.keyboard.press('n');
    await rest(page);
  }
}

async function marks(page, figures) {
  await open(page, 'review');
  await page.keyboard.press('Home');
  for (let i = 0; i < ACTS; i++) {
    await toSuggestion(page);
    figures.add('Review: K, next prompt', await key(page, 'k', 'current'));
  }
  await open(page, 'review?mark=undecided');
  for (let i = 0; i < ACTS; i++) figures.add('Review, undecided only: X, next picture', await key(page, 'x', 'current'));
  await open(page, 'wall?mark=undecided');
  await page.keyboard.press('Home');
  for (let i = 0; i < ACTS; i++) figures.add('Wall, undecided only: P, next picture', await key(page, 'p', 'current'));
  await open(page, 'wall');
  for (let i = 0; i < ACTS; i++) {
    await page.keyboard.press('3');
    figures.add('Wall: stars, then →', await key(page, 'ArrowRight', 'current'));
  }
  await page.keyboard.press('Home');
  await page.keyboard.press('e');
  await page.locator('.cull .picture img').first().waitFor();
  await rest(page, 500);
  for (let i = 0; i < ACTS; i++) figures.add('Cull: P, next picture large', await key(page, i % 2 ? 'x' : 'p', 'large'));
  await page.keyboard.press('Escape');
}

async function filters(page, figures) {
  for (const view of ['wall', 'review']) {
    await open(page, view);
    const name = `${view === 'wall' ? 'Wall' : 'Review'}: `;
    const press = async (what, button) => figures.add(name + what, await timed(page, 'click', 'cells', () => button.click()));
    for (let i = 0; i < Math.ceil(ACTS / 8); i++) for (const one of ['Undecided', 'Picked', 'Rejected', 'Suggested', 'All']) await press('marks in the filter bar', mark(page, one));
    await page.getByRole('button', { name: 'Category', exact: true }).click();
    for (let i = 0; i < 4; i++) await press('category, with its counts in sight', page.getByRole('checkbox').nth(i));
    await page.keyboard.press('Escape');
    await press('clear filters', page.getByRole('button', { name: /^Clear filter/ }));
  }
}

/** Measures the frames while the list scrolls by 12 pixels in each frame. */
async function scroll(page, figures) {
  for (const view of ['wall', 'review']) {
    await open(page, view);
    const before = await busy(page);
    const gaps = await page.evaluate(
      (selector) =>
        new Promise((done) => {
          const host = document.querySelector(selector);
          const list = [];
          let last = performance.now();
          const begin = last;
          const step = (now) => {
            list.push(now - last);
            last = now;
            host.scrollTop += 12;
            if (now - begin < 3000) requestAnimationFrame(step);
            else done(list.slice(1));
          };
          requestAnimationFrame(step);
        }),
      view === 'wall' ? '.wall' : '.review',
    );
    const cpu = since(before, await busy(page)).map((ms) => ms / gaps.length);
    for (const gap of gaps) figures.add(`${view === 'wall' ? 'Wall' : 'Review'}: a frame of scrolling by 12 pixels`, [gap, cpu]);
  }
}

async function memory(page, count, report) {
  const heap = async () => {
    await settled(page);
    await rest(page, 500);
    for (let i = 0; i < 3; i++) await page.cdp.send('HeapProfiler.collectGarbage');
    const { usedSize } = await page.cdp.send('Runtime.getHeapUsage');
    const { Nodes, JSEventListeners } = await metrics(page);
    return { MB: usedSize / 1e6, nodes: Nodes, listeners: JSEventListeners };
  };
  const run = async (name, place, keys, first) => {
    await open(page, place);
    await first?.();
    const press = async (n) => {
      for (let i = 0; i < n; i++) {
        await page.keyboard.press(keys[i % keys.length]);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => done())));
      }
    };
    await press(200); // caches fill
    const before = await heap();
    await press(count);
    report.push({ name, marks: count, before, after: await heap() });
  };
  await run('Review: K', 'review', ['k']);
  await run('Wall, undecided only: P, X', 'wall?mark=undecided', ['p', 'x']);
  await run('Cull: P, X', 'wall', ['p', 'x'], async () => {
    await page.keyboard.press('Home');
    await page.keyboard.press('e');
    await rest(page, 500);
  });
  await page.keyboard.press('Escape');
}

async function round(browser, server, figures) {
  const page = await openPage(browser, server.url);
  figures.add('first paint', [await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)]);
  figures.add('data', [page.data, await busy(page)]);
  await rest(page, 1500);
  if (options.profile) await page.cdp.send('Profiler.enable'), await page.cdp.send('Profiler.setSamplingInterval', { interval: 200 }), await page.cdp.send('Profiler.start');
  await marks(page, figures);
  await filters(page, figures);
  if (options.profile) writeFileSync(options.profile, JSON.stringify((await page.cdp.send('Profiler.stop')).profile));
  await scroll(page, figures);
  await page.context().close();
}

// ------------------------------------------------------------------ the report

const reportNow = () =>
  programs.map((program, at) => ({
    program,
    rows,
    figures: Object.fromEntries([...all[at].list].map(([name, { ms, cpu }]) => [name, { median: median(ms), worst: worst(ms), cpu: [0, 1, 2].map((part) => (cpu.length ? median(cpu.map((parts) => parts[part])) : null)), n: ms.length }])),
    memory: heaps[at] ?? [],
  }));
const number = (x) => (x === null || x === undefined || Number.isNaN(x) ? '-' : x.toFixed(x < 10 ? 1 : 0));
function print() {
  const report = reportNow();
  if (options.json) writeFileSync(options.json, JSON.stringify(report, null, 1));
  console.log(`${rows.toLocaleString('en')} images, ${done} rounds; median and worst in ms, CPU of the page's thread in all, in scripts, in style and layout; ratio: median and CPU of the first program through those of the last`);
  const first = report[0].figures;
  const last = report.at(-1).figures;
  for (const name of Object.keys(first)) {
    const cells = report.map(({ figures: { [name]: f } }) => (f ? `${number(f.median).padStart(7)} ${number(f.worst).padStart(7)} ${f.cpu.map((ms) => number(ms).padStart(6)).join('')}` : '-'.padStart(33)));
    const ratio = report.length > 1 && last[name] ? `  ratio ${(first[name].median / last[name].median).toFixed(2)}${first[name].cpu[0] ? `, CPU ${(first[name].cpu[0] / last[name].cpu[0]).toFixed(2)}` : ''}` : '';
    console.log(`${name.padEnd(46)} ${cells.join('  |')}${ratio}`);
  }
  for (const { program, memory: list } of report)
    for (const { name, marks: n, before, after } of list)
      console.log(`${program}: ${n} marks in ${name}: heap ${before.MB.toFixed(1)} → ${after.MB.toFixed(1)} MB, DOM nodes ${before.nodes} → ${after.nodes}, listeners ${before.listeners} → ${after.listeners}`);
}

const browser = await openBrowser('--disable-gpu');
const places = await prepare(browser);
const servers = [];
const all = places.map(() => new Figures());
const heaps = [];
let done = 0;
for (const { program, catalog } of places) servers.push(await serve(program, catalog));
servers.forEach((server, i) => all[i].add('server reads the catalog and listens', [server.listening]));
for (; done < Number(options.rounds); ) {
  for (const [at, server] of servers.entries()) await round(browser, server, all[at]);
  done++;
  print();
}
if (Number(options.memory))
  for (const [at, server] of servers.entries()) {
    const page = await openPage(browser, server.url);
    await memory(page, Number(options.memory), (heaps[at] = []));
    await page.context().close();
  }
await browser.close();
if (Number(options.memory)) print();
for (const server of servers) await server.stop();
