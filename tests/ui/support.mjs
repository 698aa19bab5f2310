// SPDX-License-Identifier: MIT
// Usage: node explorer.mjs GOLDPAN. Shared by the tests of the page: a catalog of the bundled sample, `goldpan
// explore` on this catalog, and Debian's Chromium.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as runner from 'node:test';

export const goldpan = resolve(process.argv[2]);
export const source = resolve(process.env.GOLDPAN_SOURCE ?? '.');
const require = createRequire(join(source, 'web/package.json'));

/** The number of failed cases of this file. */
let failures = 0;

/**
 * Time-out in milliseconds. It is so long that it ends only a page that hangs, even on a loaded machine. After three
 * failed cases the page counts as broken: further cases wait only a tenth of this time, so that a broken page does
 * not take hours.
 */
const patience = () => (6000 * Number(process.env.GOLDPAN_SLOW ?? 20)) / (failures < 3 ? 1 : 10);

/** Defines a test case. A case that takes longer than `waits` times the time-out fails. */
export const it = (name, run, waits = 5) =>
  runner.it(name, { timeout: waits * patience() }, async () => {
    try {
      await run();
    } catch (error) {
      failures++;
      throw error;
    }
  });

/** Returns the path of Chromium. Without Chromium, ends the test with exit code 77 (skipped). Snap packages are not
 * used, because they have their own folders for temporary files. */
function browserPath() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const works = (path) => {
    try {
      return existsSync(path) && !realpathSync(path).includes('/snap') && execFileSync(path, ['--version'], { stdio: 'pipe' }).length > 0;
    } catch {
      return false;
    }
  };
  for (const place of (process.env.PATH ?? '').split(':')) for (const name of names) if (works(join(place, name))) return join(place, name);
  let known = '';
  try {
    known = execFileSync('apt-cache', ['policy', 'chromium'], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    known = '';
  }
  console.log(/Candidate: *[^( ]/.test(known) ? 'skipped: no chromium here' : 'skipped: no chromium here, and no package source has it');
  process.exit(77);
}

export const folder = mkdtempSync(join(tmpdir(), 'goldpan-ui-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
export const env = { ...process.env, GOLDPAN_DATA: source, XDG_CACHE_HOME: join(folder, 'cache'), DISPLAY: '', WAYLAND_DISPLAY: '' };
delete env.GOLDPAN_MODEL;

/** Makes a catalog of the sample and one image grid by `goldpan run`, with categories, slices and map. goldpan sets the
 * grid apart: it gets no score. */
export function makeCatalog(name) {
  const pictures = join(folder, name);
  mkdirSync(pictures);
  const sample = join(source, 'sample/drawn-world');
  for (const one of readdirSync(sample, { withFileTypes: true })) if (one.isDirectory()) cpSync(join(sample, one.name), join(pictures, one.name), { recursive: true });
  mkdirSync(join(pictures, 'txt2img-grids'));
  cpSync(join(source, 'tests/golden/images/in/edges-225x224.png'), join(pictures, 'txt2img-grids/grid-0001.png'));
  execFileSync(goldpan, ['run', pictures, '--model', 'drawn-world-mini'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  // With the default --alpha, goldpan finds no significant slice in the sample. With --alpha 0.9 the catalog contains
  // slices that the tests can show.
  execFileSync(goldpan, ['slices', pictures, '--alpha', '0.9', '--quiet'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  return pictures;
}

/** Stores groups of three near copies in every third prompt, because the sample has only a few pairs. */
export function moreCopies(pictures) {
  const free = 'SELECT image, prompt FROM image_prompts WHERE prompt % 3 = 0 AND image NOT IN (SELECT image FROM duplicates)';
  execFileSync('sqlite3', [
    join(pictures, '.goldpan/catalog.db'),
    `CREATE TEMP TABLE more AS SELECT image, prompt + 100000 AS id FROM (SELECT image, prompt, row_number() OVER (PARTITION BY prompt ORDER BY image) AS place FROM (${free})) WHERE place <= 3;
     INSERT INTO duplicate_groups(id, analysis, representative, keeper, reason) SELECT id, (SELECT max(analysis) FROM duplicate_groups), min(image), min(image), 'test' FROM more GROUP BY id;
     INSERT INTO duplicates(in_group, image, likeness) SELECT id, image, 0.99 FROM more;`,
  ]);
}

/** Starts goldpan explore, which runs until stop() is called. Returns when the server listens. `url`: the address of
 * the page. */
export async function explore(pictures, ...options) {
  const child = spawn(goldpan, ['explore', pictures, '--no-open', ...options], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
  const url = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (text.includes('\n')) resolve(text.trim());
    });
    ended.then((code) => reject(new Error(`goldpan explore ended with ${code}`)));
  });
  return {
    url,
    /** Stops the server. Returns the exit code, or the signal that ended the server: SIGKILL if it did not stop by
     * itself. */
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), patience());
      return ended.finally(() => clearTimeout(late));
    },
  };
}

/** SwiftShader draws only WebGL. The rest of the page is drawn without OpenGL, as Chromium does on a computer without a
 * graphics card: this takes a third of the time. */
const FLAGS = ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-gpu-compositing', '--disable-gpu-rasterization'];

export async function openBrowser(...more) {
  const executablePath = browserPath();
  const packages = spawnSync('sh', [join(source, 'tools/page.sh'), '--packages'], { encoding: 'utf8' });
  if (packages.status === 3) {
    console.log(`skipped: ${packages.stderr.trim()}`);
    process.exit(77);
  }
  assert.equal(packages.status, 0, packages.stderr);
  const { chromium } = require('playwright-core');
  const browser = await chromium.launch({
    executablePath,
    timeout: patience(),
    args: [...FLAGS, ...more],
  });
  const plain = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await plain(options);
    context.setDefaultTimeout(patience());
    // On a loaded machine, Chromium sometimes draws no frame after a change of the window's size until a script
    // requests a frame. A click by Playwright waits for this frame, without a time-out.
    await context.addInitScript(() => setInterval(() => requestAnimationFrame(() => undefined), 500));
    return context;
  };
  return browser;
}

