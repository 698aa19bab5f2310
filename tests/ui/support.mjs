// SPDX-License-Identifier: MIT
// Usage: node explorer.mjs GOLDPAN.  What the tests of the page share: a catalog of the bundled sample, goldpan explore over it, Debian's Chromium.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const goldpan = resolve(process.argv[2]);
export const source = process.env.GOLDPAN_SOURCE ?? '.';
const require = createRequire(join(source, 'web/package.json'));

/** Chromium's path, or an end with 77 (skipped). */
function browserPath() {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  for (const folder of (process.env.PATH ?? '').split(':')) for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  console.log('skipped: no chromium here');
  process.exit(77);
}

export const folder = mkdtempSync(join(tmpdir(), 'goldpan-ui-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
export const env = { ...process.env, GOLDPAN_DATA: source, XDG_CACHE_HOME: join(folder, 'cache'), DISPLAY: '', WAYLAND_DISPLAY: '' };
delete env.GOLDPAN_MODEL;

/** A copy of part of the sample, run: categories, slices, map. */
export function makeCatalog(name) {
  const pictures = join(folder, name);
  mkdirSync(pictures);
  const sample = join(source, 'sample/drawn-world');
  for (const one of readdirSync(sample, { withFileTypes: true })) if (one.isDirectory()) cpSync(join(sample, one.name), join(pictures, one.name), { recursive: true });
  execFileSync(goldpan, ['run', pictures, '--model', 'drawn-world-mini'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  // No slice of the sample is beyond chance: let some in that are not, to have something to show.
  execFileSync(goldpan, ['slices', pictures, '--alpha', '0.9', '--quiet'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  return pictures;
}

/** goldpan explore until stop(); `url` once it listens. */
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
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      return ended;
    },
  };
}

export async function openBrowser(...more) {
  const { chromium } = require('playwright-core');
  return chromium.launch({
    executablePath: browserPath(),
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', ...more],
  });
}

/** A page with nothing remembered; what goes wrong in it is collected in `page.wrong`. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, permissions: ['clipboard-read', 'clipboard-write'], ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.wrong = [];
  page.outside = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.wrong.push(message.text()));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && host !== new URL(url).host) page.outside.push(request.url());
  });
  await page.goto(url);
  await page.getByRole('listbox', { name: 'Images' }).waitFor();
  return page;
}

/** What a test left on the page, well or not: BUILD/screenshots/NAME.png. */
export async function keepScreenshot(page, name) {
  if (!process.env.GOLDPAN_BUILD) return;
  const place = join(process.env.GOLDPAN_BUILD, 'screenshots');
  mkdirSync(place, { recursive: true });
  await page.screenshot({ path: join(place, `${name.replace(/[^a-zA-Z0-9]+/g, '-').slice(0, 80)}.png`) }).catch(() => undefined);
}

/** Rows of a query on the catalog, by the sqlite3 command. */
export function sql(pictures, query) {
  const text = execFileSync('sqlite3', ['-json', join(pictures, '.goldpan/catalog.db'), query], { encoding: 'utf8' });
  return text ? JSON.parse(text) : [];
}

export const axeSource = () => require.resolve('axe-core/axe.min.js');
