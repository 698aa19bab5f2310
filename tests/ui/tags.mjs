// SPDX-License-Identifier: MIT
// Tests tags in the page: the field that T opens, facts, filter, table, undo, reload, two
// pages, a read-only page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, beforeEach, describe } from 'node:test';
import { env, explore, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, sql, until, view } from './support.mjs';

let pictures, server, browser;
const stored = () => sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, t.tag FROM tags t JOIN images i ON i.id = t.image WHERE t.removed = 0 ORDER BY 1, 2');
const names = () => [...new Set(stored().map(({ tag }) => tag))].sort();
const status = (page) => page.locator('.status').innerText();
const facts = (page) => page.locator('aside.side .tags');
const field = (page) => page.getByRole('combobox', { name: 'New tag' });

before(async () => {
  pictures = makeCatalog('pictures');
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});
beforeEach(() => {
  const tagged = stored();
  if (!tagged.length) return;
  const paths = sql(pictures, 'SELECT DISTINCT path, tag FROM v_tags');
  for (const { path, tag } of paths) execFileSync(goldpan, ['mark', path, '--untag', tag, '--catalog', pictures, '-q'], { env });
});

/** A case on a page that shows the wall; keeps a screenshot and checks that the page reported no error. */
const seen = (name, run, options) =>
  it(name, async () => {
    const page = await openPage(browser, server.url, options);
    try {
      await view(page, 'Wall');
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, `tags ${name}`);
      await page.context().close();
    }
  });

async function type(page, text) {
  await page.keyboard.press('t');
  await field(page).waitFor();
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

describe('tags', () => {
  seen('T adds a tag to the current picture, and undo removes it', async (page) => {
    await type(page, '  at   night ');
    await page.keyboard.press('Escape');
    await facts(page).getByText('at night', { exact: true }).waitFor();
    await until(() => stored().length === 1 && stored()[0].tag === 'at night', () => JSON.stringify(stored()));
    await page.keyboard.press('Control+z');
    await until(() => stored().length === 0, 'not undone');
    await until(async () => (await facts(page).getByText('at night').count()) === 0, 'the facts still show the tag');
    await page.keyboard.press('Control+Shift+z');
    await until(() => stored().length === 1, 'not done again');
    await facts(page).getByRole('button', { name: 'Remove the tag at night' }).click();
    await until(() => stored().length === 0, 'not removed');
  });

  seen('all chosen pictures get a tag, with a notice and Undo', async (page) => {
    await page.keyboard.press('Control+a');
    const all = Number((await status(page)).replaceAll(',', '').match(/(\d+) chosen/)[1]);
    await type(page, 'castle');
    await page.getByText(`“castle” added to ${all.toLocaleString()} pictures.`).waitFor();
    await until(() => stored().length === all, () => `${stored().length} of ${all}`);
    await page.getByRole('button', { name: 'Undo', exact: true }).last().click();
    await until(() => stored().length === 0, 'not undone');
  });

  seen('the field completes known tags and rejects what is no tag', async (page) => {
    await type(page, 'Red fox, snow');
    await until(() => names().join() === 'Red fox,snow', () => names().join());
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('t');
    await page.keyboard.type('re');
    await page.getByRole('option', { name: 'Red fox' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until(() => stored().filter(({ tag }) => tag === 'Red fox').length === 2, 'not completed');
    await page.keyboard.type('SNOW');
    await page.keyboard.press('Enter');
    await until(() => stored().length === 4 && names().join() === 'Red fox,snow', () => `another spelling: ${names().join()}`);
    await page.keyboard.type('x'.repeat(101));
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('at most 100 characters').waitFor();
    assert.equal(stored().length, 4);
  });

  seen('the filter Tag shows pictures that have one of the tags, or none of them; a reload keeps it', async (page) => {
    await type(page, 'one');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowRight');
    await type(page, 'two');
    await page.keyboard.press('Escape');
    await until(() => stored().length === 2, 'not stored');
    const bar = page.getByRole('group', { name: 'Filters' });
    await bar.getByRole('button', { name: 'Tag', exact: true }).click();
    const box = page.getByRole('dialog', { name: 'Tag' });
    await box.getByRole('checkbox', { name: /^one/ }).check();
    await until(async () => /^1 of/.test(await status(page)), () => status(page));
    await box.getByRole('checkbox', { name: /^two/ }).check();
    await until(async () => /^2 of/.test(await status(page)), () => status(page));
    await box.getByRole('checkbox', { name: 'not these' }).check();
    const total = Number((await status(page)).match(/of (\d+)/)[1]);
    await until(async () => (await status(page)).startsWith(`${total - 2} of`), () => status(page));
    await page.reload();
    await page.locator('.main [data-row]').first().waitFor();
    await until(async () => (await status(page)).startsWith(`${total - 2} of`), () => status(page));
    await bar.getByText('not one or two').waitFor();
  });

  seen('a second page and the command see tags, and the table has a column of them', async (page) => {
    const other = await openPage(browser, server.url);
    await view(other, 'Wall');
    await type(page, 'shared');
    await page.keyboard.press('Escape');
    await facts(other).getByText('shared').waitFor();
    const [{ path }] = sql(pictures, 'SELECT path FROM v_tags');
    const shown = JSON.parse(execFileSync(goldpan, ['show', path, '--json', '--catalog', pictures], { env, encoding: 'utf8' }));
    assert.deepEqual(shown.images[0].tags, ['shared']);
    execFileSync(goldpan, ['mark', path, '--tag', 'by command', '--catalog', pictures, '-q'], { env });
    await facts(page).getByText('by command').waitFor();
    await other.context().close();
  });

  seen('in Cull, T adds a tag to the large picture', async (page) => {
    await page.keyboard.press('e');
    await type(page, 'large');
    await until(() => stored().length === 1, 'not stored');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await facts(page).getByText('large').waitFor();
  });

  it('a read-only page shows tags and changes none', async () => {
    const [{ path }] = sql(pictures, 'SELECT path FROM v_images ORDER BY image LIMIT 1');
    execFileSync(goldpan, ['mark', path, '--tag', 'kept', '--catalog', join(pictures, '.goldpan/catalog.db'), '-q'], { env });
    const reader = await explore(pictures, '--readonly', '--port', '0').catch(() => explore(pictures, '--readonly'));
    const page = await openPage(browser, reader.url);
    await view(page, 'Wall');
    await page.getByRole('group', { name: 'Filters' }).getByRole('button', { name: 'Tag', exact: true }).waitFor();
    await page.keyboard.press('t');
    await page.getByText('Tags cannot be changed').waitFor();
    assert.equal(await field(page).count(), 0);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
    await reader.stop();
  });
});