/** Opens a page without stored settings. Errors of the page are collected in `page.wrong`. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.outside = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.wrong.push(message.text()));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && host !== new URL(url).host) page.outside.push(request.url());
  });
  await page.goto(url);
  await page.locator('.main [data-row]').first().waitFor();
  return page;
}

/** Waits until `test` holds. `why`: the error message if `test` never holds, or a function that returns the
 * message. */
export async function until(test, why) {
  const end = Date.now() + patience();
  while (Date.now() < end) {
    if (await test()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(typeof why === 'function' ? await why() : why);
}

/** Waits `ms` milliseconds in the page, and then until the page has drawn some frames. */
export async function settle(page, ms) {
  await page.waitForTimeout(ms);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(resolve, { timeout: 2000 })))));
}

/** Saves a screenshot of the page at the end of a test, whether it passed or failed: BUILD/screenshots/NAME.png. */
export async function keepScreenshot(page, name) {
  if (!process.env.GOLDPAN_BUILD) return;
  const place = join(process.env.GOLDPAN_BUILD, 'screenshots');
  mkdirSync(place, { recursive: true });
  await page.screenshot({ path: join(place, `${name.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 80)}.png`) }).catch(() => undefined);
}

/** Returns the rows of a query on the catalog, by the command sqlite3. */
export function sql(pictures, query) {
  const text = execFileSync('sqlite3', ['-json', join(pictures, '.goldpan/catalog.db'), query], { encoding: 'utf8' });
  return text ? JSON.parse(text) : [];
}

export const axeSource = () => require.resolve('axe-core/axe.min.js');

/** Opens a view by its link in the bar at the top, or at the bottom of a narrow window. */
export async function view(page, name) {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).first().click();
  await page.locator(`.main[aria-label="${name.toLowerCase()}"]`).waitFor();
}

/** Returns the pictures on the wall from left to right and from top to bottom: [{row, x, y}]. */
export const cellsInOrder = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.wall [data-row]')]
      .map((cell) => ({ row: Number(cell.dataset.row), ...cell.getBoundingClientRect().toJSON() }))
      .sort((a, b) => a.y - b.y || a.x - b.x)
      .map(({ row, x, y }) => ({ row, x, y })),
  );

export const count = (page) => page.locator('.status .count').innerText();
export const current = (page) => page.locator('.main [aria-current="true"]').getAttribute('data-row');

/** Returns the hash of the image in `row`, from the column of hashes that the page loads. */
export const hashOf = (page, row) =>
  page.evaluate(async (at) => {
    const manifest = await (await fetch('data/catalog.json')).json();
    const data = new Uint8Array(await (await fetch(manifest.columns.find((c) => c.name === 'hash').file)).arrayBuffer());
    return Array.from(data.subarray(at * 16, at * 16 + 16), (b) => b.toString(16).padStart(2, '0')).join('');
  }, Number(row));

/** Returns the marks of an image in the catalog. */
export const ratingOf = (pictures, hash) =>
  sql(pictures, `SELECT r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE i.hash = x'${hash}'`)[0] ?? { flag: 0, stars: 0 };
