// SPDX-License-Identifier: MIT
// Stacks: near copies, or all pictures of a prompt, in one cell.  A mark on a folded stack changes its top picture only.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { axeSource, cellsInOrder, count, current, explore, hashOf, it, keepScreenshot, makeCatalog, openBrowser, openPage, sql, until, view } from './support.mjs';

let pictures, catalog, server, browser;
/** `three`: rows of a group of three near copies; `pair`: rows of a group of two */
let three, pair;
const marks = () => sql(pictures, 'SELECT i.id - 1 AS row, r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE r.flag <> 0 OR r.stars > 0 ORDER BY 1');
const one = (query) => sql(pictures, query)[0];

before(async () => {
  pictures = makeCatalog('pictures');
  catalog = join(pictures, '.goldpan/catalog.db');
  const groups = sql(pictures, 'SELECT in_group AS id, min(image) AS image FROM duplicates GROUP BY in_group ORDER BY in_group');
  const prompt = one(`SELECT prompt FROM image_prompts WHERE image = ${groups[0].image}`).prompt;
  const third = one(`SELECT image FROM image_prompts WHERE prompt = ${prompt} AND image NOT IN (SELECT image FROM duplicates) ORDER BY image LIMIT 1`).image;
  execFileSync('sqlite3', [catalog, `INSERT INTO duplicates(in_group, image, likeness) VALUES(${groups[0].id}, ${third}, 0.99)`]);
  const rowsOf = (id) => sql(pictures, `SELECT image - 1 AS row FROM duplicates WHERE in_group = ${id} ORDER BY 1`).map(({ row }) => row);
  [three, pair] = [rowsOf(groups[0].id), rowsOf(groups[1].id)];
  assert.deepEqual([three.length, pair.length], [3, 2]);
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const stacked = (name, run, options = {}) =>
  it(name, async () => {
    execFileSync('sqlite3', [catalog, 'DELETE FROM ratings']);
    const page = await openPage(browser, server.url, options);
    try {
      assert.equal(await hashOf(page, three[0]), one(`SELECT lower(hex(hash)) AS hash FROM images WHERE id = ${three[0] + 1}`).hash);
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, `stacks ${name}`);
      await page.context().close();
    }
  });

const all = () => one('SELECT count(*) AS n FROM images').n;
const hidden = () => one('SELECT sum(n - 1) AS hidden, count(*) AS stacks FROM (SELECT count(*) AS n FROM duplicates d JOIN image_prompts p USING(image) GROUP BY d.in_group, p.prompt HAVING n > 1)');
const kind = (page) => page.getByRole('combobox', { name: 'Stacks' });
const cell = (page, row) => page.locator(`.main [data-row="${row}"]`);
const isThere = async (page, row) => (await cell(page, row).count()) > 0;
const shownOf = async (page, rows) => {
  const there = [];
  for (const row of rows) if (await isThere(page, row)) there.push(row);
  return there;
};
/** Makes the pictures so small that the cells of all pictures are in the document. */
async function small(page) {
  await view(page, 'Wall');
  await page.getByLabel('Size of the pictures').fill('64');
  await until(async () => (await page.locator('.wall [data-row]').count()) >= all(), 'not all pictures fit');
}
const tall = { viewport: { width: 1440, height: 1400 } };

stacked('S folds near copies to one cell with a count, and the bar says how many are hidden', async (page) => {
  await small(page);
  const { stacks, hidden: n } = hidden();
  assert.equal((await shownOf(page, three)).length, 3);
  await page.keyboard.press('s');
  await until(async () => (await count(page)).includes(`${stacks} stacks hide ${n}`), async () => count(page));
  assert.match(await count(page), new RegExp(`^${all()} pictures`));
  assert.equal(await page.locator('.wall [data-row]').count(), all() - n);
  const [top] = await shownOf(page, three);
  assert.equal(await cell(page, top).locator('[data-stack]').innerText(), '3');
  assert.equal(await page.locator('.wall [data-stack]').count(), stacks);
  assert.match(page.url(), /stacks=near/);
  assert.equal(await kind(page).inputValue(), 'near');
  // Back shows the wall without stacks. Forward and a reload show the stacks again.
  await page.goBack();
  await until(async () => (await shownOf(page, three)).length === 3, 'Back does not unfold');
  await page.goForward();
  await until(async () => (await shownOf(page, three)).length === 1, 'Forward does not fold');
  await page.reload();
  await until(async () => (await count(page).catch(() => '')).includes('stacks hide'), 'the reload forgets the stacks');
  await page.keyboard.press('s');
  await until(async () => (await shownOf(page, three)).length === 3, 'S does not unfold');
}, tall);

stacked('a mark on a folded stack changes its top picture only', async (page) => {
  await small(page);
  await page.keyboard.press('s');
  await until(async () => (await shownOf(page, three)).length === 1, 'not folded');
  const [top] = await shownOf(page, three);
  await cell(page, top).click({ position: { x: 20, y: 40 } });
  await page.keyboard.press('x');
  await page.keyboard.press('4');
  await until(() => marks().some(({ stars }) => stars === 4), 'not marked');
  assert.deepEqual(marks(), [{ row: top, flag: -1, stars: 4 }]);
  await page.keyboard.press('Control+z');
  await page.keyboard.press('Control+z');
  // Ctrl+A chooses all pictures that are shown: one for each cell.
  const { hidden: n } = hidden();
  await page.keyboard.press('Control+a');
  await until(async () => (await count(page)).includes(`${all() - n} chosen`), async () => count(page));
  await page.keyboard.press('2');
  await until(() => marks().length === all() - n, () => `${marks().length} are marked`);
  await page.locator('.notice').getByText(`${all() - n} pictures given 2 stars.`).waitFor();
  assert.equal(marks().filter(({ row }) => three.includes(row)).length, 1);
}, tall);

stacked('folding lets go of what it hides', async (page) => {
  await small(page);
  await cell(page, three[0]).click({ modifiers: ['Control'] });
  await cell(page, three[1]).click({ modifiers: ['Control'] });
  await cell(page, three[2]).click({ modifiers: ['Control'] });
  await until(async () => (await count(page)).includes('3 chosen'), 'not chosen');
  await page.keyboard.press('s');
  await until(async () => (await count(page)).includes('1 chosen'), async () => count(page));
  await page.keyboard.press('s');
  await until(async () => (await shownOf(page, three)).length === 3, 'not unfolded');
  assert.match(await count(page), /1 chosen/);
}, tall);

stacked('a press of the count and O open the stack in its place', async (page) => {
  await small(page);
  await page.keyboard.press('s');
  await until(async () => (await shownOf(page, three)).length === 1, 'not folded');
  const [top] = await shownOf(page, three);
  const placeOf = async (row) => (await cellsInOrder(page)).findIndex((one) => one.row === row);
  const at = await placeOf(top);
  await cell(page, top).locator('[data-stack]').click();
  await until(async () => (await shownOf(page, three)).length === 3, 'the count does not open');
  const rows = (await cellsInOrder(page)).map(({ row }) => row);
  assert.equal(rows.indexOf(top), at);
  assert.deepEqual(rows.slice(at, at + 3).sort((a, b) => a - b), three);
  assert.equal(await current(page), String(top));
  // The arrow keys go through the opened stack. The key O folds the stack and makes its top picture current again.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await current(page), String(rows[at + 2]));
  await page.keyboard.press('x');
  await until(() => marks().length === 1, 'not marked');
  assert.deepEqual(marks(), [{ row: rows[at + 2], flag: -1, stars: 0 }]);
  await page.keyboard.press('o');
  await until(async () => (await shownOf(page, three)).length === 1, 'O does not fold');
  assert.equal(await current(page), String(top));
  // A pick becomes the top of its stack. The stack keeps its place.
  await page.keyboard.press('o');
  await cell(page, rows[at + 1]).click({ position: { x: 20, y: 40 } });
  await page.keyboard.press('p');
  await page.keyboard.press('o');
  await until(async () => (await shownOf(page, three)).join() === String(rows[at + 1]), 'the pick is not on top');
  assert.equal(await placeOf(rows[at + 1]), at);
  // An opened stack stays open after a reload.
  await page.keyboard.press('o');
  await page.reload();
  await until(async () => (await shownOf(page, three)).length === 3, 'the reload folds the opened stack');
}, tall);

stacked('all pictures of a prompt are one cell; Review folds near copies in its rows', async (page) => {
  await small(page);
  await kind(page).selectOption('prompt');
  const prompts = one('SELECT count(DISTINCT prompt) AS n FROM image_prompts').n;
  const without = one('SELECT count(*) AS n FROM images WHERE id NOT IN (SELECT image FROM image_prompts)').n;
  await until(async () => (await page.locator('.wall [data-row]').count()) === prompts + without, 'not a cell for each prompt');
  // The top of each stack is goldpan's suggestion.
  const suggested = sql(pictures, 'SELECT image - 1 AS row FROM picks').map(({ row }) => row);
  const shown = (await cellsInOrder(page)).map(({ row }) => row);
  assert.ok(suggested.every((row) => shown.includes(row)));
  await page.keyboard.press('r');
  assert.equal(await kind(page).inputValue(), 'off');
  await page.keyboard.press('s');
  assert.equal(await kind(page).inputValue(), 'near');
  await page.getByRole('group', { name: 'Filters', exact: true }).getByRole('button', { name: 'Prompt', exact: true }).click();
  await page.getByRole('dialog', { name: 'Prompt' }).getByRole('textbox').fill(`"${one(`SELECT text FROM prompts WHERE id = (SELECT prompt FROM image_prompts WHERE image = ${pair[0] + 1})`).text}"`);
  await page.keyboard.press('Enter');
  await until(async () => (await shownOf(page, pair)).length === 1, 'Review does not fold the pair');
  const [top] = await shownOf(page, pair);
  await cell(page, top).locator('[data-stack]').click();
  await until(async () => (await shownOf(page, pair)).length === 2, 'Review does not open the pair');
  await view(page, 'Table');
  await until(async () => (await shownOf(page, pair)).length === 2, 'the table does not show the opened pair');
  await cell(page, top).locator('[data-stack]').click();
  await until(async () => (await shownOf(page, pair)).length === 1, 'the table does not fold the pair');
  // The map shows a point for each picture, and the pane beside the map shows all pictures.
  await view(page, 'Map');
  assert.equal(await kind(page).count(), 0);
  await until(async () => (await shownOf(page, pair)).length === 2, 'the map hides pictures');
}, tall);

stacked('"Reject all but one" shows the pictures first, and one undo takes it back', async (page) => {
  await small(page);
  await page.keyboard.press('s');
  await until(async () => (await shownOf(page, three)).length === 1, 'not folded');
  const [top] = await shownOf(page, three);
  await cell(page, top).click({ position: { x: 20, y: 40 } });
  const facts = page.getByRole('complementary', { name: 'Facts of the picture' });
  await facts.getByText('The top of 3 near copies.').waitFor();
  await facts.getByRole('button', { name: 'Reject all but one…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Reject all but one' });
  await dialog.waitFor();
  await dialog.getByText('2 pictures would be rejected.').waitFor();
  assert.equal(await dialog.getByRole('button', { name: /^Keep this one/ }).count(), 3);
  await page.evaluate(readFileSync(axeSource(), 'utf8'));
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
  // No key acts on the page below the dialog.
  await page.keyboard.press('x');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.deepEqual(marks(), []);
  await facts.getByRole('button', { name: 'Reject all but one…' }).click();
  await dialog.getByRole('button', { name: /^Keep this one/ }).nth(1).click();
  await dialog.getByRole('button', { name: 'Reject 2, keep the chosen one' }).click();
  await page.locator('.notice').getByText('2 pictures rejected.').waitFor();
  await until(() => marks().length === 2, 'not rejected');
  assert.ok(marks().every(({ row, flag }) => three.includes(row) && flag === -1));
  await page.keyboard.press('Control+z');
  await until(() => marks().length === 0, 'one undo is not enough');
}, tall);

stacked('the export says what stacks hide', async (page) => {
  await small(page);
  await page.keyboard.press('s');
  const { hidden: n } = hidden();
  await page.keyboard.press('v');
  const option = page.getByRole('dialog', { name: 'Export pictures' }).locator('.opt').filter({ hasText: 'What is shown now' });
  await option.getByText(`without the ${n} below the tops of stacks`).waitFor();
  assert.equal(await option.locator('.num').innerText(), String(all() - n));
}, tall);
